"""Counts as platforms show them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.readers.counts import parse_count, parse_counts
from data.readers.report import RepairReport


@pytest.mark.parametrize(
    ("shown", "count", "repair"),
    [
        ("17", 17, None),
        (17, 17, None),
        (17.0, 17, None),
        ("17.0", 17, None),
        ("1.2万", 12_000, "counts_expanded"),
        ("3亿", 300_000_000, "counts_expanded"),
        ("1.5w", 15_000, "counts_expanded"),
        ("10w+", 100_000, "counts_expanded"),
        ("10万+", 100_000, "counts_expanded"),
        ("2k", 2_000, "counts_expanded"),
        ("1,234", 1_234, "counts_expanded"),
        ("1，234", 1_234, "counts_expanded"),
        ("", None, None),
        (None, None, None),
        ("None", None, "null_words"),
        ("nan", None, "null_words"),
        ("\\N", None, "null_words"),
        ("-", None, "null_words"),
        ("赞", None, "counts_unreadable"),
        ("-1", None, "counts_unreadable"),
        (-1, None, "counts_unreadable"),
        ("3.7", None, "counts_unreadable"),
        ("1e400", None, "counts_unreadable"),
        ("9" * 5_000, None, "counts_unreadable"),
        (2**63, None, "counts_unreadable"),
        (float("inf"), None, "counts_unreadable"),
    ],
)
def test_parse_count_shown_gives_number(shown: Any, count: int | None, repair: str | None) -> None:
    report = RepairReport()
    assert parse_count(shown, report) == count
    assert report.counts == ({repair: 1} if repair else {})


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_parse_count_plain_number_in_any_form_is_itself(number: int) -> None:
    forms = [number, str(number), f" {number} ", f"{number:,}"]
    assert parse_counts(forms, RepairReport()) == [number] * 4


@given(st.integers(min_value=0, max_value=10**8), st.sampled_from("wW万"))
def test_parse_count_ten_thousands_equals_number_times_10000(tenths: int, unit: str) -> None:
    shown = f"{tenths // 10}.{tenths % 10}{unit}"
    assert parse_count(shown, RepairReport()) == tenths * 1_000


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.booleans(), st.binary()))
def test_parse_count_anything_is_null_or_a_count(value: Any) -> None:
    count = parse_count(value, RepairReport())
    assert count is None or 0 <= count < 2**63
    assert parse_counts([value], RepairReport()) == [count]
