"""Ids and names: null words, spreadsheet damage, leading zeros."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.readers.ids import clean_id, clean_ids, clean_name, clean_names, looks_zeroed
from data.readers.report import RepairReport

LONG = "7479678863255110440"


@pytest.mark.parametrize(
    ("given_id", "clean", "repair"),
    [
        (LONG, LONG, None),
        (int(LONG), LONG, None),
        ("00123", "00123", None),
        (f" {LONG}\t", LONG, None),
        ("69847b15000000000600b27b", "69847b15000000000600b27b", None),
        ("6e10000000000000", "6e10000000000000", None),  # hexadecimal, no exponent
        ("BV1xx-_4", "BV1xx-_4", None),
        (0, "0", None),
        ("", None, None),
        (None, None, None),
        ("None", None, "null_words"),
        ("NaN", None, "null_words"),
        ("\\N", None, "null_words"),
        ("1.23E+18", "damaged:1.23E+18", "ids_damaged"),
        ("7e+18", "damaged:7e+18", "ids_damaged"),
        (7.479678863255110e18, "damaged:7.47967886325511e+18", "ids_damaged"),
        (f"{LONG}.0", f"damaged:{LONG}.0", "ids_damaged"),
        ("12345.0", "12345", "ids_point_zero"),
        (12345.0, "12345", None),
        (f"'{LONG}", LONG, "ids_unwrapped"),
        (f'="{LONG}"', LONG, "ids_unwrapped"),
    ],
)
def test_clean_id_given_is_text_or_marked(
    given_id: Any, clean: str | None, repair: str | None
) -> None:
    report = RepairReport()
    assert clean_id(given_id, report) == clean
    assert report.counts == ({repair: 1} if repair else {})


def test_looks_zeroed_column_of_rounded_ids_is_damage() -> None:
    rounded = ["7479678863255110000", "7479712275922890000", "7479579318562990000"]
    assert looks_zeroed(rounded)
    assert not looks_zeroed([*rounded, LONG])
    assert not looks_zeroed([rounded[0]] * 9)
    weibo = [f"450000000000{number:03}0" for number in range(9)]
    assert looks_zeroed(weibo)
    assert not looks_zeroed(weibo[:8])
    marked = clean_ids(rounded, RepairReport(), zeroed=True)
    assert marked == [f"damaged:{text}" for text in rounded]


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [("小王", "小王"), ("-", None), ("null", None), (" ", None), (123, "123")],
)
def test_clean_name_given_is_text_or_null(given_name: Any, clean: str | None) -> None:
    assert clean_name(given_name, RepairReport()) == clean


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary()))
def test_clean_columns_equal_cell_by_cell(value: Any) -> None:
    one, many = RepairReport(), RepairReport()
    assert clean_ids([value], many, zeroed=False) == [clean_id(value, one)]
    assert clean_names([value], many) == [clean_name(value, one)]
    assert one.counts == many.counts
