"""Temperatures and thresholds find what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.heads import HEAD_BY_NAME, HEADS, OUTPUT_SIZE
from nlp.scorer import Floats
from tests.training.tiny import labelled
from training.calibrate import MIN_THRESHOLD, SLICES, fit_temperatures, fit_thresholds
from training.labelled import LabelledSet


def synthetic(head: str, scale: float, rows: int = 1_000) -> tuple[LabelledSet, Floats]:
    """Labels drawn from a head's true logits; the logits given are ``scale`` times too large."""
    rng = np.random.default_rng(1)
    width = len(HEAD_BY_NAME[head].labels)
    true = rng.normal(scale=2.0, size=(rows, width))
    made = labelled(rows=rows)
    if HEAD_BY_NAME[head].exclusive:
        winner = (true + rng.gumbel(size=true.shape)).argmax(-1)  # a draw from the softmax
        made.targets[head][:] = np.arange(width) == winner[:, None]
    else:
        made.targets[head][:] = rng.random(true.shape) < 1 / (1 + np.exp(-true))
    made.weights[head][:] = 1.0
    logits = np.zeros((rows, OUTPUT_SIZE), dtype=np.float32)
    logits[:, SLICES[head]] = scale * true
    return made, logits


@pytest.mark.parametrize("head", ["sentiment", "emotion", "interest", "flags"])
@pytest.mark.parametrize("scale", [0.6, 1.0, 3.0])
def test_fit_temperatures_recovers_the_scale(head: str, scale: float) -> None:
    found = fit_temperatures([synthetic(head, scale)])
    assert found[head] == pytest.approx(scale, rel=0.12)


def test_fit_temperatures_head_without_rows_stays_one() -> None:
    found = fit_temperatures([synthetic("flags", 2.0, rows=50)])
    assert {k: v for k, v in found.items() if k != "flags"} == {
        head.name: 1.0 for head in HEADS if head.name != "flags"
    }


def test_fit_temperatures_ignores_rows_of_little_trust() -> None:
    trusted, noise = synthetic("sentiment", 2.0), synthetic("sentiment", 2.0)
    noise[0].weights["sentiment"][:] = 0.3
    noise[0].targets["sentiment"][:] = noise[0].targets["sentiment"][:, ::-1]
    assert fit_temperatures([trusted, noise]) == fit_temperatures([trusted])


def test_fit_temperatures_looks_at_supported_classes_only() -> None:
    whole, logits = synthetic("emotion", 2.0)
    rows = np.flatnonzero(whole.targets["emotion"][:, :2].any(-1))
    made = whole.take(rows)
    made.targets["emotion"][:, 2:] = -1  # a source of two classes
    loud = logits[rows]
    loud[:, SLICES["emotion"]][:, 2:] += 50.0
    found = fit_temperatures([(made, loud)])
    assert found == fit_temperatures([(made, logits[rows])])
    assert found["emotion"] == pytest.approx(2.0, rel=0.25)


def flags_case(p: list[float], truth: list[int]) -> list[tuple[LabelledSet, Floats]]:
    """Every pair of probability and truth twenty times, for the flag toxic alone."""
    made = labelled(rows=20 * len(p))
    made.targets["flags"][:, 4] = truth * 20
    made.weights["flags"][:] = 1.0
    logits = np.zeros((len(made), OUTPUT_SIZE), dtype=np.float32)
    logits[:, SLICES["flags"].start + 4] = [np.log(x / (1 - x)) for x in p] * 20
    return [(made, logits)]


@pytest.mark.parametrize(
    ("p", "truth", "threshold"),
    [
        ([0.9, 0.72, 0.66, 0.1], [1, 1, 0, 0], 0.7),  # the first grid point that parts them
        ([0.9, 0.42, 0.38, 0.1], [1, 1, 0, 0], 0.4),
        ([0.9, 0.2, 0.1, 0.1], [1, 1, 0, 0], MIN_THRESHOLD),  # 0.2 would be best, but is too low
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1], 0.5),  # no false row: nothing to choose by
    ],
)
def test_fit_thresholds_maximise_f1(p: list[float], truth: list[int], threshold: float) -> None:
    found = fit_thresholds(flags_case(p, truth), {"flags": 1.0, "interest": 1.0})
    assert found["flags"]["toxic"] == pytest.approx(threshold)
    assert found["flags"]["spam"] == 0.5
    assert set(found) == {"interest", "flags", "risks", "aspects"}


def test_fit_thresholds_few_positives_keep_the_default() -> None:
    ((made, logits),) = flags_case([0.9, 0.72, 0.66, 0.1], [1, 1, 0, 0])
    part = made.take(range(36))  # 18 positive rows
    found = fit_thresholds([(part, logits[:36])], {"flags": 1.0, "interest": 1.0})
    assert found["flags"]["toxic"] == 0.5
