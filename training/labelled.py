"""Texts with targets: what each head may learn from each row.

Softmax heads keep two bit masks per row: the classes that the label *allows* and the classes that
the source *supports* (the others get no push either way). Sigmoid heads keep 1, 0 or -1 (unknown)
per label. Both fit one int8 array: 1 allowed or true, 0 supported or false, -1 nothing to learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.heads import Head
from nlp.scorer import Floats
from training.errors import TrainingError
from training.recipe import HeadMapping, as_list

Masks = npt.NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class OwnClasses:
    """A source's own classes, for an auxiliary head: ``index`` (rows,) into ``names``, or -1."""

    names: tuple[str, ...]
    index: npt.NDArray[np.int64]


@dataclass(kw_only=True)
class LabelledSet:
    """Normalised texts, targets per head, (rows, labels), and a weight per head, (rows,)."""

    name: str
    texts: list[str]
    targets: dict[str, Masks]
    weights: dict[str, Floats]
    own: OwnClasses | None = None
    limit: int | None = None
    repeat: int = 1

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> LabelledSet:
        """The same set with only these rows, in the order given."""
        index = np.fromiter(rows, dtype=np.int64)
        return LabelledSet(
            name=self.name,
            texts=[self.texts[i] for i in index],
            targets={k: v[index] for k, v in self.targets.items()},
            weights={k: v[index] for k, v in self.weights.items()},
            own=self.own and OwnClasses(names=self.own.names, index=self.own.index[index]),
            limit=self.limit,
            repeat=self.repeat,
        )


def blank_targets(head: Head, rows: int) -> Masks:
    """Nothing to learn: (rows, labels) of -1."""
    return np.full((rows, len(head.labels)), -1, dtype=np.int8)


def build_targets(
    head: Head, mapping: HeadMapping | None, rows: list[dict[str, Any]]
) -> tuple[Masks, Floats]:
    """Targets and weights of one head; rows without a mapped label or too short weigh 0."""
    targets = blank_targets(head, len(rows))
    weights = np.zeros(len(rows), dtype=np.float32)
    if mapping is None:
        return targets, weights
    constant = None if mapping.constant is None else _target(head, mapping.constant, mapping)
    by_label = {key: _target(head, value, mapping) for key, value in mapping.labels.items()}
    for i, row in enumerate(rows):
        target = constant if constant is not None else by_label.get(str(row[mapping.column]))
        if target is not None and len(row["text"]) >= mapping.min_chars:
            targets[i], weights[i] = target, mapping.weight
    if mapping.balanced:
        weights *= _class_weights([str(row[mapping.column]) for row in rows], weights > 0)
    return targets, weights


def _class_weights(labels: list[str], used: npt.NDArray[np.bool_]) -> Floats:
    """Per row, rows / (classes x rows of its class); the mean over the used rows is 1."""
    counts = Counter(label for label, is_used in zip(labels, used, strict=True) if is_used)
    share = used.sum() / max(1, len(counts))
    return np.array([share / max(1, counts[label]) for label in labels], dtype=np.float32)


def full_target(head: Head, names: Iterable[str]) -> Masks:
    """One row in which every label is known; topics that the head does not have are left out.

    Raises:
        TrainingError: an exclusive head finds none of its classes.
    """
    names = set(names)
    target = np.array([label in names for label in head.labels], dtype=np.int8)
    if head.exclusive and target.sum() != 1:
        raise TrainingError(
            f"expected one {head.name} out of {head.labels}, found {names}; correct the label"
        )
    return target


def _target(head: Head, value: Any, mapping: HeadMapping) -> Masks:
    target: Masks = blank_targets(head, 1)[0]
    if not head.exclusive and head.name != "interest":
        for name, outcome in value.items():
            target[head.labels.index(name)] = outcome
        return target
    for name in (name for other in mapping.values for name in as_list(other)):
        target[head.labels.index(name)] = 0
    for name in as_list(value):
        target[head.labels.index(name)] = 1
    return target
