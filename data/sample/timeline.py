"""When things happen in the sample: 28 days of September 2026 in Beijing time, with one crisis.

A customer's video breaks on Thursday evening, complaints grow for 18 hours, spread to two other
contents, and the apology follows on Friday at 13:40.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


def beijing(text: str) -> int:
    """Epoch seconds of a Beijing date and time such as 2026-09-17 19:40."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BEIJING).timestamp())


START_S: Final = beijing("2026-09-01 00:00")
END_S: Final = beijing("2026-09-29 00:00")
CRISIS_START_S: Final = beijing("2026-09-17 19:40")
APOLOGY_S: Final = beijing("2026-09-18 13:40")
SPREAD_DELAY_S: Final = {"dy-crisis": 180, "wb-anime": 8400, "dy-launch": 14400}

# Share of a day's comments by hour, 0 to 23: lunch and a long evening.
DAY_RHYTHM: Final = (
    5,
    3,
    2,
    1,
    1,
    1,
    2,
    5,
    8,
    9,
    10,
    12,
    16,
    13,
    10,
    10,
    11,
    13,
    16,
    19,
    22,
    23,
    19,
    12,
)
WEEK_RHYTHM: Final = (0.9, 0.9, 0.95, 1.0, 1.15, 1.35, 1.25)  # Monday first
# The crisis by hour since it broke: a first wave, a short night, and a larger morning.
CRISIS_GROWTH: Final = (3, 5, 7, 8, 8, 6, 4, 3, 3, 4, 6, 10, 14, 16, 17, 18, 19, 20)


def rhythm(moment_s: int) -> float:
    """Relative activity at a moment, by hour of day and day of week."""
    local = datetime.fromtimestamp(moment_s, BEIJING)
    return DAY_RHYTHM[local.hour] * WEEK_RHYTHM[local.weekday()]


def normal_weight(created_s: int, half_life_days: float) -> Callable[[int], float]:
    """Activity on a content that fades from its publication, never quite to nothing."""

    def weight(moment_s: int) -> float:
        age_days = (moment_s - created_s) / DAY_S
        fading: float = 0.5 ** (age_days / half_life_days) + 0.1
        return rhythm(moment_s) * fading

    return weight


def crisis_weight(moment_s: int) -> float:
    """Activity during the crisis."""
    hour = (moment_s - CRISIS_START_S) // HOUR_S
    return CRISIS_GROWTH[min(hour, len(CRISIS_GROWTH) - 1)]


def apology_weight(moment_s: int) -> float:
    """Activity after the apology, halving every 30 hours."""
    return normal_weight(APOLOGY_S, 1.25)(moment_s)


def draw_moment(
    rng: random.Random, start_s: int, end_s: int, weight: Callable[[int], float]
) -> int:
    """A moment in [start_s, end_s), drawn by the weight of its hour."""
    starts = list(range(start_s, end_s, HOUR_S))
    weights = [round(weight(s) * min(HOUR_S, end_s - s), 3) for s in starts]
    begin = rng.choices(starts, weights)[0]
    return rng.randrange(begin, min(begin + HOUR_S, end_s))


def clock(moment_s: int) -> str:
    """Beijing wall-clock time without a zone, as shops export it."""
    return datetime.fromtimestamp(moment_s, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def iso(moment_s: int) -> str:
    """ISO 8601 with the Beijing offset."""
    return datetime.fromtimestamp(moment_s, BEIJING).isoformat()
