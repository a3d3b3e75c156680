"""The analyzer around a scorer that needs no weights."""

from __future__ import annotations

import random

import pytest

from data.columns import SCORES
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(FakeScorer())


def test_score_has_the_contract_columns(analyzer: Analyzer) -> None:
    assert analyzer.score(["好喝", None]).schema == SCORES


def test_score_of_nothing_to_judge_is_null_with_empty_lists(analyzer: Analyzer) -> None:
    for row in analyzer.score([None, "", "  ", "@小王", "https://example.com/x"]).to_pylist():
        assert row["sentiment"] is None and row["emotion"] is None and row["p_positive"] is None
        assert row["interests"] == row["keywords"] == row["flags"] == row["risks"] == []
        assert row["truncated"] is False and row["model_version"]


def test_score_probabilities_sum_to_one(analyzer: Analyzer) -> None:
    for row in analyzer.score(["好喝", "难喝", "今天下雨"]).to_pylist():
        assert row["p_negative"] + row["p_neutral"] + row["p_positive"] == pytest.approx(
            1, abs=1e-5
        )
        assert row["sentiment_score"] == pytest.approx(
            row["p_positive"] - row["p_negative"], abs=1e-5
        )


def test_score_follows_the_text_in_any_order(analyzer: Analyzer) -> None:
    texts = ["好喝", "难喝", "今天下雨", None, "好喝", "茶很好，喜欢"]
    expected = analyzer.score(texts).to_pylist()
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    shuffled = analyzer.score([texts[i] for i in order]).to_pylist()
    assert shuffled == [expected[i] for i in order]


def test_score_of_equal_normal_forms_is_equal(analyzer: Analyzer) -> None:
    first, second = analyzer.score(["好喝！！！！！", "好喝!!!!!!!!"]).to_pylist()
    assert first == second


def test_score_of_no_texts_is_an_empty_table(analyzer: Analyzer) -> None:
    assert analyzer.score([]).num_rows == 0
    assert analyzer.analyze([]) == []


def test_score_marks_texts_longer_than_the_model_reads(analyzer: Analyzer) -> None:
    rows = analyzer.score(["好" + "喝茶" * 2000, "好喝"]).to_pylist()
    assert [r["truncated"] for r in rows] == [True, False]


def test_analyze_gives_the_same_values_as_objects(analyzer: Analyzer) -> None:
    (insight,) = analyzer.analyze(["这个茶很好，喜欢"])
    assert insight.sentiment == "positive"
    assert insight.interest == "food" and insight.interests[0].topic == "food"
    assert insight.model_version == FakeScorer.model_version


def test_analyze_joins_model_flags_and_rule_flags(analyzer: Analyzer) -> None:
    spam, question = analyzer.analyze(["加微信领福利", "多少钱一杯？"])
    assert "spam" in spam.flags
    assert "question" in question.flags
