"""Dumps into the store: comments are scored on the way in, tables are matched by their column names.

A file that ``tingfeng score`` wrote keeps its scores when the same model made them. Loading is idempotent: the same
file twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import COMMENTS, SCORES, TIMESTAMP
from data.readers import Batch, Dump
from data.readers.report import RepairReport
from data.readers.times import parse_time
from nlp.analyzer import Analyzer
from profiles.store.duckdb_store import DuckDBStore, LoadResult
from serving.errors import ServingError

KINDS: Final = ("comments", "contents", "users", "events", "orders")
BATCH_ROWS: Final = 16_384
# other names under which the columns of the tables come
ALIASES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "users": {"city": "region", "registered_at": "created_at"},
        "events": {"timestamp": "time", "behavior_type": "event", "item_id": "content_id"},
        "orders": {"created_at": "time", "amount": "amount_cny"},
    }
)
TIME_COLUMNS: Final = frozenset({"time", "created_at"})


@dataclass(kw_only=True)
class IngestSummary:
    """Rows of all files together; ``unchanged`` were in the store already, ``duplicates`` came twice."""

    rows_in: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, result: LoadResult, rejected: int) -> None:
        """Counts one load."""
        self.rows_in += result.rows + rejected
        self.inserted += result.inserted
        self.updated += result.updated
        self.unchanged += result.unchanged
        self.duplicates += result.duplicates
        self.rejected += rejected


def ingest(
    kind: str,
    dumps: Sequence[Dump],
    store: DuckDBStore,
    *,
    run: str,
    analyzer: Callable[[], Analyzer],
    constants: Mapping[str, str] = MappingProxyType({}),
) -> IngestSummary:
    """Loads every dump into the table ``kind``. ``constants`` fill canonical columns that are null.

    ``analyzer`` is called once, and only when a comment needs scoring.

    Raises:
        ServingError: a dump is of another kind.
        StoreError: the table has faults.
    """
    check_kinds(kind, dumps)
    summary = IngestSummary()
    for dump in dumps:
        for batch in dump.batches(rows=BATCH_ROWS):
            table = _with_constants(_table(kind, batch, analyzer), constants)
            summary.add(store.load(kind, table, run), len(batch.rejects))
    return summary


def check_kinds(kind: str, dumps: Iterable[Dump]) -> None:
    """Raises ServingError when a dump cannot be loaded as ``kind``."""
    if kind not in KINDS:
        raise ServingError(f"KIND: expected one of {', '.join(KINDS)}, found {kind!r}")
    expected = kind if kind in ("comments", "contents") else "table"
    for dump in dumps:
        if dump.kind != expected:
            raise ServingError(
                f"{dump.path}: expected {kind}, found {dump.kind} ({dump.format}); {dump.why}"
            )


def _table(kind: str, batch: Batch, analyzer: Callable[[], Analyzer]) -> pa.Table:
    if kind == "comments":
        return _comments(batch, analyzer)
    if kind == "contents":
        return pa.Table.from_batches([batch.records])
    return plain_table(kind, pa.Table.from_batches([batch.original]))


def _comments(batch: Batch, analyzer: Callable[[], Analyzer]) -> pa.Table:
    original, records = batch.original, pa.Table.from_batches([batch.records])
    has_scores = set(SCORES.names) <= set(original.schema.names)
    if has_scores and _scored_by(original, analyzer().scorer.model_version):
        scores = [original[name] for name in SCORES.names]
    else:
        table = analyzer().score(records["text"].to_pylist())
        scores = [table[name] for name in SCORES.names]
    columns = [*records.columns, *scores]
    return pa.table(columns, schema=pa.schema([*COMMENTS, *SCORES]))


def _scored_by(original: pa.RecordBatch, version: str) -> bool:
    """Whether the score columns hold this model's scores in their own types (Parquet), not as text."""
    typed = all(original.schema.field(f.name).type == f.type for f in SCORES)
    return typed and pc.unique(original["model_version"]).to_pylist() == [version]


def plain_table(kind: str, table: pa.Table) -> pa.Table:
    """A users, events or orders file under the store's column names, with times as moments."""
    names = [ALIASES[kind].get(n, n) for n in table.column_names]
    table = table.rename_columns(names)
    for at, name in enumerate(names):
        if name in TIME_COLUMNS and not pa.types.is_timestamp(table.schema.field(at).type):
            table = table.set_column(at, name, _moments(table.column(at).to_pylist()))
    return table


def _moments(values: list[Any]) -> pa.Array:
    report = RepairReport()
    return pa.array([parse_time(v, None, report) for v in values], pa.int64()).cast(TIMESTAMP)


def _with_constants(table: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    for name, value in constants.items():
        at = table.schema.get_field_index(name)
        if at < 0:
            raise ServingError(
                f"--set: expected one of {', '.join(table.column_names)}, found {name!r}"
            )
        filled = pc.fill_null(table.column(at), pa.scalar(value, table.schema.field(at).type))
        table = table.set_column(at, name, filled)
    return table
