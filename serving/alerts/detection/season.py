"""How busy an hour of the week is: a factor around 1 for every key, learnt from coarse to fine.

Each level shrinks to the one above by imagined comments: a key's own week to the week of all keys,
that to the day of all keys, that to a stated day. Sums of comments are divided by what a flat week
would have had.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from serving.alerts.detection.state import DetectorState, Floats
from serving.alerts.detection.thresholds import HOUR_STEPS, STEP_S, WEEK_HOURS, Thresholds

# Assumed until data say otherwise: least at four at night, a hump at noon, most at nine in the
# evening; own assumption, given up after some hundred comments per hour of the day. Mean 1.
_NIGHT: Final = (0.8, 0.5, 0.35, 0.25, 0.2, 0.25)
_MORNING: Final = (0.4, 0.65, 0.85, 0.95, 1.05, 1.15)
_AFTERNOON: Final = (1.35, 1.25, 1.1, 1.1, 1.15, 1.2)
_EVENING: Final = (1.25, 1.4, 1.65, 1.75, 1.6, 1.2)
_DAY: Final = np.array([*_NIGHT, *_MORNING, *_AFTERNOON, *_EVENING])
PRIOR_DAY: Final = _DAY / _DAY.mean()
OF_DAY, OF_POOL, OF_OWN = 100.0, 200.0, 60.0  # imagined comments per hour slot
_THURSDAY: Final = 3  # 1 January 1970, counted from Monday


def hour_number(step: int, thresholds: Thresholds) -> int:
    """Local hours since 1 January 1970."""
    return step * STEP_S // 3600 + thresholds.utc_offset_hours


def hour_of_week(hour: int) -> int:
    """0 is Monday, midnight to one."""
    return (hour + 24 * _THURSDAY) % WEEK_HOURS


def season_factor(state: DetectorState, hour: int) -> Floats:
    """The factor of every key in one local hour, shape (keys,)."""
    slot, clock = hour_of_week(hour), hour % 24
    day = (state.a["day_sum"][clock] + OF_DAY * PRIOR_DAY[clock]) / (
        state.a["day_base"][clock] + OF_DAY
    )
    pool = (state.a["pool_sum"][slot] + OF_POOL * day) / (state.a["pool_base"][slot] + OF_POOL)
    own: Floats = (state.view("season_sum")[slot] + OF_OWN * pool) / (
        state.view("season_base")[slot] + OF_OWN
    )
    return own


def turn_hour(state: DetectorState, hour: int) -> None:
    """Fills in the factors around a new hour, for ``step_factor``."""
    for at, offset in enumerate((-1, 0, 1)):
        state.view("factor")[at] = season_factor(state, hour + offset)


def step_factor(state: DetectorState, step: int) -> Floats:
    """The factor in the middle of a step, on straight lines between the middles of hours."""
    place = (step % HOUR_STEPS + 0.5) / HOUR_STEPS - 0.5
    before, now, after = state.view("factor")
    other, weight = (before, -place) if place < 0 else (after, place)
    mixed: Floats = now * (1 - weight) + other * weight
    return mixed


def learn_season(
    state: DetectorState,
    hour: int,
    comments: Floats,
    base: Floats,
    learns: npt.NDArray[np.bool_],
    thresholds: Thresholds,
) -> None:
    """Adds one local hour: ``comments`` seen and ``base``, what a flat week would have had."""
    slot, clock = hour_of_week(hour), hour % 24
    keep = 0.5 ** (1 / thresholds.season_half_life_weeks)
    sums, bases = state.view("season_sum")[slot], state.view("season_base")[slot]
    sums[learns] = keep * sums[learns] + comments[learns]
    bases[learns] = keep * bases[learns] + base[learns]
    for name, at, fade in (("pool", slot, keep), ("day", clock, keep ** (1 / 7))):
        total, flat = state.a[f"{name}_sum"], state.a[f"{name}_base"]
        total[at] = fade * total[at] + comments[learns].sum()
        flat[at] = fade * flat[at] + base[learns].sum()
