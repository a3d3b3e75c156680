"""Logits to labels, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.decode import decode, sigmoid, softmax, with_words
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


def test_words_lower_a_threshold_and_do_not_replace_it() -> None:
    logits = np.full((1, OUTPUT_SIZE), -9.0, dtype=np.float32)
    interest = output_slices()["interest"]
    at = {label: i for i, label in enumerate(HEAD_BY_NAME["interest"].labels)}
    logits[0, interest.start + at["food"]] = -1.0  # 0.27 of the 0.9 that it needs alone
    scorer = Calibrated()
    decoded = decode(logits, scorer)
    named = {head: np.zeros_like(on) for head, on in decoded.on.items()}
    assert not with_words(decoded, named, scorer).on["interest"].any()
    named["interest"][0, [at["food"], at["auto"]]] = True  # auto is at 0.0001
    on = with_words(decoded, named, scorer).on["interest"][0]
    assert on[at["food"]] and not on[at["auto"]]


def test_words_never_take_a_label_away() -> None:
    rng = np.random.default_rng(7)
    scorer = Calibrated()
    decoded = decode(rng.normal(0, 3, (20, OUTPUT_SIZE)).astype(np.float32), scorer)
    named = {head: rng.random(on.shape) < 0.2 for head, on in decoded.on.items()}
    fuller = with_words(decoded, named, scorer).on
    for head, on in decoded.on.items():
        assert (fuller[head] >= on).all()
        assert not (fuller[head] & ~on & ~named[head]).any()
