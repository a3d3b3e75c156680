"""Probabilities that mean what they say, fitted on dev rows.

One temperature per head minimises the negative log-likelihood (Guo et al. 2017); one threshold per
label of the sigmoid heads maximises F1 between ``MIN_THRESHOLD`` and ``MAX_THRESHOLD``. Rows in
which every label of a head is known decide where there are enough of them: a set that was gathered
for one label shows it far more often than comments do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from nlp.decode import DEFAULT_THRESHOLD, sigmoid
from nlp.heads import HEADS, Head, output_slices
from nlp.scorer import Floats
from training.labelled import LabelledSet, Masks

MIN_THRESHOLD, MAX_THRESHOLD = 0.3, 0.95
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.3, 5.0
MIN_POSITIVES = 20  # fewer tell nothing about a threshold
MIN_WEIGHT = 0.5  # rows that the recipe trusts less do not calibrate
MIN_COMPLETE_ROWS = 500
MAX_ROWS_PER_SET = 1_500  # so that no large set decides alone
SLICES = output_slices()
Scored = list[tuple[LabelledSet, Floats]]  # sets with their logits, (rows, OUTPUT_SIZE)


def fit_temperatures(scored: Scored) -> dict[str, float]:
    """A positive number per head by which its logits are divided; 1 for a head without dev rows."""
    found = {}
    for head in HEADS:
        logits, targets = _known_rows(head, scored)
        found[head.name] = _best_temperature(head, logits, targets) if len(logits) else 1.0
    return found


def fit_thresholds(scored: Scored, temperatures: dict[str, float]) -> dict[str, dict[str, float]]:
    """Per label of the sigmoid heads; with fewer than ``MIN_POSITIVES`` dev rows it stays 0.5."""
    found: dict[str, dict[str, float]] = {}
    for head in HEADS:
        if head.exclusive:
            continue
        logits, targets = _known_rows(head, scored)
        logits, targets = _complete_rows(logits, targets)
        p = sigmoid(logits / np.float32(temperatures.get(head.name, 1.0)))
        found[head.name] = {
            label: _best_threshold(p[:, j], targets[:, j]) for j, label in enumerate(head.labels)
        }
    return found


def _known_rows(head: Head, scored: Scored) -> tuple[Floats, Masks]:
    """The head's logits and targets of all rows that can calibrate it, (rows, labels) each."""
    logits, targets = [], []
    for labelled, values in scored:
        target = labelled.targets[head.name]
        known = (target == 1).any(-1) if head.exclusive else (target >= 0).any(-1)
        rows = np.flatnonzero(known & (labelled.weights[head.name] >= MIN_WEIGHT))
        rows = rows[:MAX_ROWS_PER_SET]
        logits.append(values[rows, SLICES[head.name]])
        targets.append(target[rows])
    return np.concatenate(logits), np.concatenate(targets)


def _complete_rows(logits: Floats, targets: Masks) -> tuple[Floats, Masks]:
    """The rows with every label known; all rows when those are too few."""
    complete = (targets >= 0).all(-1)
    if complete.sum() < MIN_COMPLETE_ROWS:
        return logits, targets
    return logits[complete], targets[complete]


def _best_temperature(head: Head, logits: Floats, targets: Masks) -> float:
    loss = _set_loss if head.exclusive else _binary_loss
    bounds = (MIN_TEMPERATURE, MAX_TEMPERATURE)
    best = minimize_scalar(lambda t: loss(logits / t, targets), bounds=bounds, method="bounded")
    return round(float(best.x), 4)


def _set_loss(logits: Floats, targets: Masks) -> float:
    support = logsumexp(np.where(targets >= 0, logits, -1e4), axis=-1)
    allowed = logsumexp(np.where(targets == 1, logits, -1e4), axis=-1)
    return float((support - allowed).mean())


def _binary_loss(logits: Floats, targets: Masks) -> float:
    signed = np.where(targets == 1, -logits, logits)[targets >= 0]
    return float(np.logaddexp(0, signed).mean())


def _best_threshold(p: Floats, target: Masks) -> float:
    known = target >= 0
    p, truth = p[known], target[known] == 1
    if truth.sum() < MIN_POSITIVES or truth.all():
        return DEFAULT_THRESHOLD
    grid = np.arange(MIN_THRESHOLD, MAX_THRESHOLD + 1e-9, 0.05)
    scores = [_f1(truth, p >= t) for t in grid]
    return round(float(grid[int(np.argmax(scores))]), 2)


def _f1(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    hits = float((truth & found).sum())
    return 2 * hits / max(1.0, float(truth.sum()) + float(found.sum()))
