"""What a smaller vocabulary and an early exit could save on real comments.

Run: ``python -m benchmarks.batch_exit DUMP [--texts N]``. The vocabulary: how many of its pieces the comments use. Early exit:
a logistic regression on [CLS] and mean of the second of the layers, fitted on two thirds of the comments to the model's own
answers, leaves out the layers above where it is sure; the table says for what share of the other third that changes
the label of at most 0.3 % of all.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov
from sklearn.linear_model import LogisticRegression

from benchmarks.batch_runs import say
from benchmarks.batch_stage import compiled, distinct_texts
from nlp.artifact import MODEL_FILE
from nlp.batching import fill_flat, plan_batches
from nlp.decode import decode
from nlp.heads import OUTPUT_SIZE
from nlp.scorer import NeuralScorer, load_scorer
from nlp.tokenizer import Tokens

LAYER: Final = "layer_norm_4"  # what comes out of the second layer: two norms a layer, one before
GATE: Final = 0.003
MARKS: Final = ("interest", "flags", "risks", "aspects")
Floats = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--texts", type=int, default=6_000)
    arguments = parser.parse_args()
    scorer = load_scorer()
    assert isinstance(scorer, NeuralScorer)
    _vocabulary(scorer, distinct_texts(arguments.dump, 10**9))
    texts = distinct_texts(arguments.dump, arguments.texts)
    features, values = second_layer(scorer, scorer.encode(texts))
    found = decode(values, scorer)
    any_mark = np.concatenate([found.on[head] for head in MARKS], axis=1).any(axis=1)
    answers = {head: found.p[head].argmax(-1) for head in ("sentiment", "emotion")}
    say("\n| answer | agrees after two layers | comments that may exit there |\n|---|---|---|")
    for name, own in (answers | {"any topic, flag, risk or aspect": any_mark.astype(int)}).items():
        agrees, share = early(features, own)
        say(f"| {name} | {agrees:.1%} | {share:.1%} |")


def _vocabulary(scorer: NeuralScorer, texts: list[str]) -> None:
    ids = scorer.encode(texts).ids
    counts = np.sort(np.bincount(ids))[::-1]
    size = len(scorer.tokenizer._tokenizer.get_vocab())
    held = counts.cumsum() / counts.sum()
    say(
        f"{len(texts):,} distinct comments, {len(ids):,} tokens, {np.count_nonzero(counts):,} of {size:,} pieces used; "
        f"the 4,000 most frequent hold {held[min(4_000, len(held)) - 1]:.2%} of the tokens"
    )


def second_layer(scorer: NeuralScorer, tokens: Tokens) -> tuple[Floats, Floats]:
    """[CLS] and mean of the second layer, (texts, 2 x hidden), and the logits."""
    network = ov.Core().read_model(str(scorer.artifact.path / MODEL_FILE))
    network.add_outputs(LAYER)
    request = compiled(network, scorer.engine.precision).create_infer_request()
    features: dict[int, Floats] = {}
    values = np.zeros((len(tokens.lengths), OUTPUT_SIZE), dtype=np.float32)
    for batch in plan_batches(tokens.lengths):
        ids = fill_flat(tokens, batch, scorer.tokenizer.pad_id)
        logits, states = (np.array(v) for v in request.infer([ids]).values())
        held = (ids != scorer.tokenizer.pad_id)[:, :, None]
        both = np.concatenate([states[:, 0], (states * held).sum(1) / held.sum(1)], axis=1)
        values[batch.rows] = logits[: len(batch.rows)]
        features |= {int(row): both[at] for at, row in enumerate(batch.rows)}
    return np.stack([features[row] for row in range(len(values))]), values


def early(features: Floats, own: npt.NDArray[Any]) -> tuple[float, float]:
    """Agreement with the model's own answers, and the share that may exit within the gate."""
    order = np.random.default_rng(1).permutation(len(own))
    known, new = order[: 2 * len(own) // 3], order[2 * len(own) // 3 :]
    scaled = (features - features[known].mean(0)) / features[known].std(0)
    probe = LogisticRegression(max_iter=150, C=0.3).fit(scaled[known], own[known])
    p = probe.predict_proba(scaled[new])
    wrong = probe.classes_[p.argmax(1)] != own[new]
    surest = np.argsort(-p.max(1))
    share = float((np.cumsum(wrong[surest]) <= GATE * len(new)).mean())
    return float(1 - wrong.mean()), share


if __name__ == "__main__":
    main()
