"""Dumps into the store: comments are scored on the way in, tables matched by their column names.

A file that ``tingfeng score`` wrote keeps its scores when the same model made them, or when told to
keep them whoever did. Loading is idempotent: the same file twice changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import TIMESTAMP
from data.readers import Batch, Dump, Reject
from data.readers.report import RepairReport
from data.readers.times import parse_time
from nlp.analyzer import Analyzer
from profiles.store.duckdb_store import DuckDBStore, LoadResult
from profiles.store.tables import INPUTS
from serving.errors import ServingError, UsageError
from serving.scored import FileScorer
from serving.text_keys import TextKeys

KINDS: Final = ("comments", "contents", "users", "events", "orders", "identifiers")
TABLE_KINDS: Final = (
    "users",
    "events",
    "orders",
    "identifiers",
)  # columns are the store's own or an alias
BATCH_ROWS: Final = 16_384
# other names under which the columns of the tables come
ALIASES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "users": {"city": "region", "registered_at": "created_at"},
        "events": {"timestamp": "time", "behavior_type": "event", "item_id": "content_id"},
        "orders": {"created_at": "time", "amount": "amount_cny"},
    }
)
_IDENTIFIER_CONSTANTS: Final = pa.schema(
    [pa.field(name, pa.string()) for name in ("platform", "app_id", "open_platform")]
)
TIME_COLUMNS: Final = frozenset({"time", "created_at"})


@dataclass(kw_only=True)
class IngestSummary:
    """Rows of all files; ``unchanged`` were in the store already, ``duplicates`` came twice."""

    rows_in: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    invalid: Counter[str] = field(default_factory=Counter)  # values by type of identifier

    def add(self, result: LoadResult, rejected: int) -> None:
        """Counts one load."""
        self.invalid.update(result.invalid)
        self.rows_in += result.rows + rejected
        self.inserted += result.inserted
        self.updated += result.updated
        self.unchanged += result.unchanged
        self.duplicates += result.duplicates
        self.rejected += rejected + len(result.rejected)


def ingest(
    kind: str,
    dumps: Sequence[Dump],
    store: DuckDBStore,
    *,
    run: str,
    analyzer: Callable[[], Analyzer],
    constants: Mapping[str, str] = MappingProxyType({}),
    rejects: Callable[[Sequence[Reject]], None] = lambda _: None,
    keep_scores: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> IngestSummary:
    """Loads every dump into the table ``kind``. ``constants`` fill columns that lack or are null.

    Comments without an id of their source get one from what they say (see ``serving.text_keys``).
    ``rejects`` is given the rows of each batch that could not be read.

    ``analyzer`` is called for comments only, as often as it is needed. Scores in a file are kept
    when this analyzer's model made them or with ``keep_scores``; ``tell`` is given a line per file
    that says whether they were.

    Raises:
        ServingError: a dump is of another kind.
        StoreError: the table has faults.
    """
    check_kinds(kind, dumps)
    summary, keys = IngestSummary(), TextKeys()
    for dump in dumps:
        scorer = FileScorer(dump, analyzer, keep_scores, tell)
        for batch in dump.batches(rows=BATCH_ROWS):
            table = _with_constants(kind, _table(kind, dump, batch, scorer), constants)
            if kind == "comments":
                table = keys.apply(table)
            result = store.load(kind, table, run)
            summary.add(result, len(batch.rejects))
            rejects([*batch.rejects, *_without_identifier(dump, batch, result)])
    return summary


def _without_identifier(dump: Dump, batch: Batch, result: LoadResult) -> list[Reject]:
    return [
        Reject(
            file=dump.path.name,
            line=int(batch.lines[at]),
            row=int(batch.row_numbers[at]),
            reason="no_identifier: every value is empty, masked or malformed",
            raw=json.dumps(batch.original.slice(at, 1).to_pylist()[0], default=str),
        )
        for at in result.rejected
    ]


def check_kinds(kind: str, dumps: Iterable[Dump]) -> None:
    """Raises ServingError when a dump cannot be loaded as ``kind``."""
    if kind not in KINDS:
        raise UsageError(f"KIND: expected one of {', '.join(KINDS)}, found {kind!r}")
    fitting = {"comments": ("comments",), "contents": ("contents", "table")}.get(kind, ("table",))
    for dump in dumps:
        if dump.kind not in fitting:
            raise ServingError(
                f"{dump.path}: expected {kind}, found {dump.kind} ({dump.format}); {dump.why}"
            )


def _table(kind: str, dump: Dump, batch: Batch, scorer: FileScorer) -> pa.Table:
    if kind == "comments":
        return scorer.comments(batch)
    if dump.kind == "contents":
        return pa.Table.from_batches([batch.records])
    return plain_table(kind, pa.Table.from_batches([batch.original]))


def plain_table(kind: str, table: pa.Table) -> pa.Table:
    """A table's columns under the store's names, with times as moments and empty cells as nulls."""
    given, aliases = set(table.column_names), ALIASES.get(kind, {})
    names = [n if aliases.get(n, n) in given else aliases[n] for n in table.column_names]
    table = table.rename_columns(names)
    for at, name in enumerate(names):
        column = table.column(at)
        if name in TIME_COLUMNS and not pa.types.is_timestamp(column.type):
            table = table.set_column(at, name, _moments(column.to_pylist()))
        elif pa.types.is_string(column.type):
            empty = pc.equal(column, "")
            table = table.set_column(
                at, name, pc.if_else(empty, pa.scalar(None, pa.string()), column)
            )
    return table


def _moments(values: list[Any]) -> pa.Array:
    report = RepairReport()
    return pa.array([parse_time(v, None, report) for v in values], pa.int64()).cast(TIMESTAMP)


def _with_constants(kind: str, table: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    schema = INPUTS[kind].schema if kind in INPUTS else _IDENTIFIER_CONSTANTS
    for name, value in constants.items():
        if name not in schema.names:
            raise UsageError(
                f"--set: expected one of {', '.join(schema.names)}, found {name!r}; correct it"
            )
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
