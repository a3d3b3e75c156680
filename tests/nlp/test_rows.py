"""Rows for requests and Arrow columns for dumps say the same."""

from __future__ import annotations

import numpy as np
import pytest

from data.columns import SCORES
from nlp.analyzer import Analyzer
from nlp.columns import RuleFindings, by_words, score_columns
from nlp.heads import OUTPUT_SIZE
from nlp.rows import score_rows
from nlp.scorer import FakeScorer, Logits, load_scorer

TEXTS = [
    "奶茶太难喝了，服务员态度还差，再也不来",
    "物流很快，包装精致，就是有点贵",
    "吃了拉肚子，已经打12315投诉",
    "加微信领福利",
    "今天周几",
    "这家面膜补水效果绝了，求链接",
]


@pytest.mark.parametrize("seed", range(5))
def test_any_logits_give_the_same_rows_and_columns(seed: int) -> None:
    dice = np.random.default_rng(seed)
    values = dice.normal(0, 4, (64, OUTPUT_SIZE)).astype(np.float32)
    logits = Logits(values=values, truncated=dice.random(64) < 0.1)
    words = [[str(i)] * (i % 3) for i in range(64)]
    found = [by_words(TEXTS[i % 6]) if i % 2 else RuleFindings() for i in range(64)]
    rows = score_rows(logits, FakeScorer(), words, found)
    assert rows == score_columns(logits, FakeScorer(), words, found).to_pylist()[:-1]
    assert all(list(row) == SCORES.names for row in rows)
    assert any(row["aspects"] for row in rows) and any(row["interests"] for row in rows)


def test_default_model_gives_the_same_in_several_lanes() -> None:
    one = Analyzer(load_scorer())
    two = Analyzer(load_scorer(threads=2, streams=2))
    expected = one.score(TEXTS).to_pylist()
    for _ in range(2):  # lanes take turns
        assert [two.rows([text])[0] for text in TEXTS] == [one.rows([t])[0] for t in TEXTS]
    for row, wanted in zip(two.rows(TEXTS), expected, strict=True):
        assert row["sentiment"] == wanted["sentiment"] and row["risks"] == wanted["risks"]
        assert row["p_negative"] == pytest.approx(wanted["p_negative"], abs=0.02)
