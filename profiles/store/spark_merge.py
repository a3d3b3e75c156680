"""Staged rows into a Parquet table by natural key, and identifiers, through Spark.

What is new, changed and unchanged is decided as in ``profiles.store.merge``. Where no stored row
changes, the new rows are appended; otherwise the table is written anew: anti-join, then union.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa

from profiles.store.row_keys import row_keys
from profiles.store.tables import InputTable, touched_by
from profiles.store.warehouse import ROW_KEY, Warehouse

_COUNTS = ("inserted", "updated", "unchanged")


def merge_input(files: Warehouse, spec: InputTable, staged: pa.Table, run: str) -> dict[str, int]:
    """Merge ``staged`` into its table; return counts ``inserted``, ``updated``, ``unchanged``."""
    counts = dict.fromkeys(_COUNTS, 0)
    if staged.num_rows == 0:
        return counts
    with files.staged(_last_of_each(staged, spec)) as given:
        delta = _delta(files, spec, given, frozenset(staged.column_names), run).cache()
        try:
            counts |= {
                row["state"]: row["count"] for row in delta.groupBy("state").count().collect()
            }
            changed = delta.where(delta["state"] != "unchanged")
            if counts["inserted"] or counts["updated"]:
                _write(files, spec, changed, rewrite=counts["updated"] > 0)
                touched = _touched(spec, changed)
                if touched is not None:
                    files.append("touched", touched)
        finally:
            delta.unpersist()
    return counts


def _last_of_each(staged: pa.Table, spec: InputTable) -> pa.Table:
    """The last row of each natural key, with its row key; done here, where the order is known."""
    keyed = staged.append_column(ROW_KEY, row_keys(staged, spec.key))
    keys = keyed[ROW_KEY].combine_chunks().dictionary_encode().indices.to_numpy()
    last = np.full(int(keys.max()) + 1, -1)
    last[keys] = np.arange(len(keys))
    return keyed.take(pa.array(np.sort(last)))


def _delta(files: Warehouse, spec: InputTable, given: Any, names: frozenset[str], run: str) -> Any:
    """The given rows completed from the stored ones, each with its state and its old ids."""
    from pyspark.sql import functions as f

    new, old = given.alias("new"), files.frame(spec.name, keyed=True).alias("old")
    both = new.join(old, f.col(f"new.{ROW_KEY}") == f.col(f"old.{ROW_KEY}"), "left")
    known = f.col(f"old.{ROW_KEY}").isNotNull()
    completed = {name: _completed(name, spec, names) for name in spec.schema.names}
    differs = reduce(
        lambda left, right: left | right,
        (
            ~completed[name].eqNullSafe(f.col(f"old.{name}"))
            for name in spec.schema.names
            if name not in spec.key
        ),
        f.lit(False),
    )
    state = f.when(~known, "inserted").when(differs, "updated").otherwise("unchanged")
    olds = [
        (f.col(f"old.{name}") if name in spec.schema.names else f.lit(None).cast("string")).alias(
            f"old_{name}"
        )
        for name in ("user_id", "content_id")
    ]
    return both.select(
        *(column.alias(name) for name, column in completed.items()),
        f.lit(run).alias("run_id"),
        f.col(f"new.{ROW_KEY}").alias(ROW_KEY),
        *olds,
        state.alias("state"),
    )


def _completed(name: str, spec: InputTable, given: frozenset[str]) -> Any:
    from pyspark.sql import functions as f

    if name in given:
        return f.col(f"new.{name}")
    if name in spec.scores and "text" in given:
        same = f.col("new.text").eqNullSafe(f.col("old.text"))
        return f.when(same, f.col(f"old.{name}"))
    return f.col(f"old.{name}")


def _write(files: Warehouse, spec: InputTable, changed: Any, *, rewrite: bool) -> None:
    rows = changed.select(*spec.schema.names, "run_id", ROW_KEY)
    if not rewrite:
        folders = [*files.tables[spec.name], *files.write_frame(spec.name, rows)]
        files.point(spec.name, folders)
        return
    kept = files.frame(spec.name, keyed=True).join(changed.select(ROW_KEY), ROW_KEY, "left_anti")
    files.replace(spec.name, kept.unionByName(rows))


def _touched(spec: InputTable, changed: Any) -> pa.Table | None:
    """Which persons and contents have to be computed again."""
    from pyspark.sql import functions as f

    parts = [
        changed.where(f.col(column).isNotNull())
        .select(f.lit(kind).alias("kind"), "platform", f.col(column).alias("id"))
        .distinct()
        .toArrow()
        for kind, column in touched_by(spec)
    ]
    return pa.concat_tables(parts) if parts else None


def add_identifiers(files: Warehouse, rows: pa.Table, source: str, run: str) -> int:
    """Add keys and links of ``rows`` (row, key, type, namespace); return rows with a new one."""
    if rows.num_rows == 0:
        return 0
    with files.staged(rows.select(["row", "key", "type", "namespace"])) as found:
        keys = found.join(files.frame("identifiers").select("key"), "key", "left_anti")
        pairs = _pairs(files, found)
        new_keys, new_pairs = keys.toArrow(), pairs.toArrow()
    news = {*new_keys["row"].to_pylist(), *new_pairs["row"].to_pylist()}
    if news:
        _append_identifiers(files, new_keys, new_pairs, source, run)
    return len(news)


def _pairs(files: Warehouse, found: Any) -> Any:
    """Two keys that one row carries and that no link joins yet: row, a, b."""
    from pyspark.sql import functions as f

    x, y = found.alias("x"), found.alias("y")
    same_row = (f.col("x.row") == f.col("y.row")) & (f.col("x.key") < f.col("y.key"))
    pairs = x.join(y, same_row).select(
        f.col("x.row").alias("row"), f.col("x.key").alias("a"), f.col("y.key").alias("b")
    )
    return pairs.join(files.frame("links").select("a", "b"), ["a", "b"], "left_anti")


def _append_identifiers(
    files: Warehouse, keys: pa.Table, pairs: pa.Table, source: str, run: str
) -> None:
    firsts = keys.group_by("key").aggregate([("type", "min"), ("namespace", "min")])
    identifiers = pa.table(
        {
            "key": firsts["key"],
            "type": firsts["type_min"],
            "namespace": firsts["namespace_min"],
            "run_id": pa.repeat(run, firsts.num_rows),
        }
    )
    links = pairs.group_by(["a", "b"]).aggregate([])
    links = links.append_column("source", pa.repeat(source, links.num_rows))
    links = links.append_column("run_id", pa.repeat(run, links.num_rows))
    files.append("identifiers", identifiers)
    files.append("links", links.select(["a", "b", "source", "run_id"]))
    nothing = pa.nulls(1, pa.string())
    files.append("touched", pa.table({"kind": ["identity"], "platform": nothing, "id": nothing}))
