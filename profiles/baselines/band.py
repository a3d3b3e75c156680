"""The expected band of a figure: median and spread of the same weekday in the weeks before.

Of a day, the same weekday in up to ``WEEKS`` weeks before it; where fewer than ``MIN_LIKE`` of them
are known, the ``RECENT`` days before, told as not seasonal, and the band spans all of them; with
fewer than ``MIN_RECENT`` of those there is no verdict. Of a week, the ``WEEKS`` weeks before. The
expected value is the median, the spread 1.4826 times the median absolute deviation (both hardly
move when an eighth of the past was a campaign), and at least what chance brings: the square root of
the expected count, or that of p(1-p)/n for a share. The band is ``WIDTH`` spreads to either side.
Only the past of a period is used, never what follows.

Growth: arrays of series x periods x weeks, ``_PART`` series at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKS: Final = 8
MIN_LIKE: Final = 4
RECENT: Final = 28
MIN_RECENT: Final = 7
WIDTH: Final = 3.0
MAD_TO_SIGMA: Final = 1.4826  # for normal values (Hampel 1974)
METHOD: Final = (
    f"median and {MAD_TO_SIGMA} x MAD of the same weekday in the {WEEKS} weeks before, "
    f"{WIDTH:g} spreads to either side, at least what chance brings"
)
_PART: Final = 20_000

STATES: Final = ("inside", "above", "below", "unknown")


@dataclass(frozen=True, kw_only=True)
class Band:
    """By series and period: what was expected, its bounds, and the state (a place in
    ``STATES``).
    """

    expected: Floats
    low: Floats
    high: Floats
    seasonal: NDArray[np.bool_]
    state: NDArray[np.int8]


def judge(values: Floats, trials: Floats | None, *, weekly: bool) -> Band:
    """The band of every value of ``values`` (series x consecutive periods; NaN is not known).

    ``trials`` has what shares are of, aligned; without it values are counts or amounts.
    """
    parts = [
        _judge(values[at : at + _PART], None if trials is None else trials[at : at + _PART], weekly)
        for at in range(0, max(len(values), 1), _PART)
    ]
    return Band(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("expected", "low", "high", "seasonal", "state")
        }
    )


def _judge(values: Floats, trials: Floats | None, weekly: bool) -> Band:
    like = _before(values, [lag * (1 if weekly else 7) for lag in range(1, WEEKS + 1)])
    enough = np.isfinite(like).sum(axis=0) >= MIN_LIKE
    expected, spread = _middle(like)
    if not weekly:
        recent = _before(values, list(range(1, RECENT + 1)))
        some = np.isfinite(recent).sum(axis=0) >= MIN_RECENT
        other_expected, other_spread = _middle(recent)
        other_spread = np.fmax(other_spread, _farthest(recent, other_expected) / WIDTH)
        expected = np.where(enough, expected, np.where(some, other_expected, np.nan))
        spread = np.where(enough, spread, np.where(some, other_spread, np.nan))
    else:
        expected, spread = np.where(enough, expected, np.nan), np.where(enough, spread, np.nan)
    spread = np.fmax(spread, _chance(expected, trials))
    low, high = expected - WIDTH * spread, expected + WIDTH * spread
    if trials is not None:
        high = np.minimum(high, 1.0)
    if trials is not None or not np.any(values < 0):
        low = np.maximum(low, 0.0)
    state = np.full(values.shape, STATES.index("unknown"), np.int8)
    known = np.isfinite(values) & np.isfinite(expected)
    state[known] = STATES.index("inside")
    state[known & (values > high)] = STATES.index("above")
    state[known & (values < low)] = STATES.index("below")
    return Band(
        expected=expected, low=low, high=high, seasonal=enough & ~np.isnan(expected), state=state
    )


def _before(values: Floats, lags: list[int]) -> Floats:
    """Lags x series x periods: the value that many periods before, NaN before the first."""
    found = np.full((len(lags), *values.shape), np.nan)
    for at, lag in enumerate(lags):
        if lag < values.shape[1]:
            found[at, :, lag:] = values[:, :-lag]
    return found


def _middle(past: Floats) -> tuple[Floats, Floats]:
    """Median and spread over the first axis, NaN where nothing is known."""
    with np.errstate(all="ignore"):
        ordered = np.sort(past, axis=0)  # NaN last
        count = np.isfinite(past).sum(axis=0)
        median = _median(ordered, count)
        deviation = np.sort(np.abs(past - median), axis=0)
        return median, MAD_TO_SIGMA * _median(deviation, count)


def _farthest(past: Floats, median: Floats) -> Floats:
    """How far the past was from its median at most: without weekdays anything seen is expected."""
    distance = np.abs(past - median)
    return cast(Floats, np.where(np.isfinite(distance), distance, 0.0).max(axis=0))


def _median(ordered: Floats, count: NDArray[Any]) -> Floats:
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    pair = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
    return np.where(count > 0, (pair[0] + pair[1]) / 2, np.nan)


def _chance(expected: Floats, trials: Floats | None) -> Floats:
    """The standard deviation that counting alone brings."""
    with np.errstate(all="ignore"):
        if trials is None:
            return np.sqrt(np.maximum(np.abs(expected), 1.0))
        share = np.clip(expected, 0, 1)
        # of a share near 0 or 1 at least that of one in n + 2 (Laplace)
        least = np.maximum(share * (1 - share), 1.0 / (trials + 2))
        return np.sqrt(least / np.maximum(trials, 1))
