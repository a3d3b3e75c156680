"""A natural key of several columns as one value: the key by which PostgreSQL and Spark merge.

128 bits of SHA-256 over the columns' text, each with its length before it and null marked, so that
neither ``a|b`` and ``ab|`` nor null and empty can meet. Made outside the engines, whose hash
functions differ. Some 0.5 µs a row, in compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from profiles.store.ddl import quoted


def row_keys(table: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """Return 32 hexadecimal digits per row of ``table``, equal where the key columns are."""
    parts = " || ".join(_part(table, name) for name in key)
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        memory.register("given", table.select(list(key)))
        found = memory.execute(
            f"SELECT left(sha256({parts}), 32) AS row_key FROM given"
        ).to_arrow_table()
    return found["row_key"]


def _part(table: pa.Table, name: str) -> str:
    column = quoted(name)
    if pa.types.is_timestamp(table.schema.field(name).type):
        column = f"epoch_ms({column})"
    text = f"{column}::VARCHAR"
    return f"coalesce(length({text})::VARCHAR || ':' || {text}, '-')"
