"""What every container gives: a scan, then chunks of kept rows and rejects, as often as asked.

``RowSource`` is the base of the containers that come row by row (text, SQLite, XLSX); a subclass
says how rows are read, and everything else about batches, types and names is here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from data.readers import limits
from data.readers.bytestream import file_label
from data.readers.errors import fail, printable
from data.readers.infer import replace_surrogates, to_array
from data.readers.report import RepairReport
from data.readers.rows import Chunk, Reject, Row, Scan, cut


class Source(Protocol):
    """One table in one file."""

    container: str  # in words, e.g. "JSON lines"
    encoding: str
    table: str | None  # of a database or workbook
    label: str  # names the table in rejects and fallback ids
    note: str  # what stood above the header, or nothing

    def scan(self) -> Scan: ...

    def chunks(self, rows: int, report: RepairReport) -> Iterator[Chunk]: ...


class RowSource(ABC):
    """A source that comes row by row."""

    container = ""
    encoding = "utf-8"
    note = ""

    def __init__(self, path: Path, table: str | None = None) -> None:
        self.path = path
        self.table = table
        self.label = file_label(path, table)
        self.schema: pa.Schema = pa.schema([])

    @abstractmethod
    def rows(self, report: RepairReport) -> Iterator[Row | Reject]:
        """Every row in order; usable once ``schema`` is known."""

    @abstractmethod
    def scan(self) -> Scan:
        """Read everything once and settle ``schema``."""

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """The cells of some rows, column by column."""
        if not rows:
            return [[] for _ in self.schema]
        return list(zip(*(row.cells for row in rows), strict=True))

    def reject(self, line: int, row: int, reason: str, raw: str) -> Reject:
        return Reject(file=self.label, line=line, row=row, reason=reason, raw=cut(raw))

    def chunks(self, rows: int, report: RepairReport) -> Iterator[Chunk]:
        """Kept rows in chunks of at most ``rows``, fewer where cells or bytes would be too many."""
        return self.row_chunks(self.rows(report), rows, report)

    def row_chunks(
        self, items: Iterator[Row | Reject], rows: int, report: RepairReport
    ) -> Iterator[Chunk]:
        """Rows that were read one by one, in chunks."""
        most = max(1, min(rows, limits.MAX_BATCH_CELLS // max(1, len(self.schema))))
        kept: list[Row] = []
        rejects: list[Reject] = []
        size = 0
        for item in items:
            if isinstance(item, Reject):
                rejects.append(item)
            else:
                kept.append(item)
                size += item.size
            if len(kept) >= most or len(rejects) >= rows or size > limits.MAX_BATCH_BYTES:
                yield self._chunk(kept, rejects, report)
                kept, rejects, size = [], [], 0
        if kept or rejects:
            yield self._chunk(kept, rejects, report)

    def _chunk(self, kept: list[Row], rejects: list[Reject], report: RepairReport) -> Chunk:
        columns = self.columns(kept)
        arrays = [
            to_array(values, field.type, report)
            for values, field in zip(columns, self.schema, strict=True)
        ]
        return Chunk(
            original=pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            values=lambda index: columns[index],
            row_numbers=[row.number for row in kept],
            lines=[row.line for row in kept],
            rejects=rejects,
        )


def column_names(path: Path, names: Sequence[str | None]) -> tuple[list[str], int]:
    """Names as they came, unnamed ones ``column_N``, repeated ones with a number; and how many
    changed.
    """
    if len(names) > limits.MAX_COLUMNS:
        found = f"{len(names):,}"
        raise fail(path, f"at most {limits.MAX_COLUMNS:,} columns", found, "check the delimiter")
    given: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        base = replace_surrogates(name) if name and name.strip() else f"column_{position}"
        number, unique = 1, base
        while unique in taken:
            number += 1
            unique = f"{base}_{number}"
        taken.add(unique)
        given.append(unique)
    changed = sum(before != after for before, after in zip(names, given, strict=True))
    return given, changed


def shown_columns(names: Sequence[str], most: int = 12) -> str:
    """The first column names, for an error message."""
    shown = ", ".join(printable(name[:40]) for name in names[:most])
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown
