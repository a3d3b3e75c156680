"""Columns of plain cells as typed values, without a loop over the rows.

A cell is plain when ``data.readers.cells`` would take it as it is, without a repair to count: an id
of letters and digits, a count of digits, a time in one of three spellings, a name that stands for
itself. A column with any other cell is read cell by cell, as before; what it says is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import TIMESTAMP
from data.readers.ids import DAMAGED
from data.readers.times import END_MS, FIRST_MS, SHANGHAI, Unit

_PLAIN_ID: Final = r"^[0-9A-Za-z]+$"
_NO_ID: Final = r"(?i)^(none|null|nan|\d(\.\d+)?e\d{1,3})$"  # words for nothing, 1e18
_PLAIN_COUNT: Final = r"^\d{1,18}$"
_ISO: Final = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,3})?"
_NUMBERS: Final[tuple[tuple[str, Unit, int], ...]] = (
    (r"^\d{10}$", "s", 1_000),
    (r"^\d{13}$", "ms", 1),
)
_MAX_NAMES: Final = 10_000  # different names of a column, beyond which a dictionary does not pay
_LOCAL_MS: Final = 8 * 3_600_000


def plain_ids(cells: pa.Array) -> pa.Array | None:
    """Ids of ASCII letters and digits as they are, empty ones null; None where any is not plain."""
    given = _or_null(cells)
    if not _all_match(given, _PLAIN_ID) or _any_match(given, _NO_ID):
        return None
    return given


def plain_counts(cells: pa.Array) -> pa.Array | None:
    """Whole numbers of at most 18 digits; None where any is not plain."""
    given = _or_null(cells)
    return given.cast(pa.int64()) if _all_match(given, _PLAIN_COUNT) else None


def plain_times(cells: pa.Array, unit: Unit | None, zone: tzinfo) -> pa.Array | None:
    """Moments written all alike: ISO 8601 to the second or finer, with Z or in Shanghai's time, or
    seconds or milliseconds since 1970; None where any is not plain or outside 2005-2035.
    """
    given = _or_null(cells)
    stamps = _iso_stamps(given, zone)
    for pattern, named, scale in _NUMBERS:
        if stamps is None and unit in (None, named) and _all_match(given, pattern):
            stamps = pc.multiply(given.cast(pa.int64()), scale)
    if stamps is None or not _in_range(stamps):
        return None
    return stamps.cast(TIMESTAMP)


def named(cells: pa.Array, read: Callable[[list[Any]], list[Any] | None]) -> pa.Array | None:
    """What ``read`` makes of the different texts, spread over the rows; None where it cannot."""
    coded = cells.dictionary_encode()
    if len(coded.dictionary) > _MAX_NAMES:
        return None
    values = read(coded.dictionary.to_pylist())
    if values is None:
        return None
    return pa.array(values, pa.string()).take(coded.indices)


def usable(column: pa.Array, *, required: bool) -> bool:
    """Whether no row of the column is a fault."""
    return not (required and column.null_count) and not (
        pa.types.is_string(column.type) and _any_match(column, f"^{DAMAGED}")
    )


def _iso_stamps(given: pa.Array, zone: tzinfo) -> pa.Array | None:
    universal = _all_match(given, _ISO + "Z$")
    if not universal and not (zone_is_shanghai(zone) and _all_match(given, _ISO + "$")):
        return None
    bare = pc.utf8_rtrim(given, "Z") if universal else given
    try:
        stamps = bare.cast(pa.timestamp("ms")).cast(pa.int64())
    except pa.ArrowInvalid:  # the 30th of February
        return None
    return stamps if universal else pc.subtract(stamps, _LOCAL_MS)


def zone_is_shanghai(zone: tzinfo) -> bool:
    """Whether a zone is UTC+8 without summer time in 2005-2035."""
    return zone is SHANGHAI or str(zone) == "Asia/Shanghai"


def _or_null(cells: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)


def _all_match(given: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(given, pattern), min_count=0).as_py())


def _any_match(given: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(given, pattern), min_count=0).as_py())


def _in_range(stamps: pa.Array) -> bool:
    found = pc.min_max(stamps)
    low, high = found["min"].as_py(), found["max"].as_py()
    return low is None or (low >= FIRST_MS and high < END_MS)
