"""Staged rows into a PostgreSQL table by natural key, in the caller's transaction.

What is new, changed and unchanged is decided as in ``profiles.store.merge``. Rows go in with
INSERT … ON CONFLICT, so that two processes may load at the same time. A load of which no key is
stored, the usual one, is copied straight into its table; any other is first compared with what is
there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from profiles.store.ddl import quoted
from profiles.store.layout import ibis_schema
from profiles.store.postgres_copy import copy_in
from profiles.store.postgres_ddl import ROW_KEY, column_type
from profiles.store.row_keys import row_keys
from profiles.store.tables import InputTable, touched_by


def merge_staged(
    connection: psycopg.Connection[Any], spec: InputTable, staged: pa.Table, run: str
) -> dict[str, int]:
    """Merge ``staged`` into its table; return counts ``inserted``, ``updated``, ``unchanged``."""
    if staged.num_rows == 0:
        return dict.fromkeys(("inserted", "updated", "unchanged"), 0)
    keyed = staged.append_column(ROW_KEY, row_keys(staged, spec.key))
    if _insert_new(connection, spec, keyed, run):
        return {"inserted": staged.num_rows, "updated": 0, "unchanged": 0}
    numbered = keyed.append_column("row_number", pa.array(np.arange(staged.num_rows)))
    stage_table(connection, spec.name, numbered)
    with connection.cursor() as cursor:
        cursor.execute(_delta_sql(spec, frozenset(staged.column_names)))
        found = dict(cursor.execute("SELECT state, count(*) FROM delta GROUP BY state").fetchall())
        for statement in _note_touched(spec):
            cursor.execute(statement)
        cursor.execute(_upsert_sql(spec), {"run": run})
        cursor.execute("DROP TABLE delta")
        cursor.execute("DROP TABLE staged_in")
    return {state: found.get(state, 0) for state in ("inserted", "updated", "unchanged")}


def _insert_new(
    connection: psycopg.Connection[Any], spec: InputTable, keyed: pa.Table, run: str
) -> bool:
    """Copy rows straight into their table if no key is there twice; tell whether it was done.

    The rows go in the order of their keys: pages of the key's index are filled one after the other,
    and two processes that bring the same keys wait for each other in the same order.
    """
    keys = keyed.select([ROW_KEY])
    if pc.count_distinct(keys[ROW_KEY]).as_py() < keyed.num_rows or _known(connection, spec, keys):
        return False
    ordered = keyed.take(pc.sort_indices(keyed[ROW_KEY]))
    rows = ordered.append_column("run_id", pa.repeat(run, keyed.num_rows))
    try:
        with connection.transaction():
            copy_in(connection, spec.name, rows)
    except psycopg.errors.UniqueViolation:
        return False  # another process stored some of it meanwhile
    for kind, column in touched_by(spec):
        if column in keyed.column_names:
            copy_in(connection, "touched", _touched(keyed, kind, column))
    return True


def _known(connection: psycopg.Connection[Any], spec: InputTable, keys: pa.Table) -> bool:
    """Tell whether any of the keys is stored."""
    if connection.execute(f"SELECT FROM {spec.name} LIMIT 1").fetchone() is None:
        return False
    connection.execute(f"CREATE TEMP TABLE keys_in ({ROW_KEY} uuid)")
    copy_in(connection, "keys_in", keys)
    connection.execute("ANALYZE keys_in")
    found = connection.execute(f"SELECT FROM {spec.name} JOIN keys_in USING ({ROW_KEY}) LIMIT 1")
    known = found.fetchone() is not None
    connection.execute("DROP TABLE keys_in")
    return known


def _touched(rows: pa.Table, kind: str, column: str) -> pa.Table:
    ids = rows.select(["platform", column]).filter(pc.is_valid(rows[column]))
    once = ids.group_by(["platform", column]).aggregate([])
    return pa.table(
        {
            "kind": pa.repeat(kind, once.num_rows),
            "platform": once["platform"],
            "id": once[column],
        }
    )


def stage_table(connection: psycopg.Connection[Any], name: str, table: pa.Table) -> None:
    """Copy ``table`` into a temporary table ``staged_in`` with the column types of ``name``."""
    schema = ibis_schema(name)
    declared = ", ".join(
        f"{quoted(column)} {_staged_type(column, schema)}" for column in table.column_names
    )
    connection.execute(f"CREATE TEMP TABLE staged_in ({declared})")
    copy_in(connection, "staged_in", table)
    connection.execute("ANALYZE staged_in")


def _staged_type(column: str, schema: Any) -> str:
    if column == ROW_KEY:
        return "uuid"
    return column_type(schema[column]) if column in schema else "bigint"


def _delta_sql(spec: InputTable, given: frozenset[str]) -> str:
    """Build ``delta``: the last staged row of each key, completed from the stored one."""
    completed = ", ".join(
        f"{_completed(name, spec, given)} AS {quoted(name)}" for name in spec.schema.names
    )
    differs = " OR ".join(
        f"({_completed(name, spec, given)}) IS DISTINCT FROM old.{quoted(name)}"
        for name in spec.schema.names
        if name not in spec.key
    )
    user = "old.user_id" if "user_id" in spec.schema.names else "NULL"
    content = "old.content_id" if "content_id" in spec.schema.names else "NULL"
    return f"""
        CREATE TEMP TABLE delta AS
        SELECT {completed}, new.{ROW_KEY}, new.row_number,
            {user}::text AS old_user_id, {content}::text AS old_content_id,
            CASE WHEN old.{ROW_KEY} IS NULL THEN 'inserted'
                 WHEN {differs or "false"} THEN 'updated' ELSE 'unchanged' END AS state
        FROM (SELECT DISTINCT ON ({ROW_KEY}) * FROM staged_in
              ORDER BY {ROW_KEY}, row_number DESC) AS new
        LEFT JOIN {spec.name} AS old ON old.{ROW_KEY} = new.{ROW_KEY}"""


def _completed(name: str, spec: InputTable, given: frozenset[str]) -> str:
    column = quoted(name)
    if name in given:
        return f"new.{column}"
    if name in spec.scores and "text" in given:
        return f"CASE WHEN new.text IS NOT DISTINCT FROM old.text THEN old.{column} END"
    return f"old.{column}"


def _upsert_sql(spec: InputTable) -> str:
    names = [*spec.schema.names, "run_id"]
    listed = ", ".join(quoted(name) for name in spec.schema.names)
    changed = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in names)
    return f"""
        INSERT INTO {spec.name} ({listed}, run_id, {ROW_KEY})
        SELECT {listed}, %(run)s, {ROW_KEY} FROM delta WHERE state <> 'unchanged'
        ORDER BY {ROW_KEY}
        ON CONFLICT ({ROW_KEY}) DO UPDATE SET {changed}"""


def _note_touched(spec: InputTable) -> list[str]:
    return [
        f"""INSERT INTO touched (kind, platform, id)
            SELECT DISTINCT '{kind}', platform, {column} FROM delta
            WHERE state <> 'unchanged' AND {column} IS NOT NULL"""
        for kind, column in touched_by(spec)
    ]
