"""One moment for every row of a table of PostgreSQL, without writing the rows.

``as_of`` is dropped and added again with the moment as its default, which the catalogue keeps for
the rows that are there (PostgreSQL 11 and later). A dropped column still takes its place among the
1,600 that a table may have, so after ``MOST_DROPPED`` of them the table is written anew. Where
views of others stand on the column its rows are updated instead.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from profiles.store.ddl import quoted
from profiles.store.postgres_ddl import read_name, view_statements
from profiles.store.postgres_swap import write_anew

MOST_DROPPED: Final = 200  # columns; each new row has a bit for each of them


def stamp_rows(connection: psycopg.Connection[Any], name: str, as_of: datetime) -> None:
    """Let ``as_of`` of every row be a moment; later rows have what they come with."""
    try:
        with connection.transaction():
            _stamp_catalogue(connection, name, as_of)
    except psycopg.errors.DependentObjectsStillExist:
        connection.execute(
            f"UPDATE {quoted(name)} SET as_of = %(as_of)s "
            "WHERE as_of IS DISTINCT FROM %(as_of)s::timestamptz",
            {"as_of": as_of},
        )


def _is_worn(connection: psycopg.Connection[Any], name: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = %s::regclass AND attisdropped",
        [quoted(name)],
    ).fetchone()
    return row is not None and row[0] >= MOST_DROPPED


def _stamp_catalogue(connection: psycopg.Connection[Any], name: str, as_of: datetime) -> None:
    if _is_worn(connection, name):
        write_anew(connection, name)
    if read_name(name) != name:
        connection.execute(f"DROP VIEW IF EXISTS {quoted(read_name(name))}")
    moment = sql.Literal(as_of.isoformat()).as_string(connection)
    connection.execute(
        f"""ALTER TABLE {quoted(name)} DROP COLUMN as_of,
            ADD COLUMN as_of timestamptz DEFAULT {moment}::timestamptz"""
    )
    connection.execute(f"ALTER TABLE {quoted(name)} ALTER COLUMN as_of DROP DEFAULT")
    for statement in view_statements(name):
        connection.execute(statement)
