"""How well logits agree with a labelled set, per head, in the set's own label space.

A set that knows only two of three sentiments is judged on those two; a label that allows several of
our classes (weibo "angry": anger or disgust) is right when the summed probability of its classes is
the largest. Independent labels are judged at their thresholds: macro-F1 is the mean of the labels'
F1 (of both outcomes, where a set knows one label alone), and the calibration error is that of the
label's own probability.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.decode import DEFAULT_THRESHOLD, sigmoid, softmax
from nlp.heads import HEADS, Head, output_slices
from nlp.scorer import Floats
from training.labelled import LabelledSet, Masks, OwnClasses

SLICES = output_slices()
BINS: Final = 15  # of confidence


@dataclass(frozen=True, kw_only=True)
class HeadScore:
    """One head on one set; ``reliability`` holds what calibration errors are made of."""

    rows: int
    classes: tuple[str, ...]
    accuracy: float
    macro_f1: float
    reliability: Floats  # (BINS, 3): judgements, their summed confidence, how many are right
    confusion: npt.NDArray[np.int64]  # (truth, predicted)
    label_f1: dict[str, float] = field(default_factory=dict)  # of independent labels, each

    @property
    def ece(self) -> float:
        """The expected calibration error over equal-width bins, 0..1."""
        return calibration_error(self.reliability)


def dev_score(logits: Floats, labelled: LabelledSet) -> dict[str, float]:
    """Macro-F1 per head that the set feeds: the numbers that pick the best checkpoint."""
    scores = {}
    for head in HEADS:
        score = score_head(head, logits, labelled)
        if score is not None:
            scores[head.name] = round(score.macro_f1, 4)
    return scores


def own_accuracy(logits: Floats, own: OwnClasses) -> float:
    """Share of rows whose class among their source's own is found; ``logits`` (rows, classes)."""
    rows = own.index >= 0
    return round(float((logits[rows].argmax(-1) == own.index[rows]).mean()), 4)


def score_head(
    head: Head, logits: Floats, labelled: LabelledSet, thresholds: dict[str, float] | None = None
) -> HeadScore | None:
    """The score of one head, or None when the set teaches that head nothing that can be judged.

    ``thresholds`` are per label of a sigmoid head; without one it is 0.5.
    """
    targets = labelled.targets[head.name]
    rows = np.flatnonzero(labelled.weights[head.name] > 0)
    if not len(rows):
        return None
    part, targets = logits[rows, SLICES[head.name]], targets[rows]
    complete = not head.exclusive and (targets >= 0).all()
    if complete or head.name not in ("interest", "sentiment", "emotion"):
        return _score_multi(head, part, targets, thresholds or {})
    return _score_single(head, part, targets)


def _score_single(head: Head, logits: Floats, targets: Masks) -> HeadScore | None:
    """One right answer per row: classes are the distinct sets of allowed labels that occur."""
    with_label = (targets == 1).any(-1)
    logits, targets = logits[with_label], targets[with_label]
    groups, truth = np.unique(targets == 1, axis=0, return_inverse=True)
    if len(groups) < 2:
        return None
    supported = (targets >= 0).any(0)
    p = softmax(np.where(supported, logits, np.float32(-1e4)))
    per_group = p @ groups.T.astype(np.float32)
    predicted = per_group.argmax(-1)
    names = tuple("+".join(n for n, on in zip(head.labels, g, strict=True) if on) for g in groups)
    confusion = _confusion(truth.reshape(-1), predicted, len(groups))
    top = per_group.max(-1) / per_group.sum(-1)
    return HeadScore(
        rows=len(truth),
        classes=names,
        accuracy=float(np.trace(confusion) / confusion.sum()),
        macro_f1=macro_f1(confusion),
        reliability=reliability_of(top, predicted == truth.reshape(-1)),
        confusion=confusion,
    )


def _score_multi(
    head: Head, logits: Floats, targets: Masks, thresholds: dict[str, float]
) -> HeadScore | None:
    """Independent labels; those always or never true here are left out."""
    p = sigmoid(logits)
    names, confusions, said, truths = [], [], [], []
    for j, name in enumerate(head.labels):
        known = targets[:, j] >= 0
        truth = targets[known, j] == 1
        if not truth.any() or truth.all():
            continue
        found = p[known, j] >= thresholds.get(name, DEFAULT_THRESHOLD)
        names.append(name)
        confusions.append(_confusion(truth.astype(int), found.astype(int), 2))
        said.append(p[known, j])
        truths.append(truth)
    if not names:
        return None
    total = np.sum(confusions, axis=0)
    each = [label_f1(c) for c in confusions]
    return HeadScore(
        rows=len(targets),
        classes=tuple(names),
        accuracy=float(np.trace(total) / total.sum()),
        macro_f1=macro_f1(total) if len(names) == 1 else float(np.mean(each)),
        reliability=reliability_of(np.concatenate(said), np.concatenate(truths)),
        confusion=total,
        label_f1=dict(zip(names, each, strict=True)),
    )


def label_f1(confusion: npt.NDArray[np.int64]) -> float:
    """F1 of the label itself in a (2, 2) confusion of not and is."""
    hits = float(confusion[1, 1])
    return 2 * hits / max(1.0, float(confusion[1].sum() + confusion[:, 1].sum()))


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """Unweighted mean of the classes' F1; a class without truth and prediction counts 0."""
    hit = np.diag(confusion).astype(float)
    both = confusion.sum(0) + confusion.sum(1)
    return float(np.mean(np.divide(2 * hit, both, out=np.zeros_like(hit), where=both > 0)))


def reliability_of(confidence: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    """(BINS, 3): how many judgements fall into each bin of confidence, the sum of their confidence,
    and how many of them are right.
    """
    at = np.minimum((confidence * BINS).astype(int), BINS - 1)
    columns = [np.bincount(at, w, BINS) for w in (np.ones(len(at)), confidence, right)]
    return np.stack(columns, axis=-1)


def calibration_error(reliability: Floats) -> float:
    """Mean gap between confidence and accuracy over the bins (Guo et al. 2017), NaN without
    rows.
    """
    rows, confidence, right = reliability.T
    total = rows.sum()
    return float(np.abs(confidence - right).sum() / total) if total else float("nan")


def _confusion(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], n: int
) -> npt.NDArray[np.int64]:
    return np.bincount(truth * n + predicted, minlength=n * n).reshape(n, n)
