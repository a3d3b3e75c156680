"""Cells of users, events, orders and campaigns as typed values, column by column.

A cell that says something but cannot be read is told apart from an empty one: where the column is
required, or money, its row is a reject; elsewhere the value is null and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from data.columns import TIMESTAMP
from data.readers.binding import Binding
from data.readers.counts import parse_counts
from data.readers.ids import clean_ids, clean_names, is_null_word
from data.readers.infer import as_text
from data.readers.money import parse_money
from data.readers.names import normal_name, platform_key
from data.readers.plain_cells import named, plain_counts, plain_ids, plain_times
from data.readers.report import RepairReport
from data.readers.times import parse_time

TEXTS: Final = frozenset({"items", "properties"})  # as the source gives them
_TRUTHS: Final = {
    **dict.fromkeys(("1", "true", "yes", "y", "是", "已认证"), True),
    **dict.fromkeys(("0", "false", "no", "n", "否", "未认证"), False),
}
# a row with such a time is rejected, not left without one
_REJECTED: Final = frozenset({"time_unreadable", "time_out_of_range"})


class CellReader:
    """Reads cells under the rules of one binding, counting repairs."""

    def __init__(self, binding: Binding, report: RepairReport) -> None:
        self._binding = binding
        self._report = report
        shape = binding.shape
        self._zone = ZoneInfo(shape.time_zone if shape else "Asia/Shanghai")
        self._dates = shape.dates if shape else {}
        self._units = shape.units if shape else {}
        words = shape.words if shape else {}
        self._words = {
            field: {normal_name(word): name or None for word, name in names.items()}
            for field, names in words.items()
        }

    def read(self, field: pa.Field, values: Sequence[Any]) -> list[Any]:
        """The cells of one input column as values of this field; null where there is none."""
        name, report = field.name, self._report
        if field.type == TIMESTAMP:
            return self._times(field, values)
        if field.type == pa.float64():
            unit = self._units.get(name, "yuan")
            return [parse_money(value, unit, report) for value in values]
        if field.type == pa.int64():
            return parse_counts(values, report)
        if field.type == pa.bool_():
            return [_TRUTHS.get(normal_name(as_text(value) or "")) for value in values]
        if name in TEXTS:
            return [text if text and text.strip() else None for text in map(as_text, values)]
        if name.endswith("_id"):
            return clean_ids(values, report, zeroed=name in self._binding.zeroed)
        return self._names(name, clean_names(values, report))

    def read_column(self, field: pa.Field, cells: pa.Array) -> pa.Array | None:
        """The cells of one column of text as an array of this field, if all of them are plain."""
        name = field.name
        if field.type == TIMESTAMP:
            if self._dates.get(name):
                return None
            return plain_times(cells, self._binding.time_unit, self._zone)
        if field.type == pa.int64():
            return plain_counts(cells)
        if field.type != pa.string() or name in TEXTS:
            return None
        if name.endswith("_id"):
            return None if name in self._binding.zeroed else plain_ids(cells)
        return named(cells, lambda texts: self._plain_names(name, texts))

    def _plain_names(self, field: str, texts: list[str]) -> list[str | None] | None:
        """The names of different texts, if none of them needs a repair."""
        scratch = RepairReport()
        found = clean_names(texts, scratch)
        return None if scratch.counts else self._names(field, found)

    def _names(self, field: str, found: list[str | None]) -> list[str | None]:
        texts = [text.strip() if text else None for text in found]
        if field == "platform":
            return [platform_key(text) if text else None for text in texts]
        words: Mapping[str, str | None] = self._words.get(field, {})
        return [words.get(normal_name(text), text) if text else None for text in texts]

    def _times(self, field: pa.Field, values: Sequence[Any]) -> list[int | None]:
        scratch = RepairReport()
        formats = self._dates.get(field.name, ())
        times = [self._time(value, formats, scratch) for value in values]
        for key, number in scratch.counts.items():
            if field.nullable or key not in _REJECTED:
                self._report.add(key, number)
        return times

    def _time(self, value: Any, formats: Sequence[str], report: RepairReport) -> int | None:
        for form in formats:
            try:
                moment = datetime.strptime(str(value).strip(), form)
            except ValueError:
                continue
            return parse_time(moment, None, report, self._zone)
        return parse_time(value, self._binding.time_unit, report, self._zone)


def says_nothing(value: Any) -> bool:
    """True for an empty cell, and for a word for nothing."""
    text = as_text(value)
    return text is None or not text.strip() or is_null_word(text.strip())
