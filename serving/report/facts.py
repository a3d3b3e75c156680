"""What the report says, before it is laid out: numbers, intervals, and the comments behind each.

Everything is read from the store by functions of ``profiles``; nothing here knows HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from profiles.examples import read_example_profiles
from profiles.intervals import mean_interval, wilson_interval
from profiles.overview import Period, read_groups, read_summary
from profiles.read import is_refreshed, last_refresh, read_insights
from profiles.store.duckdb_store import DuckDBStore
from profiles.surge import read_surges
from serving.report.crisis import Crisis, crises
from serving.report.errors import ReportError
from serving.report.groups import Group, PeriodCount, groups_of, periods_of
from serving.report.words import name_of, opening

MAX_CONTENTS: Final = 8
MAX_PERSONS: Final = 4
MIN_JUDGED_CONTENT: Final = 10  # fewer judged comments rank no content
MIN_TOPIC_COMMENTS: Final = 3  # fewer comments on any topic tell no interests of a person
MAX_PERIODS: Final = 92  # columns that fit a chart; a longer time is counted in weeks, then months


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
    crises: list[Crisis]
    contents: dict[tuple[str | None, str], dict[str, Any]]  # insights by platform and id
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

    def title_of(self, platform: str | None, content_id: str) -> str:
        """Return the title of a content, else how its text begins, else its id."""
        return title_of(self.contents.get((platform, content_id), {}), content_id)

    @property
    def crisis_days(self) -> set[date]:
        """The days of all crises."""
        return {day for crisis in self.crises for day in crisis.days}

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


def title_of(content: dict[str, Any], content_id: str) -> str:
    """Return the title of a content row, else how its text begins, else its id."""
    return opening(content.get("title"), 60) or opening(content.get("text")) or content_id


def read_facts(store: DuckDBStore, *, title: str, as_of: datetime | None = None) -> ReportFacts:
    """Return what the store says as of a moment; without one, as of its last refresh.

    Raises:
        ReportError: the store was not refreshed as of that moment, or loaded since.
    """
    as_of = _refreshed(store, as_of)
    summary = read_summary(store, as_of)
    period = _period(summary["first_at"], summary["last_at"])
    groups = groups_of(read_groups(store, as_of, period=period))
    periods = periods_of(groups.pop("period", []), period)
    insights = read_insights(store).to_pylist()
    ranked = _ranked(insights)
    return ReportFacts(
        title=title,
        as_of=as_of,
        summary=summary,
        period=period,
        periods=periods[-MAX_PERIODS:],
        n_before_periods=sum(one.n for one in periods[:-MAX_PERIODS]),
        groups=groups,
        crises=crises(read_surges(store, as_of).to_pylist()),
        contents={(row["platform"], row["content_id"]): row for row in insights},
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


def _ranked(insights: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the contents with negative comments, the surest worst first.

    Ranked by the lower bound of the negative share: one bad comment of one is no verdict.
    """
    rows = [row for row in insights if row["n_judged"] >= MIN_JUDGED_CONTENT and row["n_negative"]]
    return sorted(rows, key=lambda row: (-row["share_negative_low"], row["content_id"]))
