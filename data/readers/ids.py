"""Ids and names as text: words for nothing become null, what a spreadsheet destroyed is marked.

A spreadsheet keeps 15 digits of a number. An id it touched comes back as ``1.23E+18``, with a
trailing ``.0``, or with zeros after the 15th digit; such an id must never join anything, so it is
prefixed ``damaged:``. Leading zeros are part of an id and stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from data.readers.report import RepairReport

DAMAGED: Final = "damaged:"
_NULL_WORDS: Final = frozenset({"none", "null", "nan", "\\n", "-"})
_EXPONENT: Final = re.compile(r"\d(?:\.\d+)?e\+?\d{1,3}", re.IGNORECASE)
_POINT_ZERO: Final = re.compile(r"(\d+)\.0+")
_WRAPPED: Final = re.compile(r"=\"(.*)\"|['’`](\w+)")
_EXACT_DIGITS: Final = 15  # what a double keeps
_LONGEST_WORD: Final = 6  # of a null word or an exponent without a point, "1e+18"
_TELLING_ZEROS: Final = 9  # trailing zeros, over different ids, before they are called damage


def is_null_word(text: str) -> bool:
    """True for None, null, nan, \\N and -, in any case."""
    return len(text) <= 4 and text.casefold() in _NULL_WORDS


def to_text(value: Any) -> str | None:
    """The value as id text; an integral float keeps its digits only where a double is exact."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**_EXACT_DIGITS:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def clean_names(values: Sequence[Any], report: RepairReport) -> list[str | None]:
    """``clean_name`` of every value."""
    return [
        value
        if type(value) is str and len(value) > _LONGEST_WORD and value[:1].isalnum()
        else clean_name(value, report)
        for value in values
    ]


def clean_ids(values: Sequence[Any], report: RepairReport, *, zeroed: bool) -> list[str | None]:
    """``clean_id`` of every value."""
    if zeroed:
        return [clean_id(value, report, zeroed=True) for value in values]
    return [
        value
        if type(value) is str and len(value) > _LONGEST_WORD and value.isalnum()
        else clean_id(value, report)
        for value in values
    ]


def clean_name(value: Any, report: RepairReport) -> str | None:
    """The name as text, null where it says nothing."""
    text = to_text(value)
    if text is None or not text.strip():
        return None
    if is_null_word(text.strip()):
        report.add("null_words")
        return None
    return text


def clean_id(value: Any, report: RepairReport, *, zeroed: bool = False) -> str | None:
    """The id as text, null where there is none, prefixed ``damaged:`` where its digits are lost.

    ``zeroed`` says that the whole column lost its digits after the 15th (see ``looks_zeroed``).
    """
    text = to_text(value)
    text = text.strip() if text is not None else ""
    if not zeroed and text.isalnum() and (text.isdigit() or len(text) > _LONGEST_WORD):
        return text
    if not text:
        return None
    if is_null_word(text):
        report.add("null_words")
        return None
    return _repair(_unwrap(text, report), report, zeroed)


def _unwrap(text: str, report: RepairReport) -> str:
    match = _WRAPPED.fullmatch(text)
    if not match:
        return text
    report.add("ids_unwrapped")
    return match[1] or match[2] or ""


def _repair(text: str, report: RepairReport, zeroed: bool) -> str | None:
    point = _POINT_ZERO.fullmatch(text)
    if point and len(point[1]) <= _EXACT_DIGITS:
        report.add("ids_point_zero")
        return point[1]
    if point or _EXPONENT.fullmatch(text) or (zeroed and _ends_in_zeros(text)):
        report.add("ids_damaged")
        return DAMAGED + text
    return text or None


def is_damaged(identifier: str) -> bool:
    """True for an id that ``clean_id`` marked."""
    return identifier.startswith(DAMAGED)


def looks_zeroed(values: Sequence[Any]) -> bool:
    """True when every id of more than 15 digits has only zeros from the 16th on, and enough
    different ones do (three of 18 digits, nine of 16) that it is no accident.
    """
    texts = {text for text in map(to_text, values) if text and text.isdigit()}
    long = [text for text in texts if len(text) > _EXACT_DIGITS]
    zeros = sum(len(text) - _EXACT_DIGITS for text in long)
    return zeros >= _TELLING_ZEROS and all(map(_ends_in_zeros, long))


def _ends_in_zeros(text: str) -> bool:
    return text.isdigit() and len(text) > _EXACT_DIGITS and not text[_EXACT_DIGITS:].strip("0")
