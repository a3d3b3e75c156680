"""Staged rows into a PostgreSQL table by natural key, in the caller's transaction.

What is new, changed and unchanged is decided as in ``profiles.store.merge``. Rows go in with
INSERT … ON CONFLICT, so that two processes may load at the same time. A load of which no key is
stored, the usual one, goes straight in; any other is first compared with what is there.
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
    numbered = staged.append_column("row_number", pa.array(np.arange(staged.num_rows)))
    numbered = numbered.append_column(ROW_KEY, row_keys(staged, spec.key))
    once = pc.count_distinct(numbered[ROW_KEY]).as_py() == numbered.num_rows
    stage_table(connection, spec.name, numbered)
    if once and _insert_new(connection, spec, staged, run):
        connection.execute("DROP TABLE staged_in")
        return {"inserted": staged.num_rows, "updated": 0, "unchanged": 0}
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
    connection: psycopg.Connection[Any], spec: InputTable, staged: pa.Table, run: str
) -> bool:
    """Insert what is staged if none of it is stored; tell whether it was."""
    known = f"SELECT FROM {spec.name} AS old JOIN staged_in USING ({ROW_KEY}) LIMIT 1"
    if connection.execute(known).fetchone() is not None:
        return False
    listed = ", ".join(quoted(name) for name in staged.column_names)
    with connection.transaction() as attempt:
        inserted = connection.execute(
            f"""INSERT INTO {spec.name} ({listed}, run_id, {ROW_KEY})
                SELECT {listed}, %(run)s, {ROW_KEY} FROM staged_in ORDER BY {ROW_KEY}
                ON CONFLICT ({ROW_KEY}) DO NOTHING""",
            {"run": run},
        ).rowcount
        if inserted < staged.num_rows:
            raise psycopg.Rollback(attempt)  # another process stored some of it meanwhile
        asked = {"old_user_id", "old_content_id", "platform", *(c for _, c in touched_by(spec))}
        absent = sorted(asked - set(staged.column_names))
        nulls = "".join(f", NULL::text AS {quoted(name)}" for name in absent)
        connection.execute(
            f"CREATE TEMP VIEW delta AS SELECT *, 'inserted' AS state{nulls} FROM staged_in"
        )
        for statement in _note_touched(spec):
            connection.execute(statement)
        connection.execute("DROP VIEW delta")
        return True
    return False


def stage_table(connection: psycopg.Connection[Any], name: str, table: pa.Table) -> None:
    """Copy ``table`` into a temporary table ``staged_in`` with the column types of ``name``.

    Lists arrive as JSON text and are turned here into what the column holds.
    """
    schema = ibis_schema(name)
    kinds = {
        column: "uuid"
        if column == ROW_KEY
        else column_type(schema[column])
        if column in schema
        else "bigint"
        for column in table.column_names
    }
    arrays = [column for column, kind in kinds.items() if kind.endswith("[]")]
    declared = ", ".join(
        f"{quoted(column)} {'jsonb' if column in arrays else kind}"
        for column, kind in kinds.items()
    )
    connection.execute(f"CREATE TEMP TABLE staged_in ({declared})")
    copy_in(connection, "staged_in", table)
    for column in arrays:
        connection.execute(f"""ALTER TABLE staged_in ADD COLUMN unpacked {kinds[column]}""")
        connection.execute(
            f"""UPDATE staged_in SET unpacked = ARRAY(
                    SELECT jsonb_array_elements_text({quoted(column)}))
                WHERE {quoted(column)} IS NOT NULL"""
        )
        connection.execute(f"ALTER TABLE staged_in DROP COLUMN {quoted(column)}")
        connection.execute(f"ALTER TABLE staged_in RENAME COLUMN unpacked TO {quoted(column)}")
    connection.execute("ANALYZE staged_in")


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
