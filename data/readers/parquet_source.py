"""Parquet files: columns keep their types, nested ones included.

The number of rows is counted by reading, not taken from the footer. A text column stored as bytes
is read as UTF-8; a row whose bytes are not is a reject.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.readers import limits
from data.readers.bytestream import file_label
from data.readers.errors import DumpError, fail
from data.readers.report import RepairReport
from data.readers.rows import Chunk, Reject, Scan, cut
from data.readers.source import column_names


class ParquetSource:
    """Rows of a Parquet file; the line is the row number."""

    container = "Parquet"
    encoding = "utf-8"
    table: str | None = None
    note = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = file_label(path, None)
        with self._open() as file:
            schema = file.schema_arrow
        names, self._renamed = column_names(path, schema.names)
        self.schema = pa.schema(
            [field.with_name(name) for field, name in zip(schema, names, strict=True)]
        )

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise _broken(self.path, error) from error

    def _batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        with self._open() as file:
            try:
                for batch in file.iter_batches(batch_size=rows):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
            except (pa.ArrowException, OSError) as error:
                raise _broken(self.path, error) from error

    def scan(self) -> Scan:
        """Count the rows by reading them."""
        total = 0
        head: list[list[Any]] = [[] for _ in self.schema]
        for batch in self._batches(limits.HEAD_ROWS):
            if total == 0:
                head = [to_python(column) for column in batch.columns]
            total += batch.num_rows
        return Scan(schema=self.schema, rows=total, head=head)

    def chunks(self, rows: int, report: RepairReport) -> Iterator[Chunk]:
        """Rows in chunks, with fewer rows where there are many columns."""
        if self._renamed:
            report.add("renamed_columns", self._renamed)
        most = max(1, min(rows, limits.MAX_BATCH_CELLS // max(1, len(self.schema))))
        seen = 0
        for batch in self._batches(most):
            yield self._chunk(batch, seen)
            seen += batch.num_rows

    def _chunk(self, batch: pa.RecordBatch, seen: int) -> Chunk:
        numbers = range(seen + 1, seen + 1 + batch.num_rows)
        bad = {number - seen - 1 for number in numbers} & _invalid_rows(batch)
        rejects = [self._reject(batch, position, seen + 1 + position) for position in sorted(bad)]
        kept = [position for position in range(batch.num_rows) if position not in bad]
        original = batch.take(pa.array(kept, pa.int64())) if bad else batch
        kept_numbers = [seen + 1 + position for position in kept]
        return Chunk(
            original=original,
            values=lambda index: to_python(original.column(index)),
            row_numbers=kept_numbers,
            lines=kept_numbers,
            rejects=rejects,
        )

    def _reject(self, batch: pa.RecordBatch, position: int, number: int) -> Reject:
        raw = cut(repr(batch.slice(position, 1).to_pylist()[0]))
        reason = "invalid_bytes: a text of this row is not valid UTF-8"
        return Reject(file=self.label, line=number, row=number, reason=reason, raw=raw)


def _invalid_rows(batch: pa.RecordBatch) -> set[int]:
    """Positions of rows with a text that is not UTF-8; binary columns are no text."""
    bad: set[int] = set()
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            bad |= _undecodable(column)
    return bad


def _undecodable(column: pa.Array) -> set[int]:
    try:
        column.validate(full=True)
        return set()
    except pa.ArrowInvalid:
        raw = column.cast(pa.binary() if pa.types.is_string(column.type) else pa.large_binary())
        return {at for at, value in enumerate(raw.to_pylist()) if not _is_utf8(value)}


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def to_python(column: pa.Array) -> list[Any]:
    """The column's values; times finer than a microsecond are cut."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _broken(path: Path, error: Exception) -> DumpError:
    return fail(path, "a whole Parquet file", str(error)[:200], "copy or write it again")
