"""What chance does to the distance of short and long interest: the same days in another order.

The null hypothesis: which day brought which topics has nothing to do with when. A day is moved as
a whole, because signals of one day hang together. Up to ``EXACT_DAYS`` days every order is tried;
above it ``ROUNDS`` orders drawn with the seed, the same for all persons with as many days, so that
nobody's result depends on who else is in the table (Phipson and Smyth 2010 for the p-value).

Growth: persons x orders x days x topics, in blocks of fixed size.
"""

from __future__ import annotations

from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from profiles.divergence import Floats, js_distance
from profiles.interest import LONG_HALF_LIFE_DAYS, SHORT_HALF_LIFE_DAYS
from profiles.panel import Panel, fade

EXACT_DAYS: Final = 7  # 5,040 orders
ROUNDS: Final = 999
SEED: Final = 20260101
_BLOCK_CELLS: Final = 8_000_000  # 64 MB per array
_EQUAL: Final = 1e-9  # distances nearer than this are the same but for rounding


def arrangements(n: int, seed: int = SEED) -> NDArray[np.int64]:
    """Return orders of n days, (orders, n): all of them, or ``ROUNDS`` drawn with the seed."""
    if n <= EXACT_DAYS:
        return np.asarray(list(permutations(range(n))), dtype=np.int64).reshape(-1, n)
    days = np.broadcast_to(np.arange(n), (ROUNDS, n))
    return np.random.default_rng([seed, n]).permuted(days, axis=1)


def distances(panel: Panel) -> Floats:
    """Return the distance (P,) of each person's short and long interest."""
    short, long = (panel.interests(h) for h in (SHORT_HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS))
    return js_distance(short, long)


def shuffled_distances(panel: Panel, orders: NDArray[np.int64]) -> Floats:
    """Return the distance of each person under each order of their days, (P, orders)."""
    found = np.empty((len(panel.persons), len(orders)))
    cells = len(orders) * (panel.mass.shape[1] + panel.mass.shape[2])
    step = max(1, _BLOCK_CELLS // cells)
    for start in range(0, len(found), step):
        block = panel.take(np.arange(start, min(start + step, len(found))))
        short, long = (
            fade(block.age_days, half_life)[:, orders] @ block.mass
            for half_life in (SHORT_HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS)
        )
        found[start : start + step] = js_distance(short, long)
    return found


def p_values(panel: Panel, seed: int = SEED) -> Floats:
    """Return per person (P,) how often chance brings a distance as large: above 0, at most 1."""
    n = panel.mass.shape[1]
    reached = distances(panel) - _EQUAL
    counts = np.empty(len(reached))
    orders = arrangements(n, seed)
    step = max(1, _BLOCK_CELLS // len(orders))
    for start in range(0, len(reached), step):
        part = slice(start, min(start + step, len(reached)))
        chance = shuffled_distances(panel.take(np.arange(part.start, part.stop)), orders)
        counts[part] = (chance >= reached[part, None]).sum(axis=1)
    if n <= EXACT_DAYS:
        return counts / len(orders)
    return (counts + 1) / (len(orders) + 1)
