"""A refresh, and reads, for stores that are no DuckDB file: their rows lent to one.

The file lies in a folder of its own and is gone afterwards; what a killed process left is removed
by the next one. Every input row is read once per refresh and the derived tables are written whole,
in batches: time and disk grow with the rows stored, memory does not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from profiles.read import PLATFORMS_META
from profiles.store.base import Store
from profiles.store.ddl import quoted
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.layout import arrow_schema, conform
from profiles.store.workbench import LentStore

# what a refresh reads, and columns of it that none of its statements names
_INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "comments": frozenset({"model_version", "truncated", "flags", "interest", "run_id"}),
    "users": frozenset({"content_count", "like_count", "run_id"}),
    "events": frozenset({"properties", "run_id"}),
    "orders": frozenset({"run_id"}),
    "relations": frozenset({"run_id"}),
    "identifiers": frozenset({"run_id"}),
    "person_identifiers": frozenset(),
    "touched": frozenset(),
}
_MADE: Final = ("persons", "profiles", "content_insights", "content_topics")
_PREFIX: Final = "refresh-"


@contextmanager
def lent_for_refresh(store: Store, work: Path | None) -> Iterator[DuckDBStore]:
    """Give a DuckDB file with what a refresh of ``store`` reads; take back what it made.

    Call it inside ``store.transaction()``. ``work`` is the folder for the file; without it the
    system's for temporary files.
    """
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        _sweep(work)
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=work)
    try:
        with LentStore(store, Path(folder) / "bench.duckdb") as bench:
            for name, unused in _INPUTS.items():
                _lend(store, bench, name, unused)
            for name in _MADE:
                _lend(store, bench, name, frozenset())
            yield bench
            _take_back(store, bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def lent_for_reading(
    store: Store, tables: Sequence[str], *, rows: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[DuckDBStore]:
    """Give a DuckDB file with copies of ``tables``, for reads that are DuckDB's SQL.

    ``rows`` names further tables of which only what an expression says is copied: few rows. A
    DuckDB file is given as it is. Growth: every row of ``tables`` is copied once, by batches, what
    ``rows`` say through memory; a file in the system's folder for temporary files, gone afterwards.
    """
    if isinstance(store, DuckDBStore):
        yield store
        return
    with (
        tempfile.TemporaryDirectory(prefix="reading-") as folder,
        LentStore(store, Path(folder) / "bench.duckdb") as bench,
    ):
        for name in tables:
            _lend(store, bench, name, frozenset())
        for name, wanted in rows.items():
            bench.insert(name, store.fetch(wanted))
        yield bench


def _lend(store: Store, bench: DuckDBStore, name: str, unused: frozenset[str]) -> None:
    """Copy a table; what comes as JSON text becomes the lists that the bench has."""
    schema = arrow_schema(name)
    columns = [one for one in schema.names if one not in unused]
    types = bench.read(
        "SELECT column_name AS name, data_type AS kind FROM duckdb_columns() WHERE table_name = $t",
        {"t": name},
    ).to_pylist()
    kinds = {row["name"]: row["kind"] for row in types}
    for part in store.scan(name, columns):
        picked = ", ".join(
            f"{quoted(one)}::JSON::{kinds[one]} AS {quoted(one)}"
            if pa.types.is_nested(schema.field(one).type) and part[one].type == pa.string()
            else quoted(one)
            for one in columns
        )
        with bench.registered("lent", part):
            bench.execute(f"INSERT INTO {quoted(name)} BY NAME SELECT {picked} FROM lent")


def _take_back(store: Store, bench: DuckDBStore) -> None:
    """Write the tables anew, add the new rows of the history, forget what was marked."""
    store.swap({name: _reader(bench, name, store.rows_per_load) for name in _MADE})
    for batch in _reader(bench, "profile_history", store.rows_per_load):
        store.bulk_load("profile_history", pa.Table.from_batches([batch]))
    kinds = bench.read("SELECT DISTINCT kind FROM touched WHERE kind IS NOT NULL")["kind"]
    store.delete("touched", "kind", kinds.to_pylist())
    platforms = bench.read("FROM meta WHERE name = $name", {"name": PLATFORMS_META})
    store.merge("meta", platforms, ["name"])


def _reader(bench: DuckDBStore, name: str, rows: int) -> pa.RecordBatchReader:
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


def _sweep(work: Path) -> None:
    """Remove what processes left that are no more: it holds rows of persons."""
    for folder in work.glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)
