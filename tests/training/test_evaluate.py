"""Scores of sets, their intervals and the table that people read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest  # type: ignore[import-untyped]

from nlp.heads import OUTPUT_SIZE
from nlp.scorer import Floats
from tests.training.tiny import labelled
from training.evaluate import SetScore, as_rows, score_sets, table, wilson
from training.metrics import calibration_error, reliability_of


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (7, 9), (812, 1_000)])
def test_wilson_is_scipys(hits: int, rows: int) -> None:
    expected = binomtest(hits, rows).proportion_ci(method="wilson")
    assert wilson(hits / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def scores() -> list[SetScore]:
    """Four rows of polarity, three of them right."""
    first, second = labelled("reviews", rows=4), labelled("reviews", rows=4)
    for made in (first, second):
        made.targets["sentiment"][:] = [[0, -1, 1], [0, -1, 1], [1, -1, 0], [1, -1, 0]]
        made.weights["sentiment"][:] = 1.0
    logits = np.zeros((4, OUTPUT_SIZE), dtype=np.float32)
    logits[:, 0] = [-1, 1, 1, 1]

    def predict(_: list[str]) -> Floats:
        return logits

    return score_sets([first, second], predict, {"sentiment": 2.0})


def test_score_sets_gives_a_file_once_per_head() -> None:
    (score,) = scores()
    assert (score.dataset, score.head, score.score.accuracy) == ("reviews", "sentiment", 0.75)


def test_score_sets_temperature_softens_the_confidence() -> None:
    (score,) = scores()
    confidence = 1 / (1 + np.exp(-0.5))  # a logit gap of 1, divided by 2
    assert score.score.ece == pytest.approx(0.75 - confidence, abs=1e-5)


def test_as_rows_are_plain_values() -> None:
    (row,) = as_rows(scores())
    assert row["rows"] == 4
    assert row["confusion"] == [[1, 1], [0, 2]]
    assert row["accuracy_low"] == pytest.approx(0.3006, abs=1e-4)


def test_table_has_a_line_per_score() -> None:
    lines = table(scores()).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| reviews | sentiment | 4 | 2 | 75.0 (30.1–95.4) |")
    assert lines[3] == "| all | sentiment | 4 | – | – | – | 12.8 |"
    assert {line.count("|") for line in lines} == {8}


def test_sets_are_calibrated_together_where_their_errors_cancel() -> None:
    p = np.full(100, 0.7, dtype=np.float32)
    high, low = (reliability_of(p, np.arange(100) < right) for right in (80, 60))
    assert calibration_error(high) == pytest.approx(0.1, abs=1e-6)
    assert calibration_error(high + low) == pytest.approx(0.0, abs=1e-6)
