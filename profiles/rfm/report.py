"""RFM of order rows as of a day: persons with scores and segments, summaries, and migration.

The eight segments part at a cut: the means of the persons (default), their medians, the scores
(high is 4 or 5), or the cut of a rules file; a value on the cut is not high. Where all are equal
nobody is above the mean, so that all are 一般挽留.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import duckdb
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.rfm.purchases import OrderCounts, count_orders, persons_sql, read_purchases
from profiles.rfm.rules import Cut, Rules
from profiles.rfm.scores import Method, score_persons, tie_report
from profiles.rfm.segments import Segments, load_segments

CutBy = Literal["mean", "median", "score"]
HIGH_SCORE: Final = 4  # from which a score counts as high under the cut ``score``
ABSENT: Final = "未购买"  # in a migration: no purchase yet at the earlier day


@dataclass(frozen=True, kw_only=True)
class SegmentSummary:
    """One segment's persons; money in CNY, shares 0..1, medians null where nobody is in it."""

    key: str
    name: str
    persons: int
    share: float
    revenue_cny: float
    revenue_share: float | None
    median_recency_days: float | None
    median_frequency: float | None
    median_spend_cny: float | None


@dataclass(frozen=True, kw_only=True)
class RfmReport:
    """RFM as of a day.

    ``table`` has one row per person by id: person_id, recency_days, frequency, spend_cny, r, f, m,
    segment8, segment11, tied. ``ties`` is that of ``scores.tie_report``.
    """

    as_of: date
    method: Method
    persons: int
    ties: dict[str, float]
    cut: Cut | None  # none where the cut is by score, or nobody bought
    counts: OrderCounts
    segments: Segments
    eight: list[SegmentSummary]
    eleven: list[SegmentSummary]
    table: pa.Table


def build_rfm(
    orders: pa.Table,
    as_of: date,
    *,
    method: Method = "ties",
    rules: Rules | None = None,
    cut_by: CutBy = "mean",
    segments: Segments | None = None,
) -> RfmReport:
    """Return RFM of order rows (see ``purchases``) as of the end of a day in China.

    ``rules`` go before ``method`` for the scores, and their cut, where given, before ``cut_by``.

    Raises:
        ProfilesError: a column is missing.
    """
    segments = segments or load_segments()
    with _connection() as connection:
        read_purchases(connection, orders)
        counts = count_orders(connection, as_of)
        connection.execute(f"CREATE TABLE persons AS {persons_sql()}", {"as_of": as_of})
        score_persons(connection, method, rules)
        cut = rules.cut if rules and rules.cut else _cut(connection, cut_by)
        _name(connection, segments, cut)
        table = connection.execute(_ROWS).to_arrow_table()
        return RfmReport(
            as_of=as_of,
            method="rules" if rules else method,
            persons=table.num_rows,
            ties=tie_report(connection),
            cut=cut,
            counts=counts,
            segments=segments,
            eight=_summary(connection, "segment8", {n: n for n in segments.eight.values()}),
            eleven=_summary(connection, "segment11", segments.names),
            table=table,
        )


_ROWS: Final = """SELECT person_id, recency_days, frequency, spend_fen / 100.0 AS spend_cny,
    r, f, m, segment8, segment11, r_tied OR f_tied OR m_tied AS tied
    FROM named ORDER BY person_id"""


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _cut(connection: duckdb.DuckDBPyConnection, by: CutBy) -> Cut | None:
    if by == "score":
        return None
    row = connection.execute(
        f"""SELECT {by}(recency_days), {by}(frequency), {by}(spend_fen) / 100.0 FROM persons"""
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return Cut(recency_days=row[0], frequency=row[1], spend_cny=row[2])


def _name(connection: duckdb.DuckDBPyConnection, segments: Segments, cut: Cut | None) -> None:
    """Make the table ``named``: ``scored`` with both segments."""
    if cut is None:
        flags = [f"{score} >= {HIGH_SCORE}" for score in "rfm"]
    else:
        flags = [
            f"recency_days < {cut.recency_days!r}::DOUBLE",
            f"frequency > {cut.frequency!r}::DOUBLE",
            f"spend_fen / 100.0 > {cut.spend_cny!r}::DOUBLE",
        ]
    connection.register("eight_in", segments.eight_table())
    connection.register("eleven_in", segments.eleven_table())
    connection.execute(
        f"""CREATE OR REPLACE TABLE named AS
            SELECT scored.*, segment8, segment11 FROM scored
            JOIN eight_in ON near = ({flags[0]}) AND often = ({flags[1]}) AND much = ({flags[2]})
            JOIN eleven_in ON eleven_in.r = scored.r AND eleven_in.f = scored.f
                AND eleven_in.m = scored.m"""
    )


def _summary(
    connection: duckdb.DuckDBPyConnection, column: str, names: dict[str, str]
) -> list[SegmentSummary]:
    """One row per segment in the order of the file, those with nobody too."""
    found = connection.execute(
        f"""SELECT {column}, count(*), sum(spend_fen)::BIGINT, median(recency_days),
            median(frequency), median(spend_fen) / 100.0 FROM named GROUP BY {column}"""
    ).fetchall()
    by_key: dict[str, tuple[Any, ...]] = {row[0]: row[1:] for row in found}
    persons = sum(row[0] for row in by_key.values())
    revenue = sum(row[1] for row in by_key.values())
    rows = []
    for key, name in names.items():
        n, fen, recency, frequency, spend = by_key.get(key, (0, 0, None, None, None))
        rows.append(
            SegmentSummary(
                key=key,
                name=name,
                persons=n,
                share=n / persons if persons else 0.0,
                revenue_cny=fen / 100,
                revenue_share=fen / revenue if revenue > 0 else None,
                median_recency_days=recency,
                median_frequency=frequency,
                median_spend_cny=spend,
            )
        )
    return rows


def migration(before: RfmReport, after: RfmReport, column: str) -> dict[str, dict[str, int]]:
    """Return how many persons went from each segment (outer key) to each (inner key).

    ``column`` is segment8 or segment11. Persons without a purchase at the earlier day stand under
    ``ABSENT``; the counts add up to the persons of ``after``. All cells are there.

    Raises:
        ProfilesError: ``before`` is the later one.
    """
    if before.as_of > after.as_of:
        raise ProfilesError(
            f"expected a day up to {after.as_of} to compare with, found {before.as_of}; "
            "swap the two"
        )
    keys = list(dict.fromkeys(_keys(before, column) + _keys(after, column)))
    with _connection() as connection:
        connection.register("before_in", before.table.select(["person_id", column]))
        connection.register("after_in", after.table.select(["person_id", column]))
        found = connection.execute(
            f"""SELECT coalesce(b.{column}, '{ABSENT}'), a.{column}, count(*)
                FROM after_in AS a LEFT JOIN before_in AS b USING (person_id) GROUP BY ALL"""
        ).fetchall()
    matrix = {source: dict.fromkeys(keys, 0) for source in [*keys, ABSENT]}
    for source, target, n in found:
        matrix[source][target] = n
    return matrix


def _keys(report: RfmReport, column: str) -> list[str]:
    return [row.key for row in (report.eight if column == "segment8" else report.eleven)]
