"""Chinese label names in a scored file, and the keys back from them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from data.columns import SCORES
from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, RISKS, SENTIMENTS
from data.readers import Dump
from nlp.analyzer import Analyzer
from serving.batch.labels import check_labels, with_chinese_labels
from serving.batch.score import score_dumps
from serving.errors import UsageError

ROW = {
    "sentiment": "negative",
    "sentiment_score": -0.5,
    "emotion": "anger",
    "interest": "food",
    "interests": [{"topic": "food", "score": 0.5}, {"topic": "film_tv", "score": 0.25}],
    "keywords": ["food"],
    "aspects": [{"aspect": "after_sales", "polarity": "positive", "score": 0.5}],
    "flags": ["purchase_intent", "sarcasm"],
    "risks": ["food_safety"],
    "model_version": "food",
}
CHINESE = ROW | {
    "sentiment": "负面",
    "emotion": "愤怒",
    "interest": "美食",
    "interests": [{"topic": "美食", "score": 0.5}, {"topic": "影视综艺", "score": 0.25}],
    "aspects": [{"aspect": "售后", "polarity": "正面", "score": 0.5}],
    "flags": ["购买意向", "反讽"],
    "risks": ["食品安全"],
}


def test_labels_become_names_and_nothing_else_changes() -> None:
    rows = [ROW, {}, ROW | {"flags": [], "interest": "unheard of"}]
    table = pa.Table.from_pylist([{"text": "negative"} | row for row in rows], table_schema())
    found = with_chinese_labels(table)
    assert found.schema == table.schema
    first, empty, unknown = found.to_pylist()
    assert CHINESE.items() <= first.items() and first["text"] == "negative"
    assert empty["sentiment"] is None and empty["flags"] is None
    assert unknown["flags"] == [] and unknown["interest"] == "unheard of"


def table_schema() -> pa.Schema:
    return pa.schema([pa.field("text", pa.string()), *SCORES])


@pytest.mark.parametrize("names", [SENTIMENTS, EMOTIONS, INTERESTS, ASPECTS, FLAGS, RISKS])
def test_names_of_a_column_are_distinct(names: dict[str, str]) -> None:
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("name", "labels"), [("o.parquet", "zh"), ("o.jsonl", "zh"), ("o.csv", "en")]
)
def test_labels_that_the_format_has_not_are_wrong_usage(name: str, labels: str) -> None:
    with pytest.raises(UsageError, match="--labels") as caught:
        check_labels(Path(name), labels)
    assert "\n" not in str(caught.value)


def rows_of(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    header, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_scored_file_holds_names_where_asked_and_keys_otherwise(
    suffix: str, dump_of: Callable[..., Dump], analyzer: Analyzer, tmp_path: Path
) -> None:
    rows = [{"comment_id": "c1", "sentiment": "positive", "text": "茶很好喝"}]
    score_dumps([dump_of(rows)], tmp_path / f"zh.{suffix}", analyzer, labels="zh")
    score_dumps([dump_of(rows)], tmp_path / f"keys.{suffix}", analyzer)
    (chinese,) = rows_of(tmp_path / f"zh.{suffix}")
    (keys,) = rows_of(tmp_path / f"keys.{suffix}")
    assert (chinese["sentiment"], keys["sentiment"]) == ("正面", "positive")
    assert chinese["input_sentiment"] == "positive"  # a column of the dump, not a label of ours
    assert json.loads(chinese["interests"])[0]["topic"] == "美食"
    assert json.loads(keys["interests"])[0]["topic"] == "food"
    assert chinese["p_positive"] == keys["p_positive"]
