"""Scores by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from nlp.heads import HEAD_BY_NAME, OUTPUT_SIZE
from nlp.scorer import Floats
from tests.training.tiny import labelled
from training.labelled import LabelledSet
from training.metrics import (
    SLICES,
    calibration_error,
    dev_score,
    macro_f1,
    reliability_of,
    score_head,
)


def case(
    head: str, targets: list[list[int]], logits: list[list[float]]
) -> tuple[Floats, LabelledSet]:
    made = labelled(rows=len(targets))
    made.targets[head][:] = np.array(targets)
    made.weights[head][:] = 1.0
    values = np.zeros((len(targets), OUTPUT_SIZE), dtype=np.float32)
    values[:, SLICES[head]] = logits
    return values, made


def test_macro_f1_hand_computed() -> None:
    confusion = np.array([[3, 1], [2, 4]])  # F1: 6/9 and 8/11
    assert macro_f1(confusion) == pytest.approx((6 / 9 + 8 / 11) / 2)


def test_macro_f1_class_never_seen_counts_zero() -> None:
    assert macro_f1(np.array([[2, 0], [0, 0]])) == 0.5


@settings(deadline=None)  # other work on the machine must not fail a test
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    confusion = np.zeros((4, 4), dtype=np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    expected = f1_score(truth, predicted, labels=range(4), average="macro", zero_division=0)
    assert macro_f1(confusion) == pytest.approx(expected)


def test_calibration_error_hand_computed() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55], dtype=np.float32)
    right = np.array([True, True, True, False])
    assert calibration_error(reliability_of(confidence, right)) == pytest.approx(0.05, abs=1e-6)


def test_calibration_error_certain_and_wrong_is_one() -> None:
    assert calibration_error(reliability_of(np.ones(3, np.float32), np.zeros(3, bool))) == 1.0


def test_score_head_judges_a_set_on_its_own_classes() -> None:
    logits, made = case(
        "sentiment",
        [[0, -1, 1], [0, -1, 1], [1, -1, 0], [1, -1, 0]],
        [[0, 9, 1], [1, 9, 0], [2, 9, 0], [1, 9, 0]],  # neutral is not among the classes
    )
    score = score_head(HEAD_BY_NAME["sentiment"], logits, made)
    assert score is not None
    assert score.classes == ("positive", "negative")
    assert score.confusion.tolist() == [[1, 1], [0, 2]]
    assert score.accuracy == 0.75
    assert score.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_score_head_set_valued_label_is_one_class() -> None:
    angry, sad = [-1, -1, 0, 1, 1, -1, -1, -1], [-1, -1, 1, 0, 0, -1, -1, -1]
    row = [0.0, 0, 1.0, 0.8, 0.8, 0, 0, 0]  # sadness leads each, anger and disgust win together
    logits, made = case("emotion", [angry, sad], [row, row])
    score = score_head(HEAD_BY_NAME["emotion"], logits, made)
    assert score is not None
    assert set(score.classes) == {"anger+disgust", "sadness"}
    assert score.accuracy == 0.5
    anger = 2 * math.exp(0.8) / (2 * math.exp(0.8) + math.exp(1.0))
    assert score.ece == pytest.approx(anger - 0.5, abs=1e-5)


def test_score_head_flags_label_by_label() -> None:
    logits, made = case(
        "flags",
        [[-1, -1, -1, 1, 0, -1], [-1, -1, -1, 0, 0, -1], [-1, -1, -1, -1, 0, -1]],
        [[9, 9, 9, 1, 1, 9], [9, 9, 9, -1, 1, 9], [9, 9, 9, 9, 1, 9]],
    )
    score = score_head(HEAD_BY_NAME["flags"], logits, made)
    assert score is not None
    assert score.classes == ("spam",)  # toxic is never true here
    assert score.macro_f1 == 1.0
    assert score.ece == pytest.approx(0.2689, abs=1e-4)


def test_score_head_several_topics_per_row() -> None:
    both, none = [1, 1] + [0] * 24, [0] * 26
    logits, made = case("interest", [both, none], [[1.0, -1.0] + [-1.0] * 24, [-1.0] * 26])
    score = score_head(HEAD_BY_NAME["interest"], logits, made)
    assert score is not None
    assert score.classes == ("beauty", "fashion")
    assert score.accuracy == 0.75  # one of two rows misses fashion: 3 of 4 decisions


def test_score_head_one_class_or_nothing_known_is_none() -> None:
    logits, made = case("sentiment", [[0, -1, 1], [0, -1, 1]], [[0, 0, 1], [0, 0, 1]])
    assert score_head(HEAD_BY_NAME["sentiment"], logits, made) is None
    assert score_head(HEAD_BY_NAME["emotion"], logits, made) is None
    assert dev_score(logits, made) == {}
