"""CSV and TSV files: delimiter, header, records and their rejects.

Every cell is text as it came. Columns come from the header row (see ``data.readers.header``), as a
rule the first non-blank line; the delimiter is the one of ``, ; tab | ，`` that splits the header
and most of the next lines alike. A file whose header holds none of them has one column, and then no
delimiter is special.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from data.readers import limits
from data.readers.binding import ANYTHING, Wanted
from data.readers.bytestream import TextProbe, open_text
from data.readers.csv_split import LineQueue, read_record, split_fields
from data.readers.errors import fail
from data.readers.header import HEADER_ROWS, find_header, header_note
from data.readers.lines import Line, read_lines, sample_lines
from data.readers.report import RepairReport
from data.readers.rows import Reject, Row, Scan
from data.readers.source import RowSource, column_names

_DELIMITERS: Final = (",", "\t", ";", "|", "，")
_NO_DELIMITER: Final = "\uffff"  # a noncharacter, in no text
_SAMPLE_LINES: Final = 50


class CsvSource(RowSource):
    """Rows of a delimited text file."""

    container = "CSV"

    def __init__(
        self,
        path: Path,
        probe: TextProbe,
        wanted: Wanted = ANYTHING,
        *,
        header: Sequence[str] = (),
    ) -> None:
        """``header`` names the columns of a file whose first line is data already."""
        super().__init__(path)
        self._wanted = wanted
        self._above = 0  # records above the header
        self._probe = probe
        self.encoding = probe.encoding
        self._delimiter = self._sniff_delimiter()
        self._has_header = not header
        self._header = list(header) or self._read_header()
        names, self._renamed = column_names(path, self._header)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in names])

    @property
    def first_cells(self) -> list[str]:
        """The cells of the header line, as they came; without one, the given names."""
        return self._header

    def _lines(self) -> Iterator[Line]:
        with open_text(self.path, self._probe) as stream:
            yield from read_lines(stream, self._probe.codec, self._probe.newline)

    def _sniff_delimiter(self) -> str:
        with open_text(self.path, self._probe) as stream:
            sample = sample_lines(stream, self._probe.codec, self._probe.newline, _SAMPLE_LINES)
        if not sample:
            raise fail(self.path, "a header and rows", "only blank lines", "export it again")
        if _is_sep_line(sample[0]):
            return sample[0][-1]
        marks = [_delimiter(sample[at:]) for at in range(min(HEADER_ROWS, len(sample)))]
        rows = [split_fields(text, mark).fields for text, mark in zip(sample, marks, strict=False)]
        return marks[find_header(rows, self._wanted)]

    def _read_header(self) -> list[str]:
        first = list(islice(self._records(RepairReport()), HEADER_ROWS))
        rows = [[] if isinstance(record, Reject) else list(record.cells) for record in first]
        top = first[0] if first else None
        if top is None or isinstance(top, Reject):
            found = top.reason if top else "none"
            raise fail(self.path, "a readable header line", found, "repair the first line")
        self._above = find_header(rows, self._wanted)
        self.note = header_note(first[self._above].line, rows[: self._above])
        return rows[self._above]

    def _records(self, report: RepairReport) -> Iterator[Row | Reject]:
        """The header as row 0 (what is above it below 0), then every record, whatever its width."""
        queue = LineQueue(self._lines())
        start = number = -1 - self._above if self._has_header else 0
        width = None
        while line := queue.take():
            if not line.text.strip("\r") and not line.fault:
                report.add("blank_lines")
                continue
            if number == start and _is_sep_line(line.text):
                continue
            number += 1
            fields, fault = read_record(line, queue, self._delimiter, width)
            if fault:
                yield self.reject(line.number, number, fault, line.text)
            else:
                yield Row(number, line.number, fields, len(line.text))
            if number >= 0:
                width = width or len(fields)

    def rows(self, report: RepairReport) -> Iterator[Row | Reject]:
        """Every record after the header, if there is one, that has its width."""
        if self._renamed:
            report.add("renamed_columns", self._renamed)
        width = len(self._header)
        if self._above:
            report.add("rows_above_header", self._above)
        skipped = self._above + 1 if self._has_header else 0
        for item in islice(self._records(report), skipped, None):
            if isinstance(item, Row):
                item = self._fit(item, width, report)
            yield item

    def _fit(self, row: Row, width: int, report: RepairReport) -> Row | Reject:
        cells = list(row.cells)
        if len(cells) > width and not any(cells[width:]):
            report.add("extra_empty_cells")
            row = row._replace(cells=cells[:width])
        found = len(row.cells)
        if found != width:
            reason = "too_few_fields" if found < width else "too_many_fields"
            raw = self._delimiter.join(cells)
            return self.reject(
                row.line, row.number, f"{reason}: expected {width}, found {found}", raw
            )
        if row.cells == self._header and width > 1:
            raw = self._delimiter.join(cells)
            return self.reject(row.line, row.number, "repeated_header: the header again", raw)
        return row

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


def _is_sep_line(text: str) -> bool:
    """True for the line by which Excel names its delimiter, ``sep=;``."""
    return text.lower().startswith("sep=") and len(text) == len("sep=") + 1


def _delimiter(sample: list[str]) -> str:
    """The delimiter of a table whose header is the first line of the sample."""
    if not any(mark in sample[0] for mark in _DELIMITERS):
        return _NO_DELIMITER
    return max(_DELIMITERS, key=lambda mark: _agreement(sample, mark))


def _agreement(sample: list[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter fits: the share of lines with the header's width, then that width."""
    width = len(split_fields(sample[0], delimiter).fields)
    if width < 2:
        return -1.0, width
    same = sum(len(split_fields(text, delimiter).fields) == width for text in sample)
    return same / len(sample), width
