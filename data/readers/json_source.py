"""JSON files: one object a line (JSONL), one array, one or several comment-list pages.

Which of them is settled by the first lines, not by the file name. Columns are the union of all keys
in the order of their first appearance, with one type each over the whole file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from data.readers import limits
from data.readers.bytestream import TextProbe, open_text
from data.readers.errors import fail
from data.readers.infer import ColumnTypes
from data.readers.json_document import DocumentReader
from data.readers.json_parse import Fault, JsonParser
from data.readers.lines import Line, read_lines, sample_lines
from data.readers.report import RepairReport
from data.readers.rows import Reject, Row, Scan
from data.readers.source import RowSource, column_names

_SAMPLE_LINES: Final = 20
_SCAN_ROWS: Final = 512  # few enough to stay in the processor's cache
_MANY_KEYS: Final = 200  # from here on rows hold few of all keys, and are seen row by row


class JsonSource(RowSource):
    """Rows of a JSON file."""

    container = "JSON"

    def __init__(self, path: Path, probe: TextProbe) -> None:
        super().__init__(path)
        self._probe = probe
        self.encoding = probe.encoding
        self._by_line = one_value_per_line(path, probe)
        self.container = "JSON lines" if self._by_line else "JSON"
        self._keys: list[str] = []

    def rows(self, report: RepairReport) -> Iterator[Row | Reject]:
        """Every object's cells, and a reject for every value that is no object."""
        keys = self._keys
        pick = itemgetter(*keys) if len(keys) > 1 else lambda value: tuple(map(value.get, keys))
        for item in self._objects(report):
            if isinstance(item, Reject):
                yield item
                continue
            number, line, value, size = item
            try:
                cells = pick(value)
            except KeyError:  # not every row has every key
                cells = tuple(map(value.get, keys))
            yield Row(number, line, cells, size)

    def _objects(self, report: RepairReport) -> Iterator[Row | Reject]:
        """Rows whose cells are their objects, as long as the columns are not known."""
        found = self._from_lines(report) if self._by_line else self._from_document(report)
        for number, (line, value, size) in enumerate(found, start=1):
            if type(value) is dict:
                yield Row(number, line, value, size)
            elif isinstance(value, Fault):
                yield self.reject(line, number, value.reason, value.raw)

    def _from_lines(
        self, report: RepairReport
    ) -> Iterator[tuple[int, dict[str, Any] | Fault, int]]:
        parser = JsonParser(report, strict=False)
        with open_text(self.path, self._probe) as stream:
            for line in read_lines(stream, self._probe.codec, self._probe.newline):
                if line.fault:
                    yield line.number, Fault(line.fault, line.text), 0
                elif not line.text.strip():
                    report.add("blank_lines")
                else:
                    for value in parser.parse_line(line.text):
                        yield line.number, _mark_truncated(value, line), len(line.text)

    def _from_document(
        self, report: RepairReport
    ) -> Iterator[tuple[int, dict[str, Any] | Fault, int]]:
        with open_text(self.path, self._probe) as stream:
            yield from DocumentReader(stream, self._probe.codec, JsonParser(report, strict=True))

    def scan(self) -> Scan:
        """Settle the columns and count the rows."""
        types: dict[str, ColumnTypes] = {}
        head: list[Row] = []
        waiting: list[Row] = []
        total = size = 0
        reason: str | None = None
        for item in self._objects(RepairReport()):
            total += 1
            if isinstance(item, Reject):
                reason = reason or item.reason
                continue
            waiting.append(item)
            size += item.size
            if len(waiting) == _SCAN_ROWS or size > limits.MAX_BATCH_BYTES:
                head += waiting[: limits.HEAD_ROWS - len(head)]
                self._see(types, waiting)
                waiting, size = [], 0
        self._see(types, waiting)
        head += waiting[: limits.HEAD_ROWS - len(head)]
        return self._settle(types, head, total, reason)

    def _see(self, types: dict[str, ColumnTypes], items: Sequence[Row]) -> None:
        keys: dict[str, Any] = {}
        for item in items:
            keys.update(item.cells)
        if len(types) + len(keys) > limits.MAX_COLUMNS:
            column_names(self.path, [*types, *(key for key in keys if key not in types)])
        for key in keys:
            types.setdefault(key, ColumnTypes())
        if len(keys) > _MANY_KEYS:
            for item in items:
                for key, value in item.cells.items():
                    types[key].see([value])
            return
        for key in keys:
            types[key].see([item.cells.get(key) for item in items])

    def _settle(
        self, types: dict[str, ColumnTypes], head: list[Row], total: int, reason: str | None
    ) -> Scan:
        self._keys = list(types)
        names, _ = column_names(self.path, self._keys)
        kinds = [column.arrow_type() for column in types.values()]
        self.schema = pa.schema(
            [pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)]
        )
        columns = [[item.cells.get(key) for item in head] for key in self._keys]
        return Scan(schema=self.schema, rows=total, head=columns, first_reason=reason)


def _mark_truncated(value: dict[str, Any] | Fault, line: Line) -> dict[str, Any] | Fault:
    """A last line without an end that cannot be read is half a line."""
    if isinstance(value, Fault) and not line.end and value.reason.startswith("invalid_json"):
        return value._replace(reason="truncated_line: the file ends inside this row")
    return value


def one_value_per_line(path: Path, probe: TextProbe) -> bool:
    """True for JSON lines: a line near the start is a value by itself, and it is not the only
    array.
    """
    with open_text(path, probe) as stream:
        texts = sample_lines(stream, probe.codec, probe.newline, _SAMPLE_LINES)
    if not texts:
        raise fail(path, "JSON rows", "only blank lines", "export it again")
    first = texts[0].lstrip()
    if first.startswith("["):
        return len(texts) > 1 and _is_value(first)
    if not first.startswith("{") or len(texts) == 1 or _is_value(first):
        return True
    return any(text.startswith("{") and _is_value(text) for text in texts[1:])


def _is_value(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
