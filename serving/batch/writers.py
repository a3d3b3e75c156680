"""Score tables to files: Parquet, CSV, JSONL, XLSX, streamed window by window.

A writer works on ``<name>.part`` and moves it into place when closed, so that a torn output is never seen. CSV and
XLSX hold lists as JSON text; a CSV cell that a spreadsheet would run as a formula gets an apostrophe in front, an XLSX
cell is always written as text. JSONL and Parquet hold the text as it came.
"""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from serving.errors import ServingError

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
XLSX_MAX_ROWS: Final = 1_048_576
XLSX_MAX_CELL: Final = 32_767


class Sink(Protocol):
    """Takes tables of one schema, in order."""

    def write(self, table: pa.Table) -> None:
        """Appends the rows."""
        ...

    def close(self) -> None:
        """Finishes the file."""
        ...


class TableWriter:
    """The writer for a path's suffix, as a context manager; an error inside leaves no output behind."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._sink = _open_sink(path, self._part, schema)

    def write(self, table: pa.Table) -> None:
        """Appends a table of the writer's schema."""
        self._sink.write(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        self._sink.close()
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self.path)


def check_output(path: Path) -> None:
    """Raises ServingError when the suffix is unknown or the folder does not exist."""
    if path.suffix not in _SINKS:
        raise ServingError(f"--out: expected a name ending in {', '.join(_SINKS)}, found {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise ServingError(f"--out: expected an existing folder, found no {path.parent}; create it first")


def neutralize_formula(cell: str) -> str:
    """The cell with an apostrophe in front when a spreadsheet could take it for a formula."""
    return "'" + cell if cell.lstrip(" ").startswith(FORMULA_STARTS) else cell


class _ParquetSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(part, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


class _CsvSink:
    """UTF-8 with a byte order mark, without which Excel shows Chinese as garbage."""

    def __init__(self, part: Path, schema: pa.Schema) -> None:
        self._file = part.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([neutralize_formula(name) for name in schema.names])

    def write(self, table: pa.Table) -> None:
        columns = [[_csv_cell(v) for v in column.to_pylist()] for column in table.columns]
        self._writer.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self._file.close()


class _JsonlSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        del schema
        self._file = part.open("w", encoding="utf-8", newline="\n")

    def write(self, table: pa.Table) -> None:
        for row in table.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


class _XlsxSink:
    def __init__(self, part: Path, schema: pa.Schema) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(str(part), options)
        self._sheet = self._book.add_worksheet("comments")
        self._sheet.freeze_panes(1, 0)
        self._row = 0
        self._write_row(schema.names)

    def write(self, table: pa.Table) -> None:
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            self._write_row(row)

    def _write_row(self, row: Any) -> None:
        if self._row >= XLSX_MAX_ROWS:
            raise ServingError(
                f"--out: expected at most {XLSX_MAX_ROWS - 1:,} rows for XLSX, found more; use .parquet or .csv"
            )
        for column, value in enumerate(row):
            self._write_cell(column, value)
        self._row += 1

    def _write_cell(self, column: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, column, value)
        elif isinstance(value, int | float) and abs(value) < 2**53 and math.isfinite(value):
            self._sheet.write_number(self._row, column, value)
        else:
            self._sheet.write_string(self._row, column, _text(value)[:XLSX_MAX_CELL])

    def close(self) -> None:
        self._book.close()


_SINKS: Final = {
    ".parquet": _ParquetSink,
    ".csv": _CsvSink,
    ".jsonl": _JsonlSink,
    ".xlsx": _XlsxSink,
}


def _open_sink(path: Path, part: Path, schema: pa.Schema) -> Sink:
    check_output(path)
    return _SINKS[path.suffix](part, schema)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(round(value, 6)) if isinstance(value, float) else str(value)
    return neutralize_formula(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=_rounded)
    return str(value)


def _rounded(value: Any) -> str:
    return str(value)
