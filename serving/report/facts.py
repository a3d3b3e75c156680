"""What the report says, before it is laid out: numbers, intervals, and the comments behind each.

Everything is read from the store by functions of ``profiles``; nothing here knows HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from profiles.intervals import mean_interval, wilson_interval
from profiles.overview import Period, read_groups, read_summary
from profiles.read import is_refreshed, last_refresh, read_example_profiles, read_insights
from profiles.store.duckdb_store import DuckDBStore
from profiles.surge import read_surges
from serving.report.errors import ReportError
from serving.report.words import name_of

MAX_CONTENTS: Final = 8
MAX_PERSONS: Final = 4
MIN_JUDGED_CONTENT: Final = 10  # fewer judged comments rank no content
_SENTIMENT_KEYS: Final = ("negative", "neutral", "positive", "unjudged")
MAX_PERIODS: Final = 92  # columns that fit a chart; a longer time is counted in weeks, then months


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


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Everything one report says; ``groups`` by kind, each largest first."""

    title: str
    as_of: datetime
    summary: dict[str, Any]
    period: Period
    periods: list[PeriodCount]
    n_before_periods: int  # dated comments older than the first period shown
    groups: dict[str, list[Group]]
    surges: list[dict[str, Any]]
    worst_contents: list[dict[str, Any]]
    n_contents_ranked: int
    persons: list[dict[str, Any]]

    def group(self, kind: str, key: str) -> Group:
        """Return the group of one key; an empty one where no comment carries it."""
        empty = Group(
            kind=kind,
            key=key,
            name=name_of(kind, key),
            n=0,
            n_judged=0,
            n_negative=0,
            n_positive=0,
            evidence=[],
        )
        return next((group for group in self.groups.get(kind, []) if group.key == key), empty)

    def share(
        self, key: str, kind: str = "sentiment", of: str = "n_judged"
    ) -> tuple[float, float, float]:
        """Return share, low and high of a label among those ``of`` counts; NaN without any."""
        n, base = self.group(kind, key).n, self.summary[of]
        low, high = wilson_interval(n, base)
        return (n / base if base else float("nan")), float(low), float(high)

    def mean_score(self) -> tuple[float | None, float, float]:
        """Return the mean sentiment score with its 95 % bounds."""
        mean, deviation = self.summary["mean_score"], self.summary["score_deviation"]
        if mean is None or deviation is None:
            return mean, float("nan"), float("nan")
        return mean, *mean_interval(mean, deviation, self.summary["n_judged"])


def read_facts(store: DuckDBStore, *, title: str, as_of: datetime | None = None) -> ReportFacts:
    """Return what the store says as of a moment; without one, as of its last refresh.

    Raises:
        ReportError: the store was not refreshed as of that moment, or loaded since.
    """
    as_of = _refreshed(store, as_of)
    summary = read_summary(store, as_of)
    period = _period(summary["first_at"], summary["last_at"])
    groups = _groups(read_groups(store, as_of, period=period))
    periods = _periods(groups.pop("period", []), period)
    insights = read_insights(store)
    ranked = _ranked(insights)
    return ReportFacts(
        title=title,
        as_of=as_of,
        summary=summary,
        period=period,
        periods=periods[-MAX_PERIODS:],
        n_before_periods=sum(one.n for one in periods[:-MAX_PERIODS]),
        groups=groups,
        surges=_with_titles(read_surges(store, as_of).to_pylist(), insights),
        worst_contents=ranked[:MAX_CONTENTS],
        n_contents_ranked=len(ranked),
        persons=read_example_profiles(store, MAX_PERSONS),
    )


def _refreshed(store: DuckDBStore, as_of: datetime | None) -> datetime:
    last = last_refresh(store)
    wanted = as_of or last
    if wanted is None or not is_refreshed(store, wanted):
        found = "no refresh" if last is None else f"one as of {last.isoformat()}, or loads after it"
        raise ReportError(
            f"expected a store refreshed as of {wanted.isoformat() if wanted else 'any moment'}, "
            f"found {found}; run: tingfeng refresh"
        )
    return wanted


def _period(first: datetime | None, last: datetime | None) -> Period:
    if first is None or last is None:
        return "day"
    days = (last - first).days + 2
    if days <= MAX_PERIODS:
        return "day"
    return "week" if days <= 7 * MAX_PERIODS else "month"


def _groups(table: pa.Table) -> dict[str, list[Group]]:
    groups: dict[str, list[Group]] = {}
    for row in table.to_pylist():
        row["evidence"] = row["evidence"] or []
        groups.setdefault(row["kind"], []).append(
            Group(name=name_of(row["kind"], row["key"]), **row)
        )
    return groups


def _periods(groups: list[Group], period: Period) -> list[PeriodCount]:
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


def _ranked(insights: pa.Table) -> list[dict[str, Any]]:
    """Return the contents with negative comments, the surest worst first.

    Ranked by the lower bound of the negative share: one bad comment of one is no verdict.
    """
    rows = [
        row
        for row in insights.to_pylist()
        if row["n_judged"] >= MIN_JUDGED_CONTENT and row["n_negative"]
    ]
    return sorted(rows, key=lambda row: (-row["share_negative_low"], row["content_id"]))


def _with_titles(rows: list[dict[str, Any]], insights: pa.Table) -> list[dict[str, Any]]:
    named = insights.select(["platform", "content_id", "title"]).to_pylist()
    titles = {(row["platform"], row["content_id"]): row["title"] for row in named}
    return [{**row, "title": titles.get((row["platform"], row["content_id"]))} for row in rows]
