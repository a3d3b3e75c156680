"""Hugging Face datasets keep their rows and columns and gain the scores."""

from __future__ import annotations

import pytest

from data.columns import SCORES
from nlp.analyzer import Analyzer
from serving.batch.datasets import score_dataset
from serving.errors import UsageError

datasets = pytest.importorskip("datasets")
ROWS = {"评论": ["好茶", None, "难喝"], "sentiment": [1, 2, 3]}


def test_dataset_gains_the_score_columns(bare_analyzer: Analyzer) -> None:
    scored = score_dataset(
        datasets.Dataset.from_dict(ROWS), text_column="评论", analyzer=bare_analyzer, batch_rows=2
    )
    assert isinstance(scored, datasets.Dataset)
    assert scored.column_names == ["评论", "input_sentiment", *SCORES.names]
    assert scored["评论"][:] == ROWS["评论"] and scored["input_sentiment"][:] == [1, 2, 3]
    assert scored["sentiment"][:] == ["positive", None, "negative"]
    expected = bare_analyzer.score(ROWS["评论"]).to_pylist()
    assert [{k: row[k] for k in SCORES.names} for row in scored] == expected


def test_dataset_dict_is_scored_split_by_split(bare_analyzer: Analyzer) -> None:
    one = datasets.Dataset.from_dict({"text": ["好"]})
    scored = score_dataset(
        datasets.DatasetDict({"train": one, "test": one}), analyzer=bare_analyzer
    )
    assert {name: split["sentiment"][:] for name, split in scored.items()} == {
        "train": ["positive"],
        "test": ["positive"],
    }


def test_dataset_without_the_column_is_refused(bare_analyzer: Analyzer) -> None:
    with pytest.raises(UsageError, match="expected a text column of 评论, sentiment"):
        score_dataset(datasets.Dataset.from_dict(ROWS), analyzer=bare_analyzer)
