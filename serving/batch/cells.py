"""Score tables as the values that text files and workbooks hold.

Scores are given with six decimals, lists and objects as JSON text, moments in ISO 8601. A text that
a spreadsheet could run as a formula gets an apostrophe in front where the file cannot mark it as
text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import date, time
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import SCORES
from data.readers.infer import as_text

SCORE_DECIMALS: Final = 6
# spreadsheets skip blanks and unseen characters in front, and take full-width signs for plain ones
_FORMULA: Final = re.compile(r"[\s\0\ufeff\u200b-\u200d\u2060]*[\t\r\n\0=+\-@＝＋－＠]")
_ROUNDED: Final = frozenset(
    {"sentiment_score", "p_negative", "p_neutral", "p_positive", "interests", "aspects"}
)


def neutralize_formula(cell: str) -> str:
    """The cell with an apostrophe in front when a spreadsheet could take it for a formula."""
    return "'" + cell if _FORMULA.match(cell) else cell


def table_rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as Python values, one tuple per row in the order of the columns."""
    names = table.column_names
    columns = [_values(name, table.column(at)) for at, name in enumerate(names)]
    return zip(*columns, strict=True)


def csv_cell(value: Any) -> str:
    """The value as a CSV cell; null is the empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return neutralize_formula(cell_text(value))


def cell_text(value: Any) -> str:
    """The value as text: JSON for lists and objects, ISO 8601 for moments."""
    return to_json(value) if isinstance(value, list | dict | tuple) else _plain(value)


def to_json(value: Any) -> str:
    """The value as JSON on one line; numbers that JSON does not have (NaN, infinity) are null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def _values(name: str, column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":  # Python has no nanoseconds
        column = pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    if name in _ROUNDED and column.type == SCORES.field(name).type:
        return [_round(value) for value in values]
    return values


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, SCORE_DECIMALS)
    if isinstance(value, list):
        return [_round(item) for item in value]
    return {k: _round(v) for k, v in value.items()} if isinstance(value, dict) else value


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return {k: _finite(v) for k, v in value.items()} if isinstance(value, dict) else value


def _plain(value: Any) -> str:
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return (as_text(value) or "") if isinstance(value, bytes) else str(value)
