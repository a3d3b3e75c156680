"""One Arrow type per input column from the Python values that occur in it, and the values as that
type.

Whole numbers, numbers, truth values and texts keep their type when all non-null values of the
column agree; a column that mixes them, or nests, is text (JSON for what is not text already).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from data.readers.report import RepairReport

_INT64: Final = 2**63
_EXACT: Final = 2**53  # whole numbers that a double holds exactly
_TEXT_TYPES: Final = frozenset({str, type(None)})


class ColumnTypes:
    """The types seen in one column so far."""

    def __init__(self) -> None:
        self._kinds: set[type] = set()
        self._largest = 0

    def see(self, values: Sequence[Any]) -> None:
        kinds = set(map(type, values))
        self._kinds |= kinds
        if int in kinds:
            sizes = (abs(value) for value in values if type(value) is int)
            self._largest = max(self._largest, max(sizes))

    def arrow_type(self) -> pa.DataType:
        """The column's type; text when nothing but nulls was seen."""
        kinds = self._kinds - {type(None)}
        if kinds == {int} and self._largest < _INT64:
            return pa.int64()
        if kinds == {float} or (kinds == {int, float} and self._largest <= _EXACT):
            return pa.float64()
        return pa.bool_() if kinds == {bool} else pa.string()


def as_text(value: Any) -> str | None:
    """The value as a text cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _bytes_as_text(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _bytes_as_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "0x" + value.hex()


def to_array(values: Sequence[Any], kind: pa.DataType, report: RepairReport | None) -> pa.Array:
    """The values as an Arrow array of that type; half emojis become U+FFFD and are counted."""
    if kind == pa.string() and not set(map(type, values)) <= _TEXT_TYPES:
        values = [as_text(value) for value in values]
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_whole(value, report) for value in values], kind)


def _whole(text: str | None, report: RepairReport | None) -> str | None:
    if text is None or text.isascii():
        return text
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        if report is not None:
            report.add("lone_surrogates")
        return replace_surrogates(text)


def replace_surrogates(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
