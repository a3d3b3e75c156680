"""Do the engines agree, and how fast is each: alone, in a batch, in another order, bf16, f32, ONNX
Runtime.

Run: ``python -m benchmarks.engines [--texts N]``. Texts are the written corpus and the demo's
comments. The reference
is OpenVINO in f32, all texts in one call. A label counts as flipped when it differs; a flip is
*near* when the two best
probabilities (or a probability and its threshold) are within 0.02 of each other in the reference.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

import numpy as np

from data.corpus import read_corpus
from data.sample.corpus import read_lines
from nlp.decode import Decoded, decode
from nlp.heads import HEAD_BY_NAME
from nlp.normalize import has_content, normalize
from nlp.scorer import NeuralScorer, load_scorer

NEAR = 0.02


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Against the reference: largest probability difference, flips, flips away from any threshold."""

    name: str
    maximum: float
    p999: float
    flips: int
    far_flips: int
    decisions: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2_000)
    texts = _texts(parser.parse_args().texts)
    reference = load_scorer(precision="f32")
    base = decode(reference.logits(texts).values, reference)
    default = load_scorer()
    variants = [
        ("openvino f32, one at a time", _alone(reference, texts[:500]), 500),
        ("openvino f32, other order", _shuffled(reference, texts), len(texts)),
        (f"openvino {default.engine.precision} (default)", _decoded(default, texts), len(texts)),
        (f"openvino {default.engine.precision}, one at a time", _alone(default, texts[:500]), 500),
        (
            f"openvino {default.engine.precision}, other order",
            _shuffled(default, texts),
            len(texts),
        ),
    ]
    oracle = load_scorer(engine="onnxruntime")
    variants.append(("onnxruntime f32", _decoded(oracle, texts), len(texts)))
    print(
        f"{len(texts):,} texts, {reference.model_version}; reference: openvino f32, all in one call\n"
    )
    print(
        "| variant | max difference of a probability | p99.9 | label flips | of them not within 0.02 |"
    )
    print("|---|---|---|---|---|")
    for name, decoded, count in variants:
        print(_row(compare(name, base, decoded, count, reference)))
    own = decode(default.logits(texts).values, default)
    for name, decoded, count in (variants[3], variants[4]):
        print(_row(compare(name + ", against itself in one call", own, decoded, count, default)))
    print("\n| engine | comments/s | ms for one comment (median) |\n|---|---|---|")
    for scorer in (default, reference, oracle):
        print(
            f"| {scorer.engine.name} {scorer.engine.precision} | {_rate(scorer, texts):,.0f} | {_latency(scorer, texts):.1f} |"
        )


def compare(name: str, a: Decoded, b: Decoded, count: int, scorer: NeuralScorer) -> Difference:
    """How far ``b`` is from ``a`` over the first ``count`` texts."""
    gaps, flips, far, decisions = [], 0, 0, 0
    for head in HEAD_BY_NAME:
        p, q = a.p[head][:count], b.p[head][:count]
        gaps.append(np.abs(p - q).ravel())
        if head in ("sentiment", "emotion"):
            differs = p.argmax(-1) != q.argmax(-1)
            top = np.sort(p, axis=-1)
            near = top[:, -1] - top[:, -2] <= NEAR
        else:
            differs = a.on[head][:count] != b.on[head][:count]
            limits = np.array([scorer.thresholds.get(head, {}).get(x, 0.5) for x in _labels(head)])
            near = np.abs(p - limits) <= NEAR
        flips += int(differs.sum())
        far += int((differs & ~near).sum())
        decisions += differs.size
    every = np.concatenate(gaps)
    return Difference(
        name=name,
        maximum=float(every.max()),
        p999=float(np.quantile(every, 0.999)),
        flips=flips,
        far_flips=far,
        decisions=decisions,
    )


def _row(d: Difference) -> str:
    return f"| {d.name} | {d.maximum:.4f} | {d.p999:.4f} | {d.flips} of {d.decisions:,} | {d.far_flips} |"


def _labels(head: str) -> tuple[str, ...]:
    return HEAD_BY_NAME[head].labels


def _texts(limit: int) -> list[str]:
    raw = [r["text"] for r in read_corpus()] + [line.text for line in read_lines()]
    unique = dict.fromkeys(t for t in map(normalize, raw) if has_content(t))
    return random.Random(1).sample(list(unique), min(limit, len(unique)))


def _decoded(scorer: NeuralScorer, texts: list[str]) -> Decoded:
    return decode(scorer.logits(texts).values, scorer)


def _alone(scorer: NeuralScorer, texts: list[str]) -> Decoded:
    return decode(np.concatenate([scorer.logits([t]).values for t in texts]), scorer)


def _shuffled(scorer: NeuralScorer, texts: list[str]) -> Decoded:
    order = random.Random(2).sample(range(len(texts)), len(texts))
    values = scorer.logits([texts[i] for i in order]).values
    return decode(values[np.argsort(order)], scorer)


def _rate(scorer: NeuralScorer, texts: list[str], passes: int = 5) -> float:
    scorer.logits(texts)
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        scorer.logits(texts)
        times.append(time.perf_counter() - start)
    return len(texts) / float(np.median(times))


def _latency(scorer: NeuralScorer, texts: list[str]) -> float:
    times = []
    for text in texts[:200] * 2:
        start = time.perf_counter()
        scorer.logits([text])
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[200:]))


if __name__ == "__main__":
    main()
