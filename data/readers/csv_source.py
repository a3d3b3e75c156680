"""CSV and TSV files: delimiter, header, records and their rejects; plain stretches in blocks.

Every cell is text as it came. Columns come from the header row (see ``data.readers.header``), as a
rule the first non-blank line; the delimiter is the one of ``, ; tab | ，`` that splits the header
and most of the next lines alike. A file whose header holds none of them has one column, and then no
delimiter is special.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Final, cast

import pyarrow as pa

from data.readers import limits
from data.readers.binding import ANYTHING, Wanted
from data.readers.bytestream import TextProbe, open_text
from data.readers.csv_blocks import Block, BlockLines, chunks_of
from data.readers.csv_split import LineQueue, read_record, split_fields
from data.readers.errors import fail
from data.readers.header import HEADER_ROWS, find_header, header_note
from data.readers.lines import sample_lines
from data.readers.report import RepairReport
from data.readers.rows import Chunk, Reject, Row, Scan
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
        self._header: list[str] = []
        self._header = list(header) or self._read_header()
        names, self._renamed = column_names(path, self._header)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in names])

    @property
    def first_cells(self) -> list[str]:
        """The cells of the header line, as they came; without one, the given names."""
        return self._header

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
        records = islice(self._records(RepairReport()), HEADER_ROWS)
        first = [one for one in records if not isinstance(one, Block)]  # no block without a header
        rows = [[] if isinstance(record, Reject) else list(record.cells) for record in first]
        top = first[0] if first else None
        if top is None or isinstance(top, Reject):
            found = top.reason if top else "none"
            raise fail(self.path, "a readable header line", found, "repair the first line")
        self._above = find_header(rows, self._wanted)
        self.note = header_note(first[self._above].line, rows[: self._above])
        return rows[self._above]

    def _records(self, report: RepairReport) -> Iterator[Row | Reject | Block]:
        """The header as row 0 (what is above it below 0), then every record, whatever its width;
        plain stretches as blocks.
        """
        with open_text(self.path, self._probe) as stream:
            lines = BlockLines(stream, self._probe.codec, self._probe.newline)
            yield from self._records_of(lines, report)

    def _records_of(
        self, lines: BlockLines, report: RepairReport
    ) -> Iterator[Row | Reject | Block]:
        queue = LineQueue(lines)
        start = number = -1 - self._above if self._has_header else 0
        width = None
        while True:
            while width is not None and width == len(self._header) and queue.is_empty:
                block = lines.take(self.schema.names, self._header, self._delimiter)
                if block is None:
                    break
                yield block._replace(number=number + 1)
                number += block.table.num_rows
            line = queue.take()
            if line is None:
                return
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
        for item in self._fitting(report):
            if isinstance(item, Block):
                columns = [column.to_pylist() for column in item.table.columns]
                for at, cells in enumerate(zip(*columns, strict=True)):
                    yield Row(item.number + at, item.line + at, list(cells), sum(map(len, cells)))
            else:
                yield item

    def _fitting(self, report: RepairReport) -> Iterator[Row | Reject | Block]:
        if self._renamed:
            report.add("renamed_columns", self._renamed)
        width = len(self._header)
        if self._above:
            report.add("rows_above_header", self._above)
        skipped = self._above + 1 if self._has_header else 0
        for item in islice(self._records(report), skipped, None):
            yield self._fit(item, width, report) if isinstance(item, Row) else item

    def chunks(self, rows: int, report: RepairReport) -> Iterator[Chunk]:
        """Kept rows in chunks of at most ``rows``, those of plain stretches as columns."""
        most = max(1, min(rows, limits.MAX_BATCH_CELLS // max(1, len(self.schema))))
        for plain, items in groupby(self._fitting(report), lambda one: isinstance(one, Block)):
            if plain:
                yield from chunks_of(cast(Iterator[Block], items), most)
            else:
                yield from self.row_chunks(cast(Iterator[Row | Reject], items), rows, report)

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
        head: list[Sequence[str]] = []
        for item in self._fitting(RepairReport()):
            total += item.table.num_rows if isinstance(item, Block) else 1
            missing = max(0, limits.HEAD_ROWS - len(head))
            if isinstance(item, Row) and missing:
                head.append(item.cells)
            elif isinstance(item, Block) and missing:
                columns = [one.to_pylist() for one in item.table.slice(0, missing).columns]
                head += zip(*columns, strict=True)
        seen = [[row[at] for row in head] for at in range(len(self.schema))]
        return Scan(schema=self.schema, rows=total, head=seen)


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
