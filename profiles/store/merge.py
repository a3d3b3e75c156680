"""Staged rows into a stored table by natural key: what is new, what changed, what stays as it is.

Works on the whole load at once, inside the caller's transaction. Also notes in ``touched`` which
persons and contents have to be computed again, by their ids before and after the change. A load of
rows that are all new goes straight in: nothing is compared but keys.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from profiles.store.ddl import quoted
from profiles.store.tables import InputTable, touched_by


def merge_staged(
    connection: duckdb.DuckDBPyConnection, spec: InputTable, staged: pa.Table, run: str
) -> dict[str, int]:
    """Merge ``staged`` into its table; return counts ``inserted``, ``updated``, ``unchanged``."""
    given = frozenset(staged.column_names)
    numbered = staged.append_column("row_number", pa.array(np.arange(staged.num_rows)))
    connection.register("staged_in", numbered)
    try:
        if _all_new(connection, spec, staged):
            return _insert_all(connection, spec, staged, run)
        connection.execute(_delta_sql(spec, given))
        counts = _counts(connection)
        _note_touched(connection, spec, "delta WHERE state <> 'unchanged'")
        connection.execute(
            f"""DELETE FROM {spec.name} WHERE rowid IN
                (SELECT stored_rowid FROM delta WHERE state = 'updated')"""
        )
        names = ", ".join(quoted(name) for name in spec.schema.names)
        connection.execute(
            f"""INSERT INTO {spec.name} ({names}, run_id)
                SELECT {names}, $run FROM delta WHERE state <> 'unchanged' ORDER BY row_number""",
            {"run": run},
        )
        connection.execute("DROP TABLE delta")
    finally:
        connection.unregister("staged_in")
    return counts


def _all_new(connection: duckdb.DuckDBPyConnection, spec: InputTable, staged: pa.Table) -> bool:
    """Whether no key comes twice and none is stored; two keys of one hash count as not new."""
    key = ", ".join(quoted(name) for name in spec.key)
    (distinct,) = connection.execute(
        f"SELECT count(DISTINCT hash({key})) FROM staged_in"
    ).fetchall()[0]
    if distinct < staged.num_rows:
        return False
    same = " AND ".join(
        # equality where nothing is null: stored row groups beyond the given bounds are not read
        f"old.{quoted(name)} {'IS NOT DISTINCT FROM' if staged[name].null_count else '='} "
        f"new.{quoted(name)}"
        for name in spec.key
    )
    found = connection.execute(
        f"SELECT 1 FROM {spec.name} AS old SEMI JOIN staged_in AS new ON {same} LIMIT 1"
    )
    return not found.fetchall()


def _insert_all(
    connection: duckdb.DuckDBPyConnection, spec: InputTable, staged: pa.Table, run: str
) -> dict[str, int]:
    """Append the rows in their order; columns that were not given are null."""
    names = ", ".join(quoted(name) for name in staged.column_names)
    connection.execute(
        f"INSERT INTO {spec.name} ({names}, run_id) SELECT {names}, $run FROM staged_in",
        {"run": run},
    )
    _note_touched(connection, spec, "staged_in WHERE true", frozenset(staged.column_names))
    return {"inserted": staged.num_rows, "updated": 0, "unchanged": 0}


def _delta_sql(spec: InputTable, given: frozenset[str]) -> str:
    """Build ``delta``: the last staged row of each key, completed from the stored one."""
    key = ", ".join(quoted(name) for name in spec.key)
    same_key = " AND ".join(
        f"new.{quoted(name)} IS NOT DISTINCT FROM old.{quoted(name)}" for name in spec.key
    )
    completed = ", ".join(
        f"{_completed(name, spec, given)} AS {quoted(name)}" for name in spec.schema.names
    )
    differs = " OR ".join(
        f"({_completed(name, spec, given)}) IS DISTINCT FROM old.{quoted(name)}"
        for name in spec.schema.names
        if name not in spec.key
    )
    return f"""
        CREATE OR REPLACE TEMP TABLE delta AS
        WITH last_given AS (
            SELECT * FROM staged_in
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY row_number DESC) = 1
        )
        SELECT {completed}, new.row_number, old.stored_rowid, {_old_ids(spec)},
            CASE WHEN old.stored_rowid IS NULL THEN 'inserted'
                 WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS state
        FROM last_given AS new
        LEFT JOIN (SELECT *, rowid AS stored_rowid FROM {spec.name}) AS old ON {same_key}"""


def _completed(name: str, spec: InputTable, given: frozenset[str]) -> str:
    column = quoted(name)
    if name in given:
        return f"new.{column}"
    if name in spec.scores and "text" in given:
        return f"CASE WHEN new.text IS NOT DISTINCT FROM old.text THEN old.{column} END"
    return f"old.{column}"


def _old_ids(spec: InputTable) -> str:
    user = "old.user_id" if "user_id" in spec.schema.names else "NULL"
    content = "old.content_id" if "content_id" in spec.schema.names else "NULL"
    return f"{user} AS old_user_id, {content} AS old_content_id"


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    found = dict(connection.execute("SELECT state, count(*) FROM delta GROUP BY state").fetchall())
    return {state: found.get(state, 0) for state in ("inserted", "updated", "unchanged")}


def _note_touched(
    connection: duckdb.DuckDBPyConnection,
    spec: InputTable,
    rows: str,
    columns: frozenset[str] | None = None,
) -> None:
    """Note the ids of ``rows``, a table and its condition; with ``columns``, of these alone."""
    for kind, column in touched_by(spec):
        if columns is None or column in columns:
            connection.execute(
                f"""INSERT INTO touched SELECT DISTINCT '{kind}', platform, {column}
                    FROM {rows} AND {column} IS NOT NULL"""
            )
