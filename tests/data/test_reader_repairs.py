"""Every repair key has a dump here that makes it happen, and the sentence that tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.readers import limits
from data.readers.report import SENTENCES, RepairReport
from tests.data.reader_tools import read, write

_WEIBO = '{"comment_id": "1", "note_id": "2", "content": "好", "create_time": %d, %s}\n'
_DATE = '"create_date_time": "2024-07-15 17:40:00+08:00"'
_HEAD = "comment_id,content,like_count,create_time\n"

# happen in orders only, and are counted in test_sources
OF_ORDERS = ("money_cleaned", "duplicate_lines", "refunds_subtracted")
DUMPS: dict[str, tuple[str, str, int]] = {
    "blank_lines": ("t.csv", _HEAD + "\n1,好,1,1721036400\n\r\n", 2),
    "rows_above_header": ("t.csv", "九月评论导出,,,\n,,,\n" + _HEAD + "1,好,1,\n", 2),
    "duplicate_keys": ("t.jsonl", '{"content": "a", "content": "b"}\n', 1),
    "trailing_commas": ("t.jsonl", '{"content": "a"},\n{"content": "b"}\n', 1),
    "lone_surrogates": ("t.jsonl", '{"content": "a\\ud83d"}\n{"content": "\\ud83d\\ude00"}\n', 1),
    "renamed_columns": ("t.csv", "content,x,x,\n好,1,2,3\n", 2),
    "extra_empty_cells": ("t.csv", _HEAD + "1,好,1,1721036400,,\n", 1),
    "null_words": ("t.csv", _HEAD + "None,好,nan,\\N\n", 3),
    "text_null_words": ("t.csv", _HEAD + "1,nan,1,\n2,None,1,\n", 2),
    "time_unit_by_size": (
        "t.csv",
        "comment_id,aweme_id,content,create_time\n1,2,好,1721036400000\n",
        1,
    ),
    "time_out_of_range": ("t.csv", _HEAD + "1,好,1,0\n2,好,1,9999-12-31\n", 2),
    "time_spreadsheet_days": ("t.csv", _HEAD + "1,好,1,45292.5\n", 1),
    "time_unreadable": ("t.csv", _HEAD + "1,好,1,昨天\n", 1),
    "weibo_shift_8h": ("t.jsonl", _WEIBO % (1_721_036_400 + 28_800, _DATE), 1),
    "time_disagreements": ("t.jsonl", _WEIBO % (1_721_036_400 + 600, _DATE), 1),
    "counts_expanded": ("t.csv", _HEAD + '1,好,1.2万,\n2,好,"1,234",\n', 2),
    "counts_unreadable": ("t.csv", _HEAD + "1,好,赞,\n", 1),
    "ids_unwrapped": ("t.csv", _HEAD + "'7479678863255110440,好,1,\n", 1),
    "ids_point_zero": ("t.csv", _HEAD + "12345.0,好,1,\n", 1),
    "ids_damaged": ("t.csv", _HEAD + "1.23E+18,好,1,\n7479678863255110440.0,好,1,\n", 2),
    "missing_ids": ("t.csv", "content\n好\n坏\n", 2),
    "region_prefixes": ("t.csv", "content,region\n好,IP属地：浙江\n坏,来自 北京\n", 2),
    "unknown_platforms": ("t.csv", "content,platform\n好,饭否\n", 1),
    "duplicate_rows": ("t.csv", _HEAD + "1,好,1,\n1,好,1,\n1,好,1,\n", 2),
    "recrawled_rows": ("t.csv", _HEAD + "1,好,1,\n1,好,2,\n1,好,2,\n", 1),
    "duplicate_ids": ("t.csv", _HEAD + "1,好,1,\n1,坏,1,\n2,坏,1,\n", 1),
}


@pytest.mark.parametrize("key", list(DUMPS))
def test_repair_dump_that_needs_it_counts_it(tmp_path: Path, key: str) -> None:
    name, content, number = DUMPS[key]
    whole = read(write(tmp_path, name, content))
    assert whole.counts.get(key) == number
    assert whole.rejects == []


def test_every_repair_key_has_a_dump_and_a_sentence() -> None:
    elsewhere = {"duplicates_unchecked", *OF_ORDERS}
    assert set(SENTENCES) == {*DUMPS, *elsewhere}
    report = RepairReport()
    for key in SENTENCES:
        report.add(key, 1234)
    assert all("1,234" in line for line in report.lines())
    assert len(report.lines()) == len(SENTENCES)
    with pytest.raises(KeyError):
        report.add("no such key")


def test_duplicate_search_beyond_its_bound_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_DUPLICATE_KEYS", 2)
    whole = read(write(tmp_path, "t.csv", _HEAD + "1,好,1,\n" * 5))
    assert whole.counts == {"duplicate_rows": 1, "duplicates_unchecked": 3}


def test_repair_report_starts_anew_with_each_pass(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", DUMPS["duplicate_rows"][1]))
    before = whole.counts
    list(whole.dump.batches(rows=1))
    assert whole.counts == before


def test_damaged_ids_join_nothing(tmp_path: Path) -> None:
    content = (
        "comment_id,aweme_id,content,user_id\n"
        "7.48E+18,7.47968E+18,好,1.1E+17\n"
        "7.48E+18,7.47968E+18,坏,1.1E+17\n"
    )
    whole = read(write(tmp_path, "抖音.csv", content))
    assert [record["comment_id"] for record in whole.records] == ["抖音.csv#1", "抖音.csv#2"]
    assert whole.records[0]["content_id"] == "damaged:7.47968E+18"
    assert whole.records[0]["user_id"] == "damaged:1.1E+17"
    assert whole.counts == {"ids_damaged": 6, "missing_ids": 2}


def test_ids_with_zeros_after_fifteen_digits_are_damaged(tmp_path: Path) -> None:
    ids = ["7479678863255110000", "7479712275922890000", "7479579318562990000"]
    rows = "".join(f"{identifier},好{identifier}\n" for identifier in ids)
    whole = read(write(tmp_path, "t.csv", f"comment_id,content\n{rows}"))
    assert whole.counts == {"ids_damaged": 3, "missing_ids": 3}


def test_lone_surrogate_is_replaced_and_a_pair_is_an_emoji(tmp_path: Path) -> None:
    whole = read(write(tmp_path, *DUMPS["lone_surrogates"][:2]))
    assert whole.texts == ["a\ufffd", "😀"]
    assert whole.originals[0]["content"] == "a\ufffd"
