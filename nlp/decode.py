"""Logits to labels: temperatures, softmax or sigmoid, thresholds. Works on whole arrays, no loop
over texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlp.heads import HEADS, Head, output_slices
from nlp.scorer import Floats, Scorer

DEFAULT_THRESHOLD = 0.5
_SLICES = output_slices()


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Per head: ``p``, probabilities (texts, labels); ``on``, for the sigmoid heads alone, which
    labels reach their thresholds, (texts, labels).
    """

    p: dict[str, Floats]
    on: dict[str, npt.NDArray[np.bool_]]


def decode(logits: Floats, scorer: Scorer) -> Decoded:
    """Probabilities and decisions with the scorer's temperatures and thresholds."""
    p = {
        head.name: (softmax if head.exclusive else sigmoid)(_scaled(logits, head.name, scorer))
        for head in HEADS
    }
    on = {h.name: p[h.name] >= _thresholds(h, scorer) for h in HEADS if not h.exclusive}
    return Decoded(p=p, on=on)


def softmax(logits: Floats) -> Floats:
    """Row-wise softmax; rows sum to 1."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: Floats) -> Floats:
    """Element-wise logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


def _scaled(logits: Floats, head: str, scorer: Scorer) -> Floats:
    return np.asarray(
        logits[:, _SLICES[head]] / scorer.temperatures.get(head, 1.0), dtype=np.float32
    )


def _thresholds(head: Head, scorer: Scorer) -> Floats:
    own = scorer.thresholds.get(head.name, {})
    return np.array([own.get(label, DEFAULT_THRESHOLD) for label in head.labels], dtype=np.float32)
