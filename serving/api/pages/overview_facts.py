"""What the overview says: counts by label and day, the normal band, crises; numbers only.

Days are judged twice: against the band of the same weekday before (``profiles.baselines.band``),
and by the rule of the report for a crisis (``profiles.surge``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np

from profiles.baselines.band import judge
from profiles.bench import lent_for_reading
from profiles.overview import Period, read_groups, read_summary
from profiles.read import last_refresh
from profiles.surge import read_surges
from serving.report.aspects import AspectRow, aspect_rows
from serving.report.crisis import Crisis, crises
from serving.report.groups import Group, PeriodCount, groups_of, periods_of

MAX_PERIODS: Final = 92  # columns that fit a chart; a longer time is counted in weeks, then months


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The negative comments that a day should have had; None where too little is known."""

    expected: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The numbers of the first page as of a moment; ``expected`` is aligned with ``periods``."""

    as_of: datetime
    refreshed: datetime | None
    waiting: int
    summary: dict[str, Any]
    groups: dict[str, list[Group]]
    aspects: list[AspectRow]
    period: Period
    periods: list[PeriodCount]
    expected: list[Expected]
    crises: list[Crisis]

    def n(self, kind: str, key: str) -> int:
        """Comments with a label."""
        return next((g.n for g in self.groups.get(kind, []) if g.key == key), 0)

    @property
    def crisis_days(self) -> set[date]:
        """The days of all crises; none where columns are longer than days."""
        if self.period != "day":
            return set()
        return {day for crisis in self.crises for day in crisis.days}


def read_overview(store: Any) -> Overview:
    """The overview as of now."""
    as_of = datetime.now(UTC)
    with lent_for_reading(store, ("comments",)) as here:
        summary = read_summary(here, as_of)
        period = _period(summary["first_at"], summary["last_at"])
        counted = groups_of(read_groups(here, as_of, period=period))
        found = crises(read_surges(here, as_of).to_pylist())
    groups = {
        kind: [replace(group, evidence=[]) for group in rows] for kind, rows in counted.items()
    }
    periods = periods_of(groups.pop("period", []), period)
    days = {day for crisis in found for day in crisis.days}
    return Overview(
        as_of=as_of,
        refreshed=last_refresh(store),
        waiting=store.count("touched"),
        summary=summary,
        groups=groups,
        aspects=aspect_rows(groups.get("aspect", [])),
        period=period,
        periods=periods[-MAX_PERIODS:],
        expected=_expected(periods, period, days)[-MAX_PERIODS:],
        crises=[_without_texts(one) for one in found],
    )


def _period(first: datetime | None, last: datetime | None) -> Period:
    if first is None or last is None:
        return "day"
    days = (last - first).days + 2
    if days <= MAX_PERIODS:
        return "day"
    return "week" if days <= 7 * MAX_PERIODS else "month"


def _expected(periods: list[PeriodCount], period: Period, crisis_days: set[date]) -> list[Expected]:
    """The band of negative comments by day or week; months are too few to say.

    Days of a crisis are no part of what is normal after them.
    """
    unknown = Expected(expected=None, low=None, high=None)
    if not periods or period == "month":
        return [unknown] * len(periods)
    no_day = crisis_days if period == "day" else set()
    values = np.array([[np.nan if p.start in no_day else float(p.n_negative) for p in periods]])
    band = judge(values, None, weekly=period == "week")
    return [
        Expected(
            expected=float(band.expected[0, at]),
            low=float(band.low[0, at]),
            high=float(band.high[0, at]),
        )
        if np.isfinite(band.expected[0, at])
        else unknown
        for at in range(len(periods))
    ]


def _without_texts(crisis: Crisis) -> Crisis:
    """What is kept holds no comments."""
    return replace(
        crisis,
        worst={**crisis.worst, "evidence": [], "contents": []},
        surges=[],
        contents=[replace(one, evidence=[]) for one in crisis.contents],
    )
