"""Rows of any store copied to a bench, and back in batches: the pieces of ``profiles.bench``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from profiles.store.base import Among, Between, Store
from profiles.store.ddl import quoted
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.layout import arrow_schema, conform

MADE: Final = ("persons", "profiles", "content_insights", "content_topics")  # by a refresh


def lend(
    store: Store,
    bench: DuckDBStore,
    name: str,
    columns: Sequence[str] | None = None,
    *,
    only: Among | Between | None = None,
    into: str | None = None,
) -> None:
    """Append rows of a table to the bench's, or to ``into``, which is made like it.

    All ``columns`` without them; what comes as JSON text becomes the lists that the bench has.
    """
    if isinstance(only, Among) and not len(only.values):
        return
    schema = arrow_schema(name)
    wanted = list(columns or schema.names)
    types = bench.read(
        "SELECT column_name AS name, data_type AS kind FROM duckdb_columns() WHERE table_name = $t",
        {"t": name},
    ).to_pylist()
    kinds = {row["name"]: row["kind"] for row in types}
    for part in store.scan(name, wanted, only):
        picked = ", ".join(
            f"{quoted(one)}::JSON::{kinds[one]} AS {quoted(one)}"
            if pa.types.is_nested(schema.field(one).type) and part[one].type == pa.string()
            else quoted(one)
            for one in wanted
        )
        with bench.registered("lent", part):
            target = quoted(into or name)
            bench.execute(f"INSERT INTO {target} BY NAME SELECT {picked} FROM lent")


def batches(bench: DuckDBStore, name: str, rows: int) -> pa.RecordBatchReader:
    """Return the rows of a table of the bench in batches of about ``rows``, as stores take them."""
    schema = arrow_schema(name)
    listed = ", ".join(quoted(one) for one in schema.names)
    found = bench.stream(f"SELECT {listed} FROM {quoted(name)}", rows_per_batch=rows)
    return pa.RecordBatchReader.from_batches(
        schema,
        (
            one
            for batch in found
            for one in conform(pa.Table.from_batches([batch]), schema).to_batches()
        ),
    )


def forget_marks(store: Store, bench: DuckDBStore) -> None:
    """Take the marks that were lent off the store; those of later loads are not seen here."""
    kinds = bench.read("SELECT DISTINCT kind FROM touched WHERE kind IS NOT NULL")["kind"]
    store.delete("touched", "kind", kinds.to_pylist())
