"""Found identifiers into PostgreSQL: new keys, and a link for each two that one row carries.

Works inside the caller's transaction; the same rows again add nothing, and of two processes that
bring the same key one adds it.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
import pyarrow as pa

from profiles.store.postgres_copy import copy_in

_PAIRS: Final = """
CREATE TEMP TABLE found_links AS
SELECT x."row", x.key AS a, y.key AS b,
    NOT EXISTS (SELECT FROM links WHERE links.a = x.key AND links.b = y.key) AS new
FROM found_in AS x JOIN found_in AS y ON x."row" = y."row" AND x.key < y.key"""
_NEW_KEYS: Final = """
CREATE TEMP TABLE new_keys AS
SELECT DISTINCT ON (key) key, type, namespace FROM found_in
WHERE NOT EXISTS (SELECT FROM identifiers WHERE identifiers.key = found_in.key) ORDER BY key"""
_NEW_ROWS: Final = """
SELECT count(*) FROM (
    SELECT "row" FROM found_in JOIN new_keys USING (key)
    UNION SELECT "row" FROM found_links WHERE new) AS rows_with_news"""


def add_identifiers(
    connection: psycopg.Connection[Any], rows: pa.Table, source: str, run: str
) -> int:
    """Add keys and links of ``rows`` (row, key, type, namespace); return rows with a new one."""
    if rows.num_rows == 0:
        return 0
    connection.execute(
        'CREATE TEMP TABLE found_in ("row" bigint, key text, type text, namespace text)'
    )
    copy_in(connection, "found_in", rows.select(["row", "key", "type", "namespace"]))
    connection.execute("ANALYZE found_in")
    connection.execute(_NEW_KEYS)
    connection.execute(_PAIRS)
    found = connection.execute(_NEW_ROWS).fetchone()
    new_rows = int(found[0]) if found else 0
    if new_rows:
        _write(connection, source, run)
    connection.execute("DROP TABLE found_in, found_links, new_keys")
    return new_rows


def _write(connection: psycopg.Connection[Any], source: str, run: str) -> None:
    connection.execute(
        """INSERT INTO identifiers (key, type, namespace, run_id)
           SELECT key, type, namespace, %s FROM new_keys ON CONFLICT DO NOTHING""",
        [run],
    )
    connection.execute(
        """INSERT INTO links (a, b, source, run_id)
           SELECT DISTINCT a, b, %s, %s FROM found_links WHERE new ON CONFLICT DO NOTHING""",
        [source, run],
    )
    connection.execute("INSERT INTO touched (kind) VALUES ('identity')")
