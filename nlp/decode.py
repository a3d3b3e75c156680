"""Logits to labels: temperatures, softmax or sigmoid, thresholds. Works on whole arrays, no loop
over texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlp.heads import HEAD_BY_NAME, Head, output_slices
from nlp.scorer import Floats, Scorer

DEFAULT_THRESHOLD = 0.5
_SLICES = output_slices()


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Probabilities per head, (texts, labels), and which labels of the sigmoid heads hold, (texts,
    labels).
    """

    sentiment: Floats
    emotion: Floats
    interest: Floats
    interest_on: npt.NDArray[np.bool_]
    flags: Floats
    flags_on: npt.NDArray[np.bool_]


def decode(logits: Floats, scorer: Scorer) -> Decoded:
    """Probabilities and decisions with the scorer's temperatures and thresholds."""
    interest = sigmoid(_scaled(logits, "interest", scorer))
    flags = sigmoid(_scaled(logits, "flags", scorer))
    return Decoded(
        sentiment=softmax(_scaled(logits, "sentiment", scorer)),
        emotion=softmax(_scaled(logits, "emotion", scorer)),
        interest=interest,
        interest_on=interest >= _thresholds(HEAD_BY_NAME["interest"], scorer),
        flags=flags,
        flags_on=flags >= _thresholds(HEAD_BY_NAME["flags"], scorer),
    )


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
