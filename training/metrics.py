"""How well logits agree with a labelled set, per head, in the set's own label space.

A set that knows only two of three sentiments is judged on those two; a label that allows several of
our classes (weibo "angry": anger or disgust) is right when the summed probability of its classes is
the largest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlp.decode import sigmoid, softmax
from nlp.heads import HEADS, Head, output_slices
from nlp.scorer import Floats
from training.labelled import LabelledSet, Masks

SLICES = output_slices()


@dataclass(frozen=True, kw_only=True)
class HeadScore:
    """One head on one set; ``ece`` is the expected calibration error over 15 equal-width bins."""

    rows: int
    classes: tuple[str, ...]
    accuracy: float
    macro_f1: float
    ece: float
    confusion: npt.NDArray[np.int64]  # (truth, predicted)


def dev_score(logits: Floats, labelled: LabelledSet) -> dict[str, float]:
    """Macro-F1 per head that the set feeds: the numbers that pick the best checkpoint."""
    scores = {}
    for head in HEADS:
        score = score_head(head, logits, labelled)
        if score is not None:
            scores[head.name] = round(score.macro_f1, 4)
    return scores


def score_head(head: Head, logits: Floats, labelled: LabelledSet) -> HeadScore | None:
    """The score of one head, or None when the set teaches that head nothing that can be judged."""
    targets = labelled.targets[head.name]
    rows = np.flatnonzero(labelled.weights[head.name] > 0)
    if not len(rows):
        return None
    part, targets = logits[rows, SLICES[head.name]], targets[rows]
    several = not head.exclusive and (targets == 1).sum(-1).max() > 1
    if several or head.name == "flags":
        return _score_multi(head, part, targets)
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
        ece=expected_calibration_error(top, predicted == truth.reshape(-1)),
        confusion=confusion,
    )


def _score_multi(head: Head, logits: Floats, targets: Masks) -> HeadScore | None:
    """Independent labels at threshold 0.5; those always or never true here are left out."""
    p = sigmoid(logits)
    f1s, names, total = [], [], np.zeros((2, 2), dtype=np.int64)
    for j, name in enumerate(head.labels):
        known = targets[:, j] >= 0
        truth = targets[known, j] == 1
        if not truth.any() or truth.all():
            continue
        confusion = _confusion(truth.astype(int), (p[known, j] > 0.5).astype(int), 2)
        f1s.append(macro_f1(confusion))
        names.append(name)
        total += confusion
    if not f1s:
        return None
    return HeadScore(
        rows=len(targets),
        classes=tuple(names),
        accuracy=float(np.trace(total) / total.sum()),
        macro_f1=float(np.mean(f1s)),
        ece=float("nan"),
        confusion=total,
    )


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """Unweighted mean of the classes' F1; a class without truth and prediction counts 0."""
    hit = np.diag(confusion).astype(float)
    both = confusion.sum(0) + confusion.sum(1)
    return float(np.mean(np.divide(2 * hit, both, out=np.zeros_like(hit), where=both > 0)))


def expected_calibration_error(
    confidence: Floats, right: npt.NDArray[np.bool_], *, bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017)."""
    edges = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[edges == b].mean() - right[edges == b].mean()) * (edges == b).mean()
        for b in range(bins)
        if (edges == b).any()
    ]
    return float(sum(gaps))


def _confusion(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], n: int
) -> npt.NDArray[np.int64]:
    return np.bincount(truth * n + predicted, minlength=n * n).reshape(n, n)
