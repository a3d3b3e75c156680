"""Values as cells: formulas neutralised, JSON always valid, scores with six decimals."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.columns import SCORES, TIMESTAMP
from serving.batch.cells import cell_text, csv_cell, neutralize_formula, table_rows, to_json

ACTIVE = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    "  =1",
    "\u3000=1",
    "\u00a0@x",
    "\ufeff=1",
    "\u200b+1",
]


@pytest.mark.parametrize("text", ACTIVE)
def test_neutralize_formula_puts_an_apostrophe_in_front(text: str) -> None:
    assert neutralize_formula(text) == "'" + text


@pytest.mark.parametrize("text", ["", "好喝", "1+1=2", "价格-一般", "a@b.com", "（=）", "'=1"])
def test_neutralize_formula_leaves_other_text(text: str) -> None:
    assert neutralize_formula(text) == text


@given(st.text())
def test_neutralize_formula_is_idempotent_and_loses_nothing(text: str) -> None:
    once = neutralize_formula(text)
    assert neutralize_formula(once) == once
    assert once.removeprefix("'") == text.removeprefix("'") or once == text


@given(st.text(alphabet="=+-@＝＋－＠ \t\r\n\0\u3000\ufeff好a1", max_size=6))
def test_neutralize_formula_leaves_no_formula_at_the_start(text: str) -> None:
    assert neutralize_formula(text).lstrip(" \u3000")[:1] not in tuple("=+-@＝＋－＠\t\r\n\0")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (0.5, "0.5"),
        (["好", "喝"], '["好", "喝"]'),
        ({"a": None}, '{"a": null}'),
        (b"\xe5\xa5\xbd", "好"),
        (datetime(2026, 9, 1, tzinfo=UTC), "2026-09-01T00:00:00+00:00"),
    ],
)
def test_csv_cell_by_type(value: object, expected: str) -> None:
    assert csv_cell(value) == expected


def test_to_json_of_numbers_that_json_lacks_is_null() -> None:
    value = {"a": math.nan, "b": [math.inf, 1.5]}
    assert json.loads(to_json(value), parse_constant=pytest.fail) == {"a": None, "b": [None, 1.5]}


def test_cell_text_of_a_list_is_json() -> None:
    assert json.loads(cell_text([{"topic": "food", "score": 0.5}])) == [
        {"topic": "food", "score": 0.5}
    ]


def test_table_rows_round_scores_and_leave_input_numbers() -> None:
    kind = SCORES.field("interests").type
    table = pa.table(
        {
            "price": pa.array([0.123456789], pa.float64()),
            "p_positive": pa.array([0.1], pa.float32()),
            "interests": pa.array([[{"topic": "food", "score": 0.9}]], kind),
        }
    )
    assert list(table_rows(table)) == [(0.123456789, 0.1, [{"topic": "food", "score": 0.9}])]


def test_table_rows_of_nanoseconds_do_not_fail() -> None:
    table = pa.table({"at": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", tz="UTC"))})
    ((moment,),) = table_rows(table)
    assert moment == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert TIMESTAMP.unit == "ms"
