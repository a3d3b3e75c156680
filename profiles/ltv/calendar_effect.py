"""Seasons as bent time: a day in a busy month counts for more than a day of age.

Where a person's rate of buying is multiplied by a season that all share, BG/NBD holds unchanged in
the time in which the season is even, because persons drop out at purchases; the other models follow
the same time. A season comes from a file::

    version: 1
    months: {1: 0.9, 2: 0.8, 11: 1.6, 12: 1.4}   # those left out are 1
    days: {"06-18": 3, "11-11": 5}               # on top of the month; optional

or from the persons' own repeat purchases, month against expected, once they span a year.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from profiles.errors import ProfilesError
from profiles.ltv.beta_geometric import BetaGeometric
from profiles.ltv.summary import DAYS_PER_UNIT, Ages, Floats, Ints, Summary, Unit, group_equal

_EPOCH: Final = date(1970, 1, 1)
PRIOR_PURCHASES: Final = 30.0  # that each month is taken to have had as expected; chosen
MIN_MONTHS: Final = 12  # whole ones, before seasons can be told from ageing


@dataclass(frozen=True, kw_only=True)
class Season:
    """Multipliers by month (1..12) and by day (month, day); what is not there is 1."""

    months: dict[int, float] = field(default_factory=dict)
    days: dict[tuple[int, int], float] = field(default_factory=dict)

    def weight(self, day: date) -> float:
        """Return how much a day counts."""
        return self.months.get(day.month, 1.0) * self.days.get((day.month, day.day), 1.0)


def load_season(path: Path) -> Season:
    """Return the season of a file.

    Raises:
        ProfilesError: the file cannot be read or breaks the form.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        months = {int(month): float(one) for month, one in (document.get("months") or {}).items()}
        days = {_month_day(name): float(one) for name, one in (document.get("days") or {}).items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, ValueError) as error:
        raise ProfilesError(
            f"expected a season in {path}, found: {' '.join(str(error).split())}; "
            "see docs/segments.md for the form"
        ) from error
    wrong: list[float] = [m for m in months if not 1 <= m <= 12]
    wrong += [one for one in (*months.values(), *days.values()) if not 0 < one < 100]
    if wrong or not (months or days):
        raise ProfilesError(
            f"expected months 1..12 and multipliers above 0 in {path}, found {wrong or 'none'}; "
            "correct the file"
        )
    return Season(months=months, days=days)


def bent_ages(summary: Summary, unit: Unit, season: Season | None) -> Ages:
    """Return x, t_x and T in a unit of time, bent by a season where one is given."""
    days = DAYS_PER_UNIT[unit]
    if season is None:
        t_x, age = summary.recency_days / days, summary.age_days / days
    else:
        start = int(summary.first_day.min())
        clock = _clock(season, start, (summary.end - _EPOCH).days)
        at = summary.first_day - start
        t_x = (clock[at + summary.recency_days] - clock[at]) / days
        age = (clock[at + summary.age_days] - clock[at]) / days
    return Ages(x=summary.x.astype(float), t_x=t_x, T=age, weight=np.ones(len(summary)))


def bent_horizon(end: date, days: float, unit: Unit, season: Season | None) -> float:
    """Return the ``days`` after ``end`` in a unit of time, bent by a season where one is given."""
    if season is None:
        return days / DAYS_PER_UNIT[unit]
    start = (end - _EPOCH).days
    clock = _clock(season, start, start + int(np.ceil(days)))
    return float(np.interp(days, np.arange(len(clock)), clock)) / DAYS_PER_UNIT[unit]


def estimate_season(summary: Summary) -> Season:
    """Return multipliers by month from repeat purchases against those that BG/NBD expects.

    Months are pulled towards 1 by ``PRIOR_PURCHASES`` and average 1. Only whole months count.

    Raises:
        ProfilesError: the purchases span less than a year, or BG/NBD cannot be fitted.
    """
    first = _EPOCH + timedelta(days=int(summary.first_day.min()))
    months = _whole_months(first, summary.end)
    if len(months) < MIN_MONTHS:
        raise ProfilesError(
            f"expected {MIN_MONTHS} whole months of purchases to see a season, found {len(months)} "
            f"from {first} to {summary.end}; give a season in a file, or none"
        )
    model = BetaGeometric.fit(group_equal(bent_ages(summary, "day", None))[0])
    cohorts, persons = np.unique(summary.first_day, return_counts=True)
    seen, wanted = np.zeros(13), np.zeros(13)
    for month in months:
        low, high = _month_start(month), _month_start(month + 1)
        seen[month % 12 + 1] += summary.repeats_by_month.get(month, 0)
        wanted[month % 12 + 1] += _expected(model, cohorts, persons, low, high)
    ratio = (seen + PRIOR_PURCHASES) / (wanted + PRIOR_PURCHASES)
    ratio /= ratio[1:].mean()
    return Season(months={month: float(ratio[month]) for month in range(1, 13)})


def _expected(model: BetaGeometric, cohorts: Ints, persons: Ints, low: date, high: date) -> float:
    """Repeat purchases of all persons, unseen, from one day to another."""
    made = [
        model.expected(_newborn(len(cohorts)), np.maximum((day - _EPOCH).days - cohorts, 0) * 1.0)
        for day in (low, high)
    ]
    return float(persons @ (made[1] - made[0]))


def _newborn(n: int) -> Ages:
    zero: Floats = np.zeros(n)
    return Ages(x=zero, t_x=zero, T=zero, weight=np.ones(n))


def _clock(season: Season, start: int, end: int) -> Floats:
    """Bent days since ``start``, at each day from it to ``end``."""
    days = [_EPOCH + timedelta(days=d) for d in range(start + 1, end + 1)]
    return np.concatenate([[0.0], np.cumsum([season.weight(day) for day in days])])


def _whole_months(first: date, end: date) -> list[int]:
    last = end + timedelta(days=1)
    low = first.year * 12 + first.month - 1 + (first.day > 1)
    return list(range(low, last.year * 12 + last.month - 1))


def _month_start(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _month_day(name: Any) -> tuple[int, int]:
    month, _, day = str(name).partition("-")
    date(2024, int(month), int(day))  # a leap year: every day there is
    return int(month), int(day)
