"""The shipped model itself: whole, small, the same by both engines, and right on sentences that
readers find easy.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from nlp.analyzer import Analyzer
from nlp.artifact import DEFAULT_MODEL, load_artifact, verify
from nlp.decode import decode
from nlp.normalize import normalize
from nlp.scorer import NeuralScorer, load_scorer

CHALLENGE = Path(__file__).with_name("challenge.jsonl")
NEAR = 0.02


@pytest.fixture(scope="module")
def exact() -> NeuralScorer:
    return load_scorer(DEFAULT_MODEL, precision="f32")


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(load_scorer(DEFAULT_MODEL))


@pytest.fixture(scope="module")
def challenge() -> list[dict[str, object]]:
    return [json.loads(line) for line in CHALLENGE.read_text(encoding="utf-8").splitlines()]


def test_files_are_as_recorded_and_small() -> None:
    artifact = load_artifact(DEFAULT_MODEL)
    assert verify(artifact) == []
    assert sum(f.stat().st_size for f in artifact.path.iterdir()) <= 25_000_000


def test_both_engines_agree(exact: NeuralScorer, challenge: list[dict[str, object]]) -> None:
    texts = [normalize(str(r["text"])) for r in challenge]
    other = load_scorer(DEFAULT_MODEL, engine="onnxruntime")
    assert np.abs(exact.logits(texts).values - other.logits(texts).values).max() < 1e-3


def test_served_precision_changes_only_labels_near_a_tie(
    exact: NeuralScorer, analyzer: Analyzer, challenge: list[dict[str, object]]
) -> None:
    texts = [normalize(str(r["text"])) for r in challenge]
    served = analyzer.scorer
    a = decode(exact.logits(texts).values, exact).p["sentiment"]
    b = decode(served.logits(texts).values, served).p["sentiment"]
    top = np.sort(a, axis=-1)
    far = top[:, -1] - top[:, -2] > NEAR
    assert (a.argmax(-1) == b.argmax(-1))[far].all()


def test_alone_in_a_batch_and_in_another_order_agree(
    exact: NeuralScorer, challenge: list[dict[str, object]]
) -> None:
    texts = [normalize(str(r["text"])) for r in challenge][:60]
    together = exact.logits(texts).values
    alone = np.concatenate([exact.logits([t]).values for t in texts])
    order = random.Random(3).sample(range(len(texts)), len(texts))
    shuffled = exact.logits([texts[i] for i in order]).values
    assert np.abs(together - alone).max() < 1e-3
    assert np.abs(together[order] - shuffled).max() < 1e-3


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("太好喝了，已经回购三次", "positive"),
        ("服务态度特别好，下次还来", "positive"),
        ("难喝死了，再也不买了", "negative"),
        ("客服半天不回，退款也不给", "negative"),
        ("请问这个多少钱", "neutral"),
        ("门店几点开门", "neutral"),
        ("一点都不难吃", "positive"),
        ("没有想象中好", "negative"),
    ],
)
def test_plain_sentences_are_right(analyzer: Analyzer, text: str, sentiment: str) -> None:
    assert analyzer.analyze([text])[0].sentiment == sentiment


def test_challenge_set_floor(analyzer: Analyzer, challenge: list[dict[str, object]]) -> None:
    """A floor a little below the recorded figure: a worse model or a broken rule fails here."""
    insights = analyzer.analyze([str(r["text"]) for r in challenge])
    right = [i.sentiment == r["sentiment"] for i, r in zip(insights, challenge, strict=True)]
    assert np.mean(right) >= 0.75
