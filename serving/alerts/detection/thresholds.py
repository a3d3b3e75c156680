"""Every number that detection depends on, with its unit; rules files change them by these names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEP_S: Final = 300  # what time is cut into, seconds
DAY_STEPS: Final = 86_400 // STEP_S
HOUR_STEPS: Final = 3600 // STEP_S
WEEK_HOURS: Final = 168
WINDOWS_S: Final = (900, 1800, 3600, 21_600, 86_400)
WINDOW_STEPS: Final = tuple(seconds // STEP_S for seconds in WINDOWS_S)
# relative standard deviation of a key's rate from window to window, before data say otherwise:
# what a log rate that wanders by 0.3 with a memory of some hours shows
PRIOR_SPREADS: Final = (0.35, 0.35, 0.35, 0.3, 0.25)
HOUR_WINDOW: Final = WINDOWS_S.index(3600)
SIX_HOURS_WINDOW: Final = WINDOWS_S.index(21_600)
DAY_WINDOW: Final = WINDOWS_S.index(86_400)
LONGEST_LATE_STEPS: Final = DAY_STEPS  # counts older than this are too late for any window


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What counts as abnormal, when it is over, and how fast the baseline learns."""

    # false incidents per key and week that chance may bring, over all windows together
    false_alarms_per_key_week: float = 0.004
    false_alarms_per_week: float = 7.0  # the same over all keys, however many there are
    min_negatives: int = 8  # negative comments in the window; fewer are never a burst
    min_ratio: float = 1.8  # observed over expected negative comments
    share_alpha: float = 0.01  # chance that the negative share is no higher than its baseline
    enter_ticks: int = 1  # alarming steps among the last ``enter_of`` to raise an alarm
    enter_of: int = 3  # steps of five minutes
    leave_ratio: float = 1.4  # observed over expected, below which a step is quiet
    leave_minutes: int = 60  # quiet minutes in a row that end an alarm
    new_normal_hours: int = 48  # hours of alarm after which the baseline learns the new level
    learn_lag_hours: int = 6  # hours after which the past becomes baseline
    half_life_days: float = 7.0  # of the level
    season_half_life_weeks: float = 4.0  # of the shape of the week
    rise_ratio: float = 1.6  # the slow rise looked for, as a multiple of the expected number
    rise_min_negatives: int = 30  # negative comments in a slow rise, at least
    utc_offset_hours: int = 8  # whose hours and weekdays the season goes by


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed of a key before its history says otherwise."""

    negatives_per_hour: float = 1.0
    share: float = 0.2  # negative among the judged, 0..1
