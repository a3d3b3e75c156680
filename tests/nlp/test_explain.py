"""Evidence points at the words that decide, by a scorer whose deciding words are known."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.explain import Evidence, Explainer, log_odds
from nlp.heads import OUTPUT_SIZE, output_slices
from nlp.scorer import FakeScorer


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer(FakeScorer())


def of(found: list[Evidence], head: str) -> dict[str, Evidence]:
    return {e.label: e for e in found if e.head == head}


def test_explain_names_the_words_that_carried_the_label(explainer: Explainer) -> None:
    found = explainer.explain("这家店的服务态度真差 [捂脸]")
    (span,) = of(found, "sentiment")["negative"].spans
    assert "差" in span.text and "服务" not in span.text
    assert span.effect > 2


def test_explain_spans_are_slices_of_the_comment_as_it_came(explainer: Explainer) -> None:
    comment = "  今天 ＡＢ　喝了一杯茶[doge]，太好喝啦！！！！喜欢😍"
    for evidence in explainer.explain(comment):
        assert evidence.spans
        for span in evidence.spans:
            assert comment[span.start : span.end] == span.text


def test_explain_neutral_and_none_are_no_decisions(explainer: Explainer) -> None:
    assert explainer.explain("今天下雨") == []


@pytest.mark.parametrize("comment", ["", "   ", "@小王", "https://example.com/x"])
def test_explain_nothing_to_judge_gives_nothing(explainer: Explainer, comment: str) -> None:
    assert explainer.explain(comment) == []


def test_explain_label_of_a_rule_names_the_rules_words(explainer: Explainer) -> None:
    found = of(explainer.explain("奶茶里喝出一只苍蝇，多少钱一杯？"), "risks")["food_safety"]
    assert found.by == "rule"
    assert any("苍蝇" in span.text for span in found.spans)


def test_explain_very_long_comment_is_cut_into_bounded_parts(explainer: Explainer) -> None:
    comment = "今天下雨，" * 200 + "真差"
    assert len(explainer._parts(comment)) <= 96
    (best, *_) = of(explainer.explain(comment), "sentiment")["negative"].spans
    assert "差" in best.text


def test_log_odds_of_an_exclusive_head_are_against_the_rest() -> None:
    logits = np.zeros((1, OUTPUT_SIZE), dtype=np.float32)
    part = output_slices()["sentiment"]
    logits[0, part] = [np.log(1), np.log(2), np.log(6)]
    np.testing.assert_allclose(np.exp(log_odds(logits)[0, part]), [1 / 8, 2 / 7, 6 / 3], rtol=1e-5)
