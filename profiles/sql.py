"""How a dimension's SQL is run: over Arrow tables here, and unchanged over stored tables elsewhere.

Each SELECT reads relations ending in ``_in`` and the parameter ``$as_of``. Days are days in China
(``LOCAL_ZONE``, UTC+8 the year round), because that is where the audience lives.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from data import columns
from profiles.errors import ProfilesError

LOCAL_ZONE: Final = "Asia/Shanghai"

# what may be known as of a moment: later rows are left out, undated ones count in totals
SEEN: Final = "(created_at IS NULL OR created_at <= $as_of)"
# a comment that says something: emotes ([赞]) and emoji aside, at least four letters or digits
MIN_TELLING_CHARS: Final = 4
TELLS: Final = f"""(length(regexp_replace(coalesce(text, ''),
    '\\[[^\\[\\]]{{1,8}}\\]|[^\\p{{L}}\\p{{N}}]', '', 'g')) >= {MIN_TELLING_CHARS})"""
LOCAL_DAY: Final = f"CAST(timezone('{LOCAL_ZONE}', created_at) AS DATE)"


def run_sql(sql: str, tables: dict[str, pa.Table], as_of: datetime) -> pa.Table:
    """Return the result of ``sql`` over ``tables`` (by relation name), in memory.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(sql, {"as_of": as_of}).to_arrow_table()


def check_as_of(as_of: datetime) -> None:
    """Refuse a moment without time zone.

    Raises:
        ProfilesError: ``as_of`` is naive.
    """
    if as_of.tzinfo is None:
        raise ProfilesError(
            f"expected as_of with a time zone, found {as_of.isoformat()}; "
            "give 2026-05-01T00:00:00+08:00, for example"
        )


def complete_comments(comments: pa.Table) -> pa.Table:
    """Return ``comments`` with every canonical and score column, absent ones null."""
    for field in [*columns.COMMENTS, *columns.SCORES]:
        if field.name not in comments.column_names:
            comments = comments.append_column(field, pa.nulls(comments.num_rows, field.type))
    return comments
