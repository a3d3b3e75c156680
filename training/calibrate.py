"""Probabilities that mean what they say: one temperature per head, one threshold per sigmoid label, on dev rows.

Temperatures minimise the negative log-likelihood (Guo et al. 2017); thresholds maximise F1 on the written corpus's
held-out rows together with the labelled dev rows, but never go below ``MIN_THRESHOLD``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from nlp.heads import HEADS, Head, output_slices
from nlp.scorer import Floats
from training.sources import LabelledSet

MIN_THRESHOLD, MAX_THRESHOLD = 0.3, 0.9
MAX_ROWS_PER_SET = 1_000  # so that no large set decides alone
SLICES = output_slices()


def fit_temperatures(sets: list[tuple[LabelledSet, Floats]]) -> dict[str, float]:
    """A positive number per head by which its logits are divided."""
    found = {}
    for head in HEADS:
        parts = [_known(head, labelled, logits) for labelled, logits in sets]
        logits = np.concatenate([p[0] for p in parts])
        targets = np.concatenate([p[1] for p in parts])
        loss = _set_loss if head.exclusive else _binary_loss
        best = minimize_scalar(lambda t: loss(logits / t, targets), bounds=(0.3, 5.0), method="bounded")  # noqa: B023
        found[head.name] = round(float(best.x), 4)
    return found


def fit_thresholds(
    sets: list[tuple[LabelledSet, Floats]], temperatures: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Per label of the sigmoid heads; a label with fewer than 20 positive dev rows keeps 0.5."""
    found: dict[str, dict[str, float]] = {}
    for head in HEADS:
        if head.exclusive:
            continue
        parts = [_known(head, labelled, logits) for labelled, logits in sets]
        p = 1 / (1 + np.exp(-np.concatenate([x[0] for x in parts]) / temperatures[head.name]))
        targets = np.concatenate([x[1] for x in parts])
        found[head.name] = {
            label: _best_threshold(p[:, j], targets[:, j]) for j, label in enumerate(head.labels)
        }
    return found


def _known(head: Head, labelled: LabelledSet, logits: Floats) -> tuple[Floats, npt.NDArray[np.int8]]:
    targets = labelled.targets[head.name]
    rows = np.flatnonzero((labelled.weights[head.name] >= 0.5) & (targets >= 0).any(-1))
    if head.exclusive:
        rows = rows[(targets[rows] == 1).any(-1)]
    rows = rows[:MAX_ROWS_PER_SET]
    return logits[rows, SLICES[head.name]], targets[rows]


def _set_loss(logits: Floats, targets: npt.NDArray[np.int8]) -> float:
    support = _logsumexp(np.where(targets >= 0, logits, -1e4))
    allowed = _logsumexp(np.where(targets == 1, logits, -1e4))
    return float((support - allowed).mean())


def _binary_loss(logits: Floats, targets: npt.NDArray[np.int8]) -> float:
    signed = np.where(targets == 1, -logits, logits)[targets >= 0]
    return float(np.logaddexp(0, signed).mean())


def _logsumexp(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    top = x.max(-1, keepdims=True)
    return np.log(np.exp(x - top).sum(-1)) + top[:, 0]


def _best_threshold(p: Floats, target: npt.NDArray[np.int8]) -> float:
    known = target >= 0
    p, truth = p[known], target[known] == 1
    if truth.sum() < 20 or truth.all():
        return 0.5
    grid = np.arange(MIN_THRESHOLD, MAX_THRESHOLD + 1e-9, 0.05)
    f1 = [2 * (truth & (p >= t)).sum() / max(1, truth.sum() + (p >= t).sum()) for t in grid]
    return round(float(grid[int(np.argmax(f1))]), 2)
