"""Times in every spelling, to milliseconds UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.readers.report import RepairReport
from data.readers.times import END_MS, FIRST_MS, SHANGHAI, parse_time, settle_shift

NOON = int(datetime(2024, 7, 15, 12, 0, 0, tzinfo=SHANGHAI).timestamp()) * 1000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("written", "stamp"),
    [
        ("2024-07-15 12:00:00", NOON),
        ("2024-07-15T04:00:00Z", NOON),
        ("2024-07-15T12:00:00+08:00", NOON),
        ("2024-07-15 12:00:00+0800", NOON),
        ("2024-07-15 00:00:00-04:00", NOON),
        ("2024/7/15 12:00", NOON),
        ("2024.07.15 12:00:00.250", NOON + 250),
        ("2024年7月15日 12时00分", NOON),
        ("2024年07月15日12:00:00", NOON),
        ("2024-7-15", NOON - 12 * HOUR),
        ("20240715", NOON - 12 * HOUR),
        ("20240715120000", NOON),
        ("Mon Jul 15 12:00:00 +0800 2024", NOON),
        (str(NOON), NOON),
        (str(NOON // 1000), NOON),
        (f"{NOON // 1000}.5", NOON + 500),
        (NOON * 1000, NOON),
        (NOON * 1_000_000, NOON),
        (float(NOON // 1000), NOON),
        (datetime(2024, 7, 15, 4, tzinfo=UTC), NOON),
        (datetime(2024, 7, 15, 12), NOON),
        (date(2024, 7, 15), NOON - 12 * HOUR),
        ("", None),
        (None, None),
    ],
)
def test_parse_time_spelling_gives_utc_milliseconds(written: Any, stamp: int | None) -> None:
    report = RepairReport()
    assert parse_time(written, None, report) == stamp
    assert report.counts == {}


@pytest.mark.parametrize(
    ("written", "repair"),
    [
        ("2026/13/45", "time_unreadable"),
        ("昨天", "time_unreadable"),
        ("25:61", "time_unreadable"),
        ("Xyz Foo 15 12:00:00 +0800 2024", "time_unreadable"),
        ("2024-01-01 00:00:00+99:99", "time_unreadable"),
        (float("nan"), "time_unreadable"),
        (True, "time_unreadable"),
        ("0001-01-01", "time_out_of_range"),
        ("9999-12-31", "time_out_of_range"),
        ("1.7e400", "time_unreadable"),
        (0, "time_out_of_range"),
        ("0", "time_out_of_range"),
        (10**30, "time_out_of_range"),
        (-1_700_000_000, "time_out_of_range"),
        ("None", "null_words"),
    ],
)
def test_parse_time_no_time_gives_null_and_counts(written: Any, repair: str) -> None:
    report = RepairReport()
    assert parse_time(written, "s", report) is None
    assert report.counts == {repair: 1}


@given(st.integers(min_value=FIRST_MS // 1000, max_value=END_MS // 1000 - 1))
def test_parse_time_seconds_and_milliseconds_agree(seconds: int) -> None:
    report = RepairReport()
    assert parse_time(seconds, "s", report) == seconds * 1000
    assert parse_time(seconds * 1000, "ms", report) == seconds * 1000
    assert report.counts == {}
    assert parse_time(seconds, "ms", report) == parse_time(seconds * 1000, "s", report)
    assert report.counts == {"time_unit_by_size": 2}


@given(st.datetimes(min_value=datetime(2005, 1, 2), max_value=datetime(2035, 12, 30)))
def test_parse_time_isoformat_round_trips_as_shanghai(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    stamp = parse_time(moment.isoformat(sep=" "), None, RepairReport())
    since_epoch = moment.replace(tzinfo=SHANGHAI) - datetime(1970, 1, 1, tzinfo=UTC)
    assert stamp == since_epoch // timedelta(milliseconds=1)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.dates(), st.datetimes()))
def test_parse_time_anything_is_null_or_in_range(value: Any) -> None:
    stamp = parse_time(value, "s", RepairReport())
    assert stamp is None or FIRST_MS <= stamp < END_MS


@pytest.mark.parametrize(
    ("number", "text", "settled", "repair"),
    [
        (NOON, NOON, NOON, None),
        (NOON + 8 * HOUR, NOON, NOON, "weibo_shift_8h"),
        (NOON + 8 * HOUR + 999, NOON, NOON, "weibo_shift_8h"),
        (NOON + HOUR, NOON, NOON, "time_disagreements"),
        (NOON - 8 * HOUR, NOON, NOON, "time_disagreements"),
        (NOON, None, NOON, None),
        (None, NOON, NOON, None),
        (None, None, None, None),
    ],
)
def test_settle_shift_text_wins(
    number: int | None, text: int | None, settled: int | None, repair: str | None
) -> None:
    report = RepairReport()
    assert settle_shift(number, text, report) == settled
    assert report.counts == ({repair: 1} if repair else {})
