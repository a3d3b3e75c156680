"""The two indexes of a DuckDB file: what a point read of one profile looks rows up by.

Without them a read decodes a row group of 122,880 keys per candidate. They are made after a refresh
and not kept up during one: writing a million rows beside an index takes twice the time, making it
anew under a second. A store without them, or killed before they were made, answers all the same.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import duckdb

INDEXED: Final = MappingProxyType({"profiles": "person_id", "person_identifiers": "key"})


def make_indexes(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the indexes that are not there; not inside a transaction that wrote the tables."""
    for table, column in INDEXED.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {_name(table)} ON {table} ({column})")


def drop_indexes(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop them, before their tables are written anew."""
    for table in INDEXED:
        connection.execute(f"DROP INDEX IF EXISTS {_name(table)}")


def _name(table: str) -> str:
    return f"{table}_by_{INDEXED[table]}"
