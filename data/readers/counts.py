"""Counts as platforms show them: plain numbers, 1.2万, 3亿, 10w+, 1,234, or a word for nothing.

``parse_count`` gives null rather than a guess; a negative count or a fraction of one does not
exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from data.readers.ids import is_null_word
from data.readers.report import RepairReport

_UNITS: Final = {
    "": 1,
    "k": 1_000,
    "千": 1_000,
    "w": 10_000,
    "万": 10_000,
    "萬": 10_000,
    "m": 1_000_000,
    "亿": 100_000_000,
    "億": 100_000_000,
}
_SHOWN: Final = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)\s*([kwm千万萬亿億]?)\+?", re.IGNORECASE)
_SEPARATORS: Final = str.maketrans("", "", ",，")  # both widths
_SURELY_INT64: Final = 19  # digits
_MAX: Final = 2**63 - 1


def parse_counts(values: Sequence[Any], report: RepairReport) -> list[int | None]:
    """``parse_count`` of every value."""
    return [
        int(value)
        if type(value) is str and value.isdecimal() and len(value) < _SURELY_INT64
        else parse_count(value, report)
        for value in values
    ]


def parse_count(value: Any, report: RepairReport) -> int | None:
    """The count as an integer, or null."""
    if value is None or type(value) is bool:
        return None
    if isinstance(value, int):
        return _bounded(value, report)
    if isinstance(value, str):
        return _parse_text(value.strip(), report)
    return _parse_text(str(value), report)


def _parse_text(text: str, report: RepairReport) -> int | None:
    if text.isdecimal() and len(text) < _SURELY_INT64:
        return int(text)
    if not text:
        return None
    if is_null_word(text):
        report.add("null_words")
        return None
    return _parse_shown(text, report)


def _parse_shown(text: str, report: RepairReport) -> int | None:
    match = _SHOWN.fullmatch(text.translate(_SEPARATORS))
    number = Decimal(match[1]) * _UNITS[match[2].lower()] if match else Decimal("0.5")
    if number != int(number):
        report.add("counts_unreadable")
        return None
    if not re.fullmatch(r"\d+\.0+", text):
        report.add("counts_expanded")
    return _bounded(int(number), report)


def _bounded(number: int, report: RepairReport) -> int | None:
    if 0 <= number <= _MAX:
        return number
    report.add("counts_unreadable")
    return None
