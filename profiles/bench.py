"""A refresh, and reads, for stores that are no DuckDB file: their rows lent to one.

The file lies in a folder of its own and is gone afterwards; what a killed process left is removed
by the next one. A full refresh reads every input row once and writes the derived tables whole, in
batches: time and disk grow with the rows stored, memory does not. One of what changed does with the
rows of the persons in scope where the engine has them by key (``profiles.lend_by_key``).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from profiles.lender import Lender
from profiles.lending import MADE, batches, forget_marks, lend
from profiles.read import PLATFORMS_META
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.layout import arrow_schema
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
_PREFIX: Final = "refresh-"


@contextmanager
def lent_for_refresh(store: Store, work: Path | None) -> Iterator[DuckDBStore]:
    """Give a DuckDB file with all that a refresh of ``store`` reads; take back what it made.

    Call it inside ``store.transaction()``. ``work`` is the folder for the file; without it the
    system's for temporary files.
    """
    with _bench(store, work) as bench:
        for name, unused in _INPUTS.items():
            lend(store, bench, name, [one for one in arrow_schema(name).names if one not in unused])
        for name in MADE:
            lend(store, bench, name)
        yield bench
        _take_back(store, bench)


@contextmanager
def lent_by_key(
    store: Store, work: Path | None, previous: datetime, as_of: datetime
) -> Iterator[tuple[DuckDBStore, Lender]]:
    """Give an empty DuckDB file and who brings what a refresh of what changed reads; take back what
    it made. Else as ``lent_for_refresh``.
    """
    from profiles.lend_by_key import KeyLender

    with _bench(store, work) as bench:
        lender = KeyLender(store, bench, previous, as_of)
        yield bench, lender
        lender.take_back()


@contextmanager
def _bench(store: Store, work: Path | None) -> Iterator[DuckDBStore]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        _sweep(work)
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=work)
    try:
        with LentStore(store, Path(folder) / "bench.duckdb") as bench:
            yield bench
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
            lend(store, bench, name)
        for name, wanted in rows.items():
            bench.insert(name, store.fetch(wanted))
        yield bench


def _take_back(store: Store, bench: DuckDBStore) -> None:
    """Write the tables anew, add the new rows of the history, forget what was marked."""
    store.swap({name: batches(bench, name, store.rows_per_load) for name in MADE})
    for batch in batches(bench, "profile_history", store.rows_per_load):
        store.bulk_load("profile_history", pa.Table.from_batches([batch]))
    forget_marks(store, bench)
    platforms = bench.read("FROM meta WHERE name = $name", {"name": PLATFORMS_META})
    store.merge("meta", platforms, ["name"])


def _sweep(work: Path) -> None:
    """Remove what processes left that are no more: it holds rows of persons."""
    for folder in work.glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)
