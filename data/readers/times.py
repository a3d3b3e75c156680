"""Times as crawlers write them, to milliseconds since the epoch, UTC.

Numbers are seconds or milliseconds: the platform says which, the size decides where they disagree;
numbers of a size that no such stamp has are a spreadsheet's days since 1899-12-30. Text without a
zone is in the zone given, else Asia/Shanghai (UTC+8, no summer time in the range). Outside
2005-2035 a time is a fault of the dump and read as missing.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Literal

from data.readers.ids import is_null_word
from data.readers.report import RepairReport

Unit = Literal["s", "ms"]
SHANGHAI: Final = timezone(timedelta(hours=8))
FIRST_MS: Final = int(datetime(2005, 1, 1, tzinfo=UTC).timestamp()) * 1000
END_MS: Final = int(datetime(2036, 1, 1, tzinfo=UTC).timestamp()) * 1000
_SHIFT_MS: Final = 8 * 3_600_000
_TOLERANCE_MS: Final = 60_000
_SERIAL_START: Final = datetime(1899, 12, 30)  # day 0 of a spreadsheet's count
_SERIALS: Final = (38_353, 49_675)  # its days 2005-01-01 and 2036-01-01

_NUMBER: Final = re.compile(r"-?\d{1,25}(?:\.\d+)?(?:e\+?\d{1,3})?", re.IGNORECASE)
_COMPACT: Final = re.compile(r"(20[0-3]\d)([01]\d)([0-3]\d)(?:([0-2]\d)([0-5]\d)([0-5]\d))?")
_DATE: Final = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]*(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2})?(?:[.,](\d{1,9}))?秒?)?)?"
    r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_WEIBO: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4}) (\d{4})"
)
_MONTH_NAMES: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_MONTHS: Final = {_MONTH_NAMES[at : at + 3]: at // 3 + 1 for at in range(0, 36, 3)}


def parse_time(
    value: Any, unit: Unit | None, report: RepairReport, zone: tzinfo = SHANGHAI
) -> int | None:
    """Milliseconds since the epoch; null where missing, unreadable or out of range."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _from_text(value.strip(), unit, report, zone)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_number(value, unit, report, zone)
    if isinstance(value, date):
        return _in_range(_from_date(value, zone), report)
    report.add("time_unreadable")
    return None


def settle_shift(number_ms: int | None, text_ms: int | None, report: RepairReport) -> int | None:
    """The time of a row that carries it twice; the text wins, and an 8-hour delay is counted as
    such.
    """
    if text_ms is None or number_ms is None:
        return number_ms if text_ms is None else text_ms
    difference = number_ms - text_ms
    if abs(difference - _SHIFT_MS) <= _TOLERANCE_MS:
        report.add("weibo_shift_8h")
    elif abs(difference) > _TOLERANCE_MS:
        report.add("time_disagreements")
    return text_ms


def _from_number(value: float, unit: Unit | None, report: RepairReport, zone: tzinfo) -> int | None:
    """Seconds below 1e11, then milliseconds, microseconds, nanoseconds: their ranges in 2005-2035
    do not meet.
    """
    if not math.isfinite(value):
        report.add("time_unreadable")
        return None
    if value == 0:
        report.add("time_out_of_range")
        return None
    if _SERIALS[0] <= value < _SERIALS[1]:
        report.add("time_spreadsheet_days")
        return _from_date(_SERIAL_START + timedelta(seconds=round(value * 86_400)), zone)
    size = abs(value)
    if size < 10**11:
        found, stamp = "s", int(value * 1000)
    elif size < 10**14:
        found, stamp = "ms", int(value)
    else:
        found, stamp = "", int(value) // (10**3 if size < 10**17 else 10**6)
    stamp_or_null = _in_range(stamp, report)
    if stamp_or_null is not None and unit is not None and found != unit:
        report.add("time_unit_by_size")
    return stamp_or_null


def _in_range(stamp: int | None, report: RepairReport) -> int | None:
    if stamp is not None and FIRST_MS <= stamp < END_MS:
        return stamp
    report.add("time_unreadable" if stamp is None else "time_out_of_range")
    return None


def _from_date(value: date, zone: tzinfo) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return _stamp(value if value.tzinfo else value.replace(tzinfo=zone))


def _stamp(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def _from_text(text: str, unit: Unit | None, report: RepairReport, zone: tzinfo) -> int | None:
    if not text:
        return None
    if is_null_word(text):
        report.add("null_words")
        return None
    compact = _COMPACT.fullmatch(text)
    if compact:
        return _in_range(_build(compact.groups(), None, zone), report)
    if _NUMBER.fullmatch(text):
        return _from_number(
            float(text) if "." in text or "e" in text.lower() else int(text), unit, report, zone
        )
    return _in_range(_read_date(text, zone), report)


def _read_date(text: str, zone: tzinfo) -> int | None:
    match = _DATE.fullmatch(text)
    if match:
        return _build(match.groups()[:6], match[7], match[8] or zone)
    match = _WEIBO.fullmatch(text)
    if not match or match[1] not in _MONTHS:
        return None
    month, day, hour, minute, second, offset, year = match.groups()
    return _build((year, str(_MONTHS[month]), day, hour, minute, second), None, offset)


def _build(parts: tuple[str | None, ...], fraction: str | None, zone: tzinfo | str) -> int | None:
    """The stamp of a date in parts; ``zone`` may be an offset as written."""
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        known = _zone(zone) if isinstance(zone, str) else zone  # +99:99 is none
        moment = datetime(year, month, day, hour, minute, second, microsecond, known)
        return _stamp(moment)
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text.upper() in {"Z", "UTC"}:
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
