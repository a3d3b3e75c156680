"""JSON text to rows: strict about what cannot be kept, one reason per value that is no row.

Numbers that no table holds (NaN, Infinity, 1e400), values nested too deep and values that are no
objects are rejects. A key given twice keeps its last value. A page of the Douyin Open Platform's
lists (``{"data": {"list": [...]}}``) stands for its rows, and the ``statistics`` of an item there
for columns of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from data.readers import limits
from data.readers.infer import as_text
from data.readers.report import RepairReport

_NESTED: Final = frozenset({dict, list})


class Fault(NamedTuple):
    """Why a value is no row, and its text."""

    reason: str
    raw: str


class NotFinite(ValueError):
    """A number that no table holds."""


class JsonParser:
    """Parses values and counts what it repaired in ``report``."""

    def __init__(self, report: RepairReport, *, strict: bool) -> None:
        self._report = report
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            strict=strict,
        )
        self._scan: Callable[[str, int], tuple[Any, int]] = getattr(decoder, "scan_once")  # noqa: B009

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            self._report.add("duplicate_keys", len(pairs) - len(record))
        return record

    def parse(self, text: str, start: int) -> tuple[Any, int]:
        """The value at ``start`` and where it ends. Raises: ValueError (also JSONDecodeError),
        RecursionError.
        """
        try:
            return self._scan(text, start)
        except StopIteration as stop:
            raise json.JSONDecodeError("Expecting value", text, stop.value) from None

    def parse_line(self, text: str) -> list[dict[str, Any] | Fault]:
        """Every row on one line; what follows an unreadable value is one fault with it."""
        rows: list[dict[str, Any] | Fault] = []
        position = 0
        while (position := _skip_space(text, position)) < len(text):
            try:
                value, end = self.parse(text, position)
            except (ValueError, RecursionError) as error:
                return [*rows, Fault(describe(error), text[position:])]
            if type(value) is dict and _is_flat(value):
                rows.append(value)
            else:
                rows += expand(value, text[position:end])
            position = end if end == len(text) else self._skip_comma(text, end)
        return rows

    def _skip_comma(self, text: str, end: int) -> int:
        position = _skip_space(text, end)
        if position == len(text) - 1 and text[position] == ",":
            self._report.add("trailing_commas")
            return len(text)
        return position


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _refuse_constant(name: str) -> Any:
    raise NotFinite(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotFinite(text[:40])
    return number


def describe(error: Exception) -> str:
    """The reject reason for an error of the parser."""
    if isinstance(error, RecursionError):
        return f"too_deep: nested more than {limits.MAX_NESTING} deep"
    if isinstance(error, NotFinite):
        return f"not_finite_number: {error}"
    if isinstance(error, json.JSONDecodeError):
        return f"invalid_json: {error.msg} at character {error.pos + 1}"
    return "invalid_json: a number of more digits than can be read"


def expand(value: Any, raw: str) -> Iterator[dict[str, Any] | Fault]:
    """The rows that a value stands for: itself, or the items of a page."""
    items = page_items(value)
    if items is None:
        yield _row_or_fault(value, raw)
    elif isinstance(items, str):
        yield Fault(f"page_without_list: {items}", raw)
    else:
        for item in items:
            yield _row_or_fault(item, raw)


def page_items(value: Any) -> list[Any] | str | None:
    """The items of a comment-list page, the platform's error text, or null for anything else."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return None
    items = data.get("list")
    if isinstance(items, list):
        return items
    code = data.get("error_code")
    if items is not None or code is None:
        return None
    if code == 0:
        return []
    return f"error_code {code} {str(data.get('description') or '')[:200]}".strip()


def _is_flat(value: dict[str, Any]) -> bool:
    return _NESTED.isdisjoint(map(type, value.values()))


def _row_or_fault(value: Any, raw: str) -> dict[str, Any] | Fault:
    if type(value) is not dict:
        return Fault(f"not_an_object: {_json_kind(value)}", raw)
    if _is_flat(value):
        return value
    record = _lift_statistics(value)
    for key, cell in record.items():
        if type(cell) is dict or type(cell) is list:
            if _too_deep(cell):
                return Fault(describe(RecursionError()), raw)
            record[key] = as_text(cell)
    return record


def _lift_statistics(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the counts of a platform's item as columns; others as they came."""
    counts = record.get("statistics")
    if type(counts) is not dict or "item_id" not in record:
        return record
    kept = {key: cell for key, cell in record.items() if key != "statistics"}
    return kept | {key: count for key, count in counts.items() if key not in kept}


def _json_kind(value: Any) -> str:
    kinds = {list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(limits.MAX_NESTING):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
