"""New tables of PostgreSQL built beside the old ones, ``NAME_new``, and put in their place."""

from __future__ import annotations

from typing import Any

import psycopg

from profiles.store.ddl import quoted
from profiles.store.layout import arrow_schema
from profiles.store.postgres_ddl import index_statements, read_name, view_statements


def make_fresh(connection: psycopg.Connection[Any], name: str) -> str:
    """Make an empty table like ``name``, without indexes; return its name."""
    fresh = f"{name}_new"
    connection.execute(f"DROP TABLE IF EXISTS {quoted(fresh)}")
    connection.execute(f"CREATE TABLE {quoted(fresh)} (LIKE {quoted(name)})")
    return fresh


def finish_fresh(connection: psycopg.Connection[Any], name: str) -> None:
    """Index the new table, now that its rows are there."""
    fresh = f"{name}_new"
    for statement in index_statements(name, fresh):
        connection.execute(statement)
    connection.execute(f"ANALYZE {quoted(fresh)}")


def put_in_place(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop the old table and give the new one its name and view."""
    old, fresh, view = quoted(name), quoted(f"{name}_new"), quoted(read_name(name))
    if view != old:
        connection.execute(f"DROP VIEW IF EXISTS {view}")
    connection.execute(f"DROP TABLE {old}")
    connection.execute(f"ALTER TABLE {fresh} RENAME TO {old}")
    for statement in view_statements(name):
        connection.execute(statement)


def write_anew(connection: psycopg.Connection[Any], name: str) -> None:
    """Put a copy of a derived table in its place, without what dropped columns and rows left."""
    fresh = make_fresh(connection, name)
    listed = ", ".join(quoted(one) for one in arrow_schema(name).names)
    connection.execute(
        f"INSERT INTO {quoted(fresh)} ({listed}) SELECT {listed} FROM {quoted(name)}"
    )
    finish_fresh(connection, name)
    put_in_place(connection, name)
