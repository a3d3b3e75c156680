"""Who comes back: cohorts by the period of a first event, and the share that returns after n.

A person is in the cohort of the period of their first start event of all (``first``), or in that of
every period with one (``recurring``). ``exact`` counts who returns in the n-th period after it,
``rolling`` in the n-th or any later one. Period 0 is the cohort itself: whoever starts is there.
Periods are days, weeks (from Monday) or months of UTC+8. A period that had not ended by the last
event is marked incomplete, and means leave it out.

Growth: one pass and two sorts of distinct person-periods inside DuckDB; it spills to disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from profiles.funnel.errors import SpecError
from profiles.funnel.relation import Relation
from profiles.funnel.spec import Match
from profiles.funnel.sql import match_sql
from profiles.sql import LOCAL_ZONE

Unit = Literal["day", "week", "month"]
UNITS: Final = ("day", "week", "month")
COHORTS: Final = ("first", "recurring")
COUNTS: Final = ("exact", "rolling")


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Persons of one period, and how many of them were there n periods later; ``complete`` says
    whether the n-th period had ended. Shares are of ``persons``.
    """

    start: str
    persons: int
    returned: tuple[int, ...]
    complete: tuple[bool, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Returned by persons."""
        return tuple(one / self.persons for one in self.returned)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Cohorts in order of time; ``mean`` is over complete periods, weighted by persons."""

    unit: str
    cohorts: tuple[Cohort, ...]
    mean: tuple[float | None, ...]
    rows_in: int
    rejected: int


def read_retention(
    events: Relation,
    start: Match,
    back: Match,
    *,
    unit: str = "week",
    periods: int = 8,
    cohort: str = "first",
    count: str = "exact",
) -> Retention:
    """Who returns with an event of ``back`` after one of ``start``.

    Raises:
        SpecError: an argument is none of those known.
        EventsError: the events lack a property that a filter names.
    """
    _check(unit, periods, cohort, count)
    connection = events.connection
    first = "min(period)" if cohort == "first" else "period"
    later = "=" if count == "exact" else ">="
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE active AS
            SELECT DISTINCT person_id, {match_sql(start, events.columns)} AS starts,
                {match_sql(back, events.columns)} AS returns,
                date_trunc('{unit}', timezone('{LOCAL_ZONE}', make_timestamptz({events.time_ms} *
                1000)))
                    ::DATE AS period
            FROM {events.name} WHERE {events.usable} AND (starts OR returns)"""
    )
    group = "GROUP BY person_id" if cohort == "first" else "GROUP BY person_id, period"
    rows = connection.execute(
        f"""WITH begun AS (SELECT person_id, {first} AS period FROM active WHERE starts {group}),
            size AS (SELECT period, count(*) AS persons FROM begun GROUP BY period),
            steps AS (SELECT unnest(range(0, {periods + 1})) AS n),
            seen AS (
                SELECT begun.period, n, count(DISTINCT begun.person_id) AS returned
                FROM begun JOIN steps ON TRUE JOIN active USING (person_id)
                WHERE returns AND n > 0
                  AND active.period {later} begun.period + to_{unit}s(n::INTEGER)
                GROUP BY ALL)
            SELECT strftime(size.period, '%Y-%m-%d'), persons, n,
                CASE WHEN n = 0 THEN persons ELSE coalesce(returned, 0) END,
                size.period + to_{unit}s(n::INTEGER + 1) <= (SELECT max(period) FROM active)
                    + to_{unit}s(1)
            FROM size JOIN steps ON TRUE LEFT JOIN seen USING (period, n) ORDER BY 1, n"""
    ).fetchall()
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER (NOT ({events.usable})) FROM {events.name}"
    ).fetchone()
    cohorts = _cohorts(rows)
    return Retention(
        unit=unit,
        cohorts=cohorts,
        mean=tuple(_mean(cohorts, n) for n in range(periods + 1)),
        rows_in=counted[0] if counted else 0,
        rejected=counted[1] if counted else 0,
    )


def _check(unit: str, periods: int, cohort: str, count: str) -> None:
    for name, value, known in (
        ("unit", unit, UNITS),
        ("cohort", cohort, COHORTS),
        ("count", count, COUNTS),
    ):
        if value not in known:
            raise SpecError(f"{name}: expected {' or '.join(known)}, found {value!r}; correct it")
    if not 1 <= periods <= 366:
        raise SpecError(f"periods: expected 1 to 366, found {periods}; correct it")


def _cohorts(rows: list[tuple[str, int, int, int, bool]]) -> tuple[Cohort, ...]:
    by_start: dict[str, list[tuple[str, int, int, int, bool]]] = {}
    for row in rows:
        by_start.setdefault(row[0], []).append(row)
    return tuple(
        Cohort(
            start=start,
            persons=of_it[0][1],
            returned=tuple(row[3] for row in of_it),
            complete=tuple(bool(row[4]) for row in of_it),
        )
        for start, of_it in by_start.items()
    )


def _mean(cohorts: tuple[Cohort, ...], n: int) -> float | None:
    told = [one for one in cohorts if one.complete[n]]
    persons = sum(one.persons for one in told)
    return sum(one.returned[n] for one in told) / persons if persons else None
