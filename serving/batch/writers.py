"""Score tables to files: Parquet, CSV, JSONL, XLSX, streamed window by window.

A writer works on ``<name>.part`` and moves it into place when closed, so that a torn output is
never seen. CSV neutralises what a spreadsheet would run as a formula; an XLSX cell is always
written as text and cut at 32,767 characters, which is all that a cell holds. JSONL and Parquet hold
the text as it came.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, TracebackType
from typing import Any, Final, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from serving.batch.cells import cell_text, csv_cell, neutralize_formula, table_rows, to_json
from serving.batch.files import check_writable, sync_folder
from serving.errors import ServingError, UsageError

XLSX_MAX_ROWS: Final = 1_048_576  # the header included
XLSX_MAX_COLUMNS: Final = 16_384


class Sink(Protocol):
    """Takes tables of one schema, in order."""

    def write(self, table: pa.Table) -> None:
        """Appends the rows."""
        ...

    def close(self) -> None:
        """Finishes the file."""
        ...

    def abandon(self) -> None:
        """Lets go of what is held; the file need not be whole."""
        ...


class TableWriter:
    """The writer for a path's suffix; an error inside leaves neither output nor part behind."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        check_output(path)
        self.path = path
        self._part = path.with_name(path.name + ".part")
        try:
            self._sink = _SINKS[path.suffix](self._part, schema)
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise

    def write(self, table: pa.Table) -> None:
        """Appends a table of the writer's schema."""
        self._sink.write(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._sink.close()
            move_into_place(self._part, self.path)
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        with suppress(Exception):  # an error is under way; a second one would hide it
            self._sink.abandon()
        self._part.unlink(missing_ok=True)


def move_into_place(part: Path, path: Path) -> None:
    """Renames a finished file to its name once its bytes are on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.absolute().parent)


def check_output(path: Path) -> None:
    """Raises UsageError when the suffix is unknown or the file cannot stand where it should."""
    if path.suffix not in _SINKS:
        known = ", ".join(_SINKS)
        raise UsageError(
            f"--out: expected a name ending in {known}, found {path.name!r}; rename it"
        )
    if path.is_dir():
        raise UsageError(f"--out: expected a file, found the folder {path}; name a file in it")
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"--out: expected an existing folder, found no {path.parent}; create it first"
        )
    fault = check_writable(path)
    if fault:
        raise ServingError(f"--out: {fault}; change its rights or choose another place")


def check_rows(path: Path, rows: int) -> None:
    """Raises ServingError when the format of ``path`` cannot hold that many rows."""
    if path.suffix == ".xlsx" and rows >= XLSX_MAX_ROWS:
        raise ServingError(
            f"--out: expected at most {XLSX_MAX_ROWS - 1:,} rows for XLSX, found {rows:,}; "
            "use .parquet or .csv"
        )


class _ParquetSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(part, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()

    abandon = close


class _CsvSink:
    """UTF-8 with a byte order mark, without which Excel shows Chinese as garbage."""

    def __init__(self, part: Path, schema: pa.Schema) -> None:
        self._file = part.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([neutralize_formula(name) for name in schema.names])

    def write(self, table: pa.Table) -> None:
        self._writer.writerows([csv_cell(v) for v in row] for row in table_rows(table))

    def close(self) -> None:
        self._file.close()

    abandon = close


class _JsonlSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        self._names = schema.names
        self._file = part.open("w", encoding="utf-8", newline="\n")

    def write(self, table: pa.Table) -> None:
        for row in table_rows(table):
            self._file.write(to_json(dict(zip(self._names, row, strict=True))) + "\n")

    def close(self) -> None:
        self._file.close()

    abandon = close


class _XlsxSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        if len(schema.names) > XLSX_MAX_COLUMNS:
            raise ServingError(
                f"--out: expected at most {XLSX_MAX_COLUMNS:,} columns for XLSX, "
                f"found {len(schema.names):,}; use .parquet or .csv"
            )
        self._scratch = TemporaryDirectory(prefix="tingfeng-")
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "tmpdir": self._scratch.name,
        }
        self._book = xlsxwriter.Workbook(str(part), options)
        self._sheet = self._book.add_worksheet("comments")
        self._sheet.freeze_panes(1, 0)
        self._row = 0
        self._part = part
        self._write_row(schema.names)

    def write(self, table: pa.Table) -> None:
        check_rows(self._part.with_suffix(""), self._row - 1 + table.num_rows)
        for row in table_rows(table):
            self._write_row(row)

    def _write_row(self, row: Sequence[Any]) -> None:
        for column, value in enumerate(row):
            self._write_cell(column, value)
        self._row += 1

    def _write_cell(self, column: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, column, value)
        elif isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**53:
            self._sheet.write_number(self._row, column, value)
        else:
            self._sheet.write_string(self._row, column, cell_text(value))

    def close(self) -> None:
        try:
            self._book.close()
        except FileCreateError as error:
            raise OSError(str(error)) from error
        self._scratch.cleanup()

    def abandon(self) -> None:
        self._scratch.cleanup()


_SINKS: Final[Mapping[str, Callable[[Path, pa.Schema], Sink]]] = MappingProxyType(
    {".parquet": _ParquetSink, ".csv": _CsvSink, ".jsonl": _JsonlSink, ".xlsx": _XlsxSink}
)
