"""Found identifiers into the store: new keys, and a link for each two that one row carries.

Works inside the caller's transaction; the same rows again add nothing.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

_NEW_KEYS = """
CREATE OR REPLACE TEMP TABLE new_keys AS
SELECT key, any_value(type) AS type, any_value(namespace) AS namespace
FROM found_in ANTI JOIN identifiers USING (key) GROUP BY key"""
_NEW_LINKS = """
CREATE OR REPLACE TEMP TABLE new_links AS
SELECT DISTINCT x.key AS a, y.key AS b
FROM found_in AS x JOIN found_in AS y ON x."row" = y."row" AND x.key < y.key
ANTI JOIN links ON links.a = x.key AND links.b = y.key"""
_NEW_ROWS = """
SELECT count(DISTINCT "row") FROM (
    SELECT "row" FROM found_in SEMI JOIN new_keys USING (key)
    UNION ALL
    SELECT x."row" FROM found_in AS x JOIN found_in AS y ON x."row" = y."row" AND x.key < y.key
    SEMI JOIN new_links ON new_links.a = x.key AND new_links.b = y.key)"""


def add_identifiers(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, source: str, run: str
) -> int:
    """Add keys and links of ``rows`` (row, key, type, namespace); return rows with a new one."""
    if rows.num_rows == 0:
        return 0
    connection.register("found_in", rows)
    try:
        connection.execute(_NEW_KEYS)
        connection.execute(_NEW_LINKS)
        (new_rows,) = connection.execute(_NEW_ROWS).fetchall()[0]
        if new_rows:
            _write(connection, source, run)
    finally:
        connection.unregister("found_in")
    return int(new_rows)


def _write(connection: duckdb.DuckDBPyConnection, source: str, run: str) -> None:
    connection.execute(
        "INSERT INTO identifiers SELECT key, type, namespace, $run FROM new_keys ORDER BY key",
        {"run": run},
    )
    connection.execute(
        "INSERT INTO links SELECT a, b, $source, $run FROM new_links ORDER BY a, b",
        {"source": source, "run": run},
    )
    connection.execute("INSERT INTO touched VALUES ('identity', NULL, NULL)")
