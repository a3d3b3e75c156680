"""Excel workbooks (.xlsx, .xlsm): one sheet of them, values only.

Macros, links and formulas are never run: a formula gives the value that the workbook cached, or
nothing. Cells become text as a CSV export would write them; whole-number cells keep the digits the
workbook has.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

import pyarrow as pa
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from data.readers import limits
from data.readers.binding import ANYTHING, Wanted
from data.readers.errors import fail, printable
from data.readers.header import HEADER_ROWS, find_header, header_note
from data.readers.report import RepairReport
from data.readers.rows import Reject, Row, Scan
from data.readers.source import RowSource, column_names, shown_columns

_ERRORS = (
    zipfile.BadZipFile,
    InvalidFileException,
    ParseError,
    KeyError,
    ValueError,
    OSError,
    EOFError,
    AttributeError,
    IndexError,
    TypeError,
)


def is_workbook(path: Path) -> bool:
    """True when the zip file holds a workbook. Raises: DumpError for a broken or bloated one."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise fail(path, "a whole .xlsx file", str(error), "copy or save it again") from error
    if all(entry.filename != "xl/workbook.xml" for entry in entries):
        return False
    if sum(entry.file_size for entry in entries) > limits.MAX_XLSX_BYTES:
        most = f"at most {limits.MAX_XLSX_BYTES:,} bytes unpacked"
        raise fail(path, most, "a larger workbook", "export it as CSV")
    return True


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        try:  # by file, because openpyxl refuses a workbook with another suffix
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except _ERRORS as error:
            raise fail(path, "a readable workbook", repr(error)[:200], "save it again") from error
        try:
            yield book
        finally:
            book.close()


class Header(NamedTuple):
    """The header of a sheet: its cells, its row number, the filled rows above it."""

    cells: list[str]
    line: int
    above: list[list[str | None]]


def list_sheets(path: Path, wanted: Wanted = ANYTHING) -> dict[str, list[str]]:
    """Header cells by sheet; an empty sheet has none."""
    with _workbook(path) as book:
        return {sheet.title: _header(path, sheet, wanted).cells for sheet in book.worksheets}


def _header(path: Path, sheet: Any, wanted: Wanted) -> Header:
    first = list(islice(_filled_rows(path, sheet), HEADER_ROWS))
    if not first:
        return Header([], 0, [])
    rows = [cells for _, cells in first]
    at = find_header(rows, wanted)
    return Header([cell or "" for cell in rows[at]], first[at][0], rows[:at])


def _filled_rows(path: Path, sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    """Row number of the sheet and cells up to the last filled one, empty rows left out."""
    sheet.reset_dimensions()
    try:
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [_text(value) for value in values]
            while cells and cells[-1] is None:
                cells.pop()
            if cells:
                yield number, cells
    except _ERRORS as error:
        raise fail(path, "a readable sheet", repr(error)[:200], "save it again") from error


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)


class XlsxSource(RowSource):
    """Rows of one sheet; the line is the row number in the sheet."""

    container = "XLSX"

    def __init__(self, path: Path, sheet: str, *, named: bool, wanted: Wanted = ANYTHING) -> None:
        super().__init__(path, sheet if named else None)
        with _workbook(path) as book:
            sheets = {one.title: one for one in book.worksheets}
            if sheet not in sheets:
                found = f"no sheet {printable(sheet)!r}, but {shown_columns(list(sheets))}"
                raise fail(path, "the sheet named after ::", found, "name one of them")
            header = _header(path, sheets[sheet], wanted)
        if not header.cells:
            raise fail(path, "a header and rows", "an empty sheet", "name another with path::sheet")
        self._sheet, self._header_line = sheet, header.line
        self.note = header_note(header.line, header.above or [[]] * (header.line - 1))
        names, self._renamed = column_names(path, header.cells)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in names])

    def rows(self, report: RepairReport) -> Iterator[Row | Reject]:
        """Every filled row after the header."""
        if self._header_line > 1:
            report.add("rows_above_header", self._header_line - 1)
        if self._renamed:
            report.add("renamed_columns", self._renamed)
        with _workbook(self.path) as book:
            filled = _filled_rows(self.path, book[self._sheet])
            below = dropwhile(lambda row: row[0] <= self._header_line, filled)
            for number, (line, cells) in enumerate(below, start=1):
                yield self._fit(number, line, cells)

    def _fit(self, number: int, line: int, cells: list[str | None]) -> Row | Reject:
        width = len(self.schema)
        raw = "\t".join(cell or "" for cell in cells)
        if len(raw) > limits.MAX_ROW_BYTES:
            return self.reject(line, number, f"row_too_large: {len(raw):,} characters", raw)
        if len(cells) > width:
            reason = f"too_many_fields: expected {width}, found {len(cells)}"
            return self.reject(line, number, reason, raw)
        padding: Sequence[None] = [None] * (width - len(cells))
        return Row(number, line, [*cells, *padding], len(raw))

    def scan(self) -> Scan:
        """Count the rows and keep the first ones."""
        total = 0
        head: list[Row] = []
        for item in self.rows(RepairReport()):
            total += 1
            if isinstance(item, Row) and len(head) < limits.HEAD_ROWS:
                head.append(item)
        columns = [list(values) for values in self.columns(head)]
        return Scan(schema=self.schema, rows=total, head=columns)
