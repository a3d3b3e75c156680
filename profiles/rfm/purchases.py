"""Order rows as they came, made purchases: one row per person as of a day.

A day is a day in China; a moment without a zone is taken as China's. What counts:

- rows of one ``order_id`` are lines of one order, and equal lines of it are one line given twice;
  without an ``order_id`` every row is an order, equal rows too;
- an order of zero or more is a purchase; a negative one is a refund, which lowers the spend and is
  neither a purchase nor recent;
- rows later than ``as_of`` are not known yet; a person with refunds only has no purchases.

Money is added as whole fen, so that a sum does not depend on the order of rows. Nothing is dropped
in silence: ``OrderCounts`` adds up to the rows given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.sql import LOCAL_ZONE

COLUMNS: Final = ("person_id", "time", "amount")  # and order_id, where the source has one
_ZONED: Final = r"[0-9][ ]?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


@dataclass(frozen=True, kw_only=True)
class OrderCounts:
    """What became of the rows; the first six add up to ``rows``, persons are counted apart."""

    rows: int
    used: int
    no_person: int
    bad_time: int
    bad_amount: int
    given_twice: int
    future: int
    refunds: int  # of the used rows' orders, those below zero
    refund_only_persons: int

    def __post_init__(self) -> None:
        parts = (self.used, self.no_person, self.bad_time, self.bad_amount, self.given_twice)
        if sum(parts) + self.future != self.rows:
            raise ProfilesError(f"expected rows that add up, found {self}; report this as a fault")


def read_purchases(connection: duckdb.DuckDBPyConnection, orders: pa.Table) -> None:
    """Make the tables ``lines`` and ``bought`` of order rows in ``connection``.

    ``orders`` has person_id, time and amount, of any type or text, and perhaps order_id.
    ``bought`` has one row per order: person_id, day, fen.

    Raises:
        ProfilesError: a column is missing.
    """
    missing = [name for name in COLUMNS if name not in orders.column_names]
    if missing:
        raise ProfilesError(
            f"expected columns {', '.join(COLUMNS)}, found {', '.join(orders.column_names)}; "
            f"missing: {', '.join(missing)}"
        )
    has_id = "order_id" in orders.column_names
    connection.register("orders_in", orders)
    connection.execute(
        f"""CREATE OR REPLACE TABLE lines AS SELECT
            nullif(trim(person_id::VARCHAR), '') AS person_id,
            {_day(orders.schema.field("time").type)} AS day,
            {_fen(orders.schema.field("amount").type)} AS fen,
            {"nullif(trim(order_id::VARCHAR), '')" if has_id else "NULL::VARCHAR"} AS order_id
            FROM orders_in"""
    )
    connection.unregister("orders_in")
    good = "person_id IS NOT NULL AND day IS NOT NULL AND fen IS NOT NULL"
    connection.execute(
        f"""CREATE OR REPLACE TABLE bought AS
            SELECT person_id, day, fen, 1 AS n_lines FROM lines WHERE {good} AND order_id IS NULL
            UNION ALL
            SELECT person_id, min(day), sum(fen)::BIGINT, count(*) FROM (
                SELECT DISTINCT person_id, order_id, day, fen FROM lines
                WHERE {good} AND order_id IS NOT NULL)
            GROUP BY person_id, order_id"""
    )


def count_orders(connection: duckdb.DuckDBPyConnection, as_of: date) -> OrderCounts:
    """Return what became of the rows that ``read_purchases`` read, as of the end of a day."""
    given = _one(
        connection,
        """SELECT count(*), count(*) FILTER (person_id IS NULL),
            count(*) FILTER (person_id IS NOT NULL AND day IS NULL),
            count(*) FILTER (person_id IS NOT NULL AND day IS NOT NULL AND fen IS NULL)
           FROM lines""",
    )
    rows, no_person, bad_time, bad_amount = given
    kept, used, refunds = _one(
        connection,
        """SELECT coalesce(sum(n_lines), 0)::BIGINT,
            coalesce(sum(n_lines) FILTER (day <= $as_of), 0)::BIGINT,
            count(*) FILTER (day <= $as_of AND fen < 0) FROM bought""",
        as_of,
    )
    only = """SELECT count(*) FROM (SELECT person_id FROM bought WHERE day <= $as_of
        GROUP BY person_id HAVING max(fen) < 0)"""
    return OrderCounts(
        rows=rows,
        used=used,
        no_person=no_person,
        bad_time=bad_time,
        bad_amount=bad_amount,
        given_twice=rows - no_person - bad_time - bad_amount - kept,
        future=kept - used,
        refunds=refunds,
        refund_only_persons=_one(connection, only, as_of)[0] if refunds else 0,
    )


def _one(
    connection: duckdb.DuckDBPyConnection, sql: str, as_of: date | None = None
) -> tuple[int, ...]:
    """The only row of a SELECT of counts."""
    found = connection.execute(sql, {"as_of": as_of} if as_of else {}).fetchone()
    return tuple(map(int, found or ()))


def persons_sql() -> str:
    """Return the SELECT of every person's R, F and M as of ``$as_of`` from the table ``bought``.

    Columns: person_id, recency_days (since the last purchase), frequency (purchases), spend_fen
    (purchases less refunds).
    """
    return """SELECT person_id,
            date_diff('day', max(day) FILTER (fen >= 0), $as_of::DATE)::INTEGER AS recency_days,
            (count(*) FILTER (fen >= 0))::BIGINT AS frequency,
            sum(fen)::BIGINT AS spend_fen
        FROM bought WHERE day <= $as_of::DATE
        GROUP BY person_id HAVING max(fen) >= 0"""


def _day(kind: pa.DataType) -> str:
    """SQL for the day in China of ``time``, null where it cannot be read."""
    if pa.types.is_date(kind):
        return "time::DATE"
    if pa.types.is_timestamp(kind):
        return f"timezone('{LOCAL_ZONE}', time)::DATE" if kind.tz else "time::DATE"
    text = "trim(time::VARCHAR)"
    if pa.types.is_floating(kind):
        text = "try_cast(time AS BIGINT)::VARCHAR"
    plain = f"trim(translate({text}, '/年月日', '--- '))"
    return f"""CASE
        WHEN regexp_full_match({text}, '[0-9]{{8}}') THEN try_strptime({text}, '%Y%m%d')::DATE
        WHEN regexp_full_match({text}, '[0-9]{{9,10}}')
            THEN timezone('{LOCAL_ZONE}', to_timestamp({text}::BIGINT))::DATE
        WHEN regexp_full_match({text}, '[0-9]{{13}}')
            THEN timezone('{LOCAL_ZONE}', to_timestamp({text}::BIGINT / 1000))::DATE
        WHEN length({text}) > 10 AND regexp_matches({text}, ':.*{_ZONED}')
            THEN timezone('{LOCAL_ZONE}', try_cast({plain} AS TIMESTAMPTZ))::DATE
        WHEN regexp_matches({text}, '[-/年]') THEN try_cast({plain} AS TIMESTAMP)::DATE
    END"""


def _fen(kind: pa.DataType) -> str:
    """SQL for ``amount`` in whole fen, null where it is no finite number."""
    number = "try_cast(amount AS DOUBLE)"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        number = "try_cast(regexp_replace(amount, '[¥￥元,，\\s]', '', 'g') AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN try_cast(round({number} * 100) AS BIGINT) END"
