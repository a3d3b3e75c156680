"""Labels and days as the report counts them, each with the comments behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa

from profiles.intervals import wilson_interval
from profiles.overview import Period
from serving.report.words import name_of

_SENTIMENT_KEYS: Final = ("negative", "neutral", "positive", "unjudged")


@dataclass(frozen=True, kw_only=True)
class Group:
    """A label, how many comments carry it, and the most liked of them."""

    kind: str
    key: str
    name: str
    n: int
    n_judged: int
    n_negative: int
    n_positive: int
    evidence: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PeriodCount:
    """The comments of one day, week or month by sentiment, with the negative ones as evidence."""

    start: date
    n_negative: int
    n_neutral: int
    n_positive: int
    n_unjudged: int
    share: float | None  # of negative among judged
    share_low: float | None
    share_high: float | None
    evidence: list[dict[str, Any]]

    @property
    def n_judged(self) -> int:
        return self.n_negative + self.n_neutral + self.n_positive

    @property
    def n(self) -> int:
        return self.n_judged + self.n_unjudged


def groups_of(table: pa.Table) -> dict[str, list[Group]]:
    """Return the rows of ``profiles.overview`` by kind, in their order."""
    groups: dict[str, list[Group]] = {}
    for row in table.to_pylist():
        row["evidence"] = row["evidence"] or []
        groups.setdefault(row["kind"], []).append(
            Group(name=name_of(row["kind"], row["key"]), **row)
        )
    return groups


def periods_of(groups: list[Group], period: Period) -> list[PeriodCount]:
    """Return every period from first to last, the empty ones too, so that a gap shows as a gap."""
    found: dict[date, dict[str, Group]] = {}
    for group in groups:
        start, sentiment = group.key.split("/")
        found.setdefault(date.fromisoformat(start), {})[sentiment] = group
    if not found:
        return []
    starts = [min(found)]
    while starts[-1] < max(found):
        starts.append(_next_start(starts[-1], period))
    return [_period_count(start, found.get(start, {})) for start in starts]


def _next_start(start: date, period: Period) -> date:
    if period == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + timedelta(days=7 if period == "week" else 1)


def _period_count(start: date, groups: dict[str, Group]) -> PeriodCount:
    n = {name: groups[name].n if name in groups else 0 for name in _SENTIMENT_KEYS}
    judged = n["negative"] + n["neutral"] + n["positive"]
    low, high = wilson_interval(n["negative"], judged)
    return PeriodCount(
        start=start,
        n_negative=n["negative"],
        n_neutral=n["neutral"],
        n_positive=n["positive"],
        n_unjudged=n["unjudged"],
        share=n["negative"] / judged if judged else None,
        share_low=float(low) if judged else None,
        share_high=float(high) if judged else None,
        evidence=groups["negative"].evidence if "negative" in groups else [],
    )
