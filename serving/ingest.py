"""Dumps into the store: comments are scored on the way in, other kinds come as canonical columns.

A Parquet file that ``tingfeng score`` wrote keeps its scores when the same model made them. Loading
is idempotent: the same file twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import COMMENTS, SCORES
from data.readers import Batch, Dump, Reject
from data.readers.shapes import Kind
from nlp.analyzer import Analyzer
from profiles.store.duckdb_store import DuckDBStore, LoadResult
from profiles.store.tables import INPUTS
from serving.errors import ServingError, UsageError
from serving.text_keys import TextKeys

KINDS: Final = ("comments", "contents", "users", "events", "orders")
TABLE_KINDS: Final = ("users", "events", "orders")  # read by columns, nothing to score
BATCH_ROWS: Final = 16_384


@dataclass(kw_only=True)
class IngestSummary:
    """Rows of all files; ``unchanged`` were in the store already, ``duplicates`` came twice."""

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
    rejects: Callable[[Sequence[Reject]], None] = lambda _: None,
) -> IngestSummary:
    """Loads every dump into the table ``kind``. ``constants`` fill columns that lack or are null.

    Comments without an id of their source get one from what they say (see ``serving.text_keys``).
    ``rejects`` is given the rows of each batch that could not be read.

    ``analyzer`` is called for comments only, once per batch.

    Raises:
        ServingError: a dump is of another kind.
        DumpError: a dump opened as a table lacks columns of the kind (all are named).
        StoreError: the table has faults.
    """
    check_kinds(kind, dumps)
    check_constants(kind, constants)
    summary, keys = IngestSummary(), TextKeys()
    for dump in [_as_kind(kind, dump, constants) for dump in dumps]:
        for batch in dump.batches(rows=BATCH_ROWS):
            table = _with_constants(kind, _table(kind, dump, batch, analyzer), constants)
            if kind == "comments":
                table = keys.apply(table)
            summary.add(store.load(kind, table, run), len(batch.rejects))
            rejects(batch.rejects)
    return summary


def check_kinds(kind: str, dumps: Iterable[Dump]) -> None:
    """Raises ServingError when a dump cannot be loaded as ``kind``."""
    if kind not in KINDS:
        raise UsageError(f"KIND: expected one of {', '.join(KINDS)}, found {kind!r}")
    fitting = (kind,) if kind == "comments" else (kind, "table")
    for dump in dumps:
        if dump.kind not in fitting:
            raise ServingError(
                f"{dump.path}: expected {kind}, found {dump.kind} ({dump.format}); {dump.why}"
            )


def check_constants(kind: str, constants: Mapping[str, str]) -> None:
    """Raises UsageError when a constant is of a column that the kind does not have."""
    names = INPUTS[kind].schema.names
    for name in constants:
        if name not in names:
            raise UsageError(
                f"--set: expected one of {', '.join(names)}, found {name!r}; correct it"
            )


def _as_kind(kind: str, dump: Dump, constants: Mapping[str, str]) -> Dump:
    """A dump that was opened as a table of no kind, read as ``kind``."""
    return dump.as_kind(cast(Kind, kind), constants) if dump.kind == "table" else dump


def _table(kind: str, dump: Dump, batch: Batch, analyzer: Callable[[], Analyzer]) -> pa.Table:
    if kind == "comments":
        return _comments(batch, analyzer)
    given = [name for name in batch.records.schema.names if _is_given(name, dump)]
    table = pa.Table.from_batches([batch.records]).select(given)
    return _with_properties(table, dump, batch) if kind == "events" else table


def _is_given(name: str, dump: Dump) -> bool:
    """Whether the file says something of this column; where it does not the store's stays."""
    return name in dump.columns or name == "content_id" or (name == "platform" and dump.platform)


def _with_properties(table: pa.Table, dump: Dump, batch: Batch) -> pa.Table:
    """The events with the input columns that no field took, which the store folds."""
    taken = {
        *batch.records.schema.names,
        *(name for names in dump.columns.values() for name in names),
    }
    for name in batch.original.schema.names:
        if name in taken:
            continue
        column = batch.original[name]
        if pa.types.is_string(column.type):
            nothing = pa.scalar(None, pa.string())
            column = pc.if_else(pc.equal(column, ""), nothing, column)
        table = table.append_column(name, column)
    return table


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
    """Whether the score columns hold this model's scores in their own types, not as text."""
    typed = all(original.schema.field(f.name).type == f.type for f in SCORES)
    return typed and pc.unique(original["model_version"]).to_pylist() == [version]


def _with_constants(kind: str, table: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    schema = INPUTS[kind].schema
    for name, value in constants.items():
        at = table.schema.get_field_index(name)
        if at < 0:
            constant = _constant(name, value, schema.field(name).type)
            table = table.append_column(name, pa.repeat(constant, table.num_rows))
        else:
            constant = _constant(name, value, table.schema.field(at).type)
            table = table.set_column(at, name, pc.fill_null(table.column(at), constant))
    return table


def _constant(name: str, value: str, kind: pa.DataType) -> pa.Scalar:
    try:
        return pa.scalar(value).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            f"--set {name}: expected a value of type {kind}, found {value!r}; correct it"
        ) from error
