"""Logits to labels: temperatures, softmax or sigmoid, thresholds. Works on whole arrays, no loop
over texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.heads import HEAD_BY_NAME, HEADS, Head, output_slices
from nlp.scorer import Floats, Scorer

DEFAULT_THRESHOLD = 0.5
# the share of its threshold that a label needs where the text's own words name it, too;
# `python -m benchmarks.words` measures shares on dev rows
LEAN: Final[Mapping[str, float]] = MappingProxyType(
    {"interest": 0.1, "flags": 0.3, "risks": 0.0, "aspects": 0.1}
)
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


def with_words(
    decoded: Decoded,
    named: Mapping[str, npt.NDArray[np.bool_]],
    scorer: Scorer,
    lean: Mapping[str, float] = LEAN,
) -> Decoded:
    """The same with the labels on that words name and that reach ``lean`` of their threshold.

    ``named`` has (texts, labels) for each sigmoid head.
    """
    on = {
        head: held
        | (named[head] & (decoded.p[head] >= lean[head] * _thresholds(HEAD_BY_NAME[head], scorer)))
        for head, held in decoded.on.items()
    }
    return Decoded(p=decoded.p, on=on)


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
