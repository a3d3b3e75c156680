"""Logits to labels, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.decode import decode, sigmoid, softmax
from nlp.heads import HEAD_BY_NAME, HEADS, OUTPUT_SIZE, output_slices
from nlp.scorer import FakeScorer


class Calibrated(FakeScorer):
    temperatures = {"sentiment": 2.0, "emotion": 1.0, "interest": 1.0, "flags": 1.0}  # noqa: RUF012
    thresholds = {"interest": {"food": 0.9}, "flags": {"spam": 0.2}}  # noqa: RUF012


def test_output_slices_cover_the_row_once() -> None:
    covered = [i for part in output_slices().values() for i in range(part.start, part.stop)]
    assert covered == list(range(OUTPUT_SIZE))


def test_softmax_by_hand() -> None:
    assert softmax(np.array([[0.0, np.log(3.0)]], dtype=np.float32))[0] == pytest.approx(
        [0.25, 0.75]
    )


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0, 1e4], dtype=np.float32)).tolist() == [0.0, 0.5, 1.0]


def test_decode_divides_by_temperature() -> None:
    logits = np.zeros((1, OUTPUT_SIZE), dtype=np.float32)
    logits[0, output_slices()["sentiment"]] = [0.0, 0.0, 2.0]
    p = decode(logits, Calibrated()).p["sentiment"][0]
    assert p[2] == pytest.approx(np.e / (2 + np.e))


def test_decode_uses_each_labels_own_threshold() -> None:
    logits = np.full((1, OUTPUT_SIZE), -9.0, dtype=np.float32)
    interest, flags = output_slices()["interest"], output_slices()["flags"]
    logits[0, interest] = 1.0  # probability 0.73
    logits[0, flags] = -1.0  # probability 0.27
    decoded = decode(logits, Calibrated())
    topics = dict(zip(HEAD_BY_NAME["interest"].labels, decoded.on["interest"][0], strict=True))
    marks = dict(zip(HEAD_BY_NAME["flags"].labels, decoded.on["flags"][0], strict=True))
    assert not topics["food"] and topics["auto"]
    assert marks["spam"] and not marks["toxic"]


def test_heads_have_the_contract_labels() -> None:
    sizes = {head.name: len(head.labels) for head in HEADS}
    assert sizes == {
        "sentiment": 3,
        "emotion": 8,
        "interest": 26,
        "flags": 6,
        "risks": 9,
        "aspects": 39,
    }
