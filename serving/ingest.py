"""Dumps into the store: comments are scored on the way in, other kinds come as canonical columns.

A file that ``tingfeng score`` wrote keeps its scores when the same model made them, or when told to
keep them whoever did. Loading is idempotent: the same file twice changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from data.columns import CONSENT
from data.readers import Batch, Dump, Reject
from data.readers.shapes import Kind
from profiles.store.base import LoadResult, Store
from serving.constants import check_constants, with_constants
from serving.errors import ServingError, UsageError
from serving.loads import Load, loads_of
from serving.table_rows import table_rows
from serving.text_keys import TextKeys

if TYPE_CHECKING:  # slow to import, and used for comments alone
    from nlp.analyzer import Analyzer

KINDS: Final = (
    "comments",
    "contents",
    "users",
    "events",
    "orders",
    "relations",
    "campaigns",
    "feedback",
    "identifiers",
)
TABLE_KINDS: Final = (
    "users",
    "events",
    "orders",
    "relations",
    "campaigns",
    "feedback",
)  # read by columns, nothing to score
BATCH_ROWS: Final = 16_384  # comments: scored and stored so often, and no more lost by a crash
SPARK_BATCHES: Final = 8  # of those at once, where every load is a job of seconds


@dataclass(kw_only=True)
class IngestSummary:
    """Rows of all files; ``unchanged`` were in the store already, ``duplicates`` came twice."""

    rows_in: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    forgotten: int = 0  # rows of persons who are not to come back
    consents: int = 0  # consents that are new or say something else than before
    invalid: Counter[str] = field(default_factory=Counter)  # values by type of identifier

    def add(self, result: LoadResult, rejected: int) -> None:
        """Counts one load."""
        self.invalid.update(result.invalid)
        self.rows_in += result.rows + rejected
        self.inserted += result.inserted
        self.updated += result.updated
        self.unchanged += result.unchanged
        self.duplicates += result.duplicates
        self.forgotten += result.forgotten
        self.rejected += rejected + len(result.rejected)


def ingest(
    kind: str,
    dumps: Sequence[Dump],
    store: Store,
    *,
    run: str,
    analyzer: Callable[[], Analyzer],
    constants: Mapping[str, str] = MappingProxyType({}),
    rejects: Callable[[Sequence[Reject]], None] = lambda _: None,
    keep_scores: bool = False,
    allow_return: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> IngestSummary:
    """Loads every dump into the table ``kind``. ``constants`` fill columns that lack or are null.

    Comments without an id of their source get one from what they say (see ``serving.text_keys``).
    ``rejects`` is given the rows of each batch that could not be read.

    ``analyzer`` is called for comments only, as often as it is needed. Scores in a file are kept
    when this analyzer's model made them or with ``keep_scores``; ``tell`` is given a line per file
    that says whether they were. Rows of forgotten persons are left out without ``allow_return``.

    Raises:
        ServingError: a dump is of another kind.
        DumpError: a dump opened as a table lacks columns of the kind (all are named).
        StoreError: the table has faults.
    """
    check_kinds(kind, dumps)
    check_constants(kind, constants)
    summary, keys = IngestSummary(), TextKeys()
    consents: list[pa.Table] = []
    for dump in [_as_kind(kind, dump, constants) for dump in dumps]:
        if _purposeless(dump, constants):
            tell(
                f"{dump.path.name}: consents left out, for no column says what they are for; "
                "add --set consent_purpose=NAME"
            )
        read = _read(
            kind, dump, store, constants, _scoring(kind, dump, analyzer, keep_scores, tell)
        )
        at_once = 1 if kind == "comments" else _rows_at_once(kind, store)  # each batch as it comes
        for one in loads_of(read, at_once):
            table = keys.apply(one.table) if kind == "comments" else one.table
            if kind == "users":
                table, told = _split_consents(table)
                consents += [] if told is None else [told]
            result = store.load(kind, table, run, allow_return=allow_return)
            found = [reject for batch in one.batches for reject in batch.rejects]
            summary.add(result, len(found))
            rejects([*found, *_without_identifier(dump, one, result)])
    if consents:  # once, for persons are put together anew first
        from profiles.consents import add_consents

        summary.consents = add_consents(store, pa.concat_tables(consents), run)
    return summary


def _read(
    kind: str,
    dump: Dump,
    store: Store,
    constants: Mapping[str, str],
    score: Callable[[Batch], pa.Table] | None,
) -> Iterator[tuple[Batch, pa.Table]]:
    """Each batch of a dump, and its rows under the columns of ``kind``."""
    for batch in dump.batches(rows=_rows_at_once(kind, store)):
        table = score(batch) if score else table_rows(kind, dump, batch, store.rules)
        yield batch, with_constants(kind, table, constants)


def _scoring(
    kind: str,
    dump: Dump,
    analyzer: Callable[[], Analyzer],
    keep_scores: bool,
    tell: Callable[[str], None],
) -> Callable[[Batch], pa.Table] | None:
    """What makes scored comments of a batch; None for the other kinds."""
    if kind != "comments":
        return None
    from serving.scored import FileScorer

    return FileScorer(dump, analyzer, keep_scores, tell).comments


def _split_consents(users: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    from profiles.consents import split_consents  # brings what puts persons together

    return split_consents(users)


def _purposeless(dump: Dump, constants: Mapping[str, str]) -> bool:
    named = CONSENT.names[0]
    told = any(name in dump.columns for name in CONSENT.names)
    return dump.kind == "users" and told and not {named} & {*dump.columns, *constants}


def _rows_at_once(kind: str, store: Store) -> int:
    """Rows of one load: many where a row costs little but a load reads the stored keys."""
    if kind != "comments":
        return store.rows_per_load
    return BATCH_ROWS * (SPARK_BATCHES if store.engine == "spark" else 1)


def _without_identifier(dump: Dump, load: Load, result: LoadResult) -> list[Reject]:
    return [
        Reject(
            file=dump.path.name,
            line=int(batch.lines[at]),
            row=int(batch.row_numbers[at]),
            reason="no_identifier: every value is empty, masked or malformed",
            raw=json.dumps(batch.original.slice(at, 1).to_pylist()[0], default=str),
        )
        for batch, at in map(load.place, result.rejected)
    ]


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


def _as_kind(kind: str, dump: Dump, constants: Mapping[str, str]) -> Dump:
    """A dump that was opened as a table of no kind, read as ``kind``."""
    if dump.kind != "table" or kind == "identifiers":
        return dump
    return dump.as_kind(cast(Kind, kind), constants)
