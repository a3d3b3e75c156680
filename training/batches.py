"""Epochs of length-sorted batches under a token budget, drawn anew each epoch from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from nlp.heads import HEADS
from nlp.scorer import Floats
from nlp.tokenizer import CommentTokenizer
from training.labelled import LabelledSet, Masks

LENGTH_STEP: Final = 8  # padded lengths are multiples of this, so that shapes repeat
Rows = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Pool:
    """All sets in one array per field; ``set_of`` says which set a row came from."""

    ids: list[Rows]
    lengths: Rows
    set_of: Rows
    sets: list[LabelledSet]
    targets: dict[str, Masks]
    weights: dict[str, Floats]
    own: Rows  # (rows, 3): see ``training.modeling.loss_of``
    auxiliary: dict[str, tuple[str, ...]]  # set name -> its own classes, in output order
    pad_id: int
    soft: Floats | None = None  # (rows, OUTPUT_SIZE) what teachers say; see ``training.distill``


@dataclass(frozen=True, kw_only=True)
class TrainBatch:
    """``ids``, ``mask`` (rows, tokens); per head ``targets`` (rows, labels), ``weights`` (rows);
    ``own`` (rows, 3) and ``soft`` (rows, OUTPUT_SIZE), or None without auxiliary heads or teachers.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    targets: dict[str, torch.Tensor]
    weights: dict[str, torch.Tensor]
    own: torch.Tensor | None
    soft: torch.Tensor | None = None

    def to(self, device: torch.device) -> TrainBatch:
        """The same batch on another device."""
        return TrainBatch(
            ids=self.ids.to(device),
            mask=self.mask.to(device),
            targets={k: v.to(device) for k, v in self.targets.items()},
            weights={k: v.to(device) for k, v in self.weights.items()},
            own=None if self.own is None else self.own.to(device),
            soft=None if self.soft is None else self.soft.to(device),
        )


def build_pool(sets: list[LabelledSet], tokenizer: CommentTokenizer) -> Pool:
    """Tokenizes every set once."""
    ids = [e.ids for labelled in sets for e in tokenizer.encode(labelled.texts)]
    auxiliary = {s.name: s.own.names for s in sets if s.own is not None}
    return Pool(
        ids=ids,
        lengths=np.array([len(i) for i in ids]),
        set_of=np.concatenate([np.full(len(s), k) for k, s in enumerate(sets)]),
        sets=sets,
        targets={h.name: np.concatenate([s.targets[h.name] for s in sets]) for h in HEADS},
        weights={h.name: np.concatenate([s.weights[h.name] for s in sets]) for h in HEADS},
        own=np.concatenate([_own_rows(s, auxiliary) for s in sets]),
        auxiliary=auxiliary,
        pad_id=tokenizer.pad_id,
    )


def own_slices(auxiliary: dict[str, tuple[str, ...]]) -> dict[str, slice]:
    """Where each set's own classes lie among the auxiliary outputs."""
    slices, start = {}, 0
    for name, classes in auxiliary.items():
        slices[name] = slice(start, start + len(classes))
        start += len(classes)
    return slices


def plan_epoch(pool: Pool, *, tokens_per_batch: int, rng: np.random.Generator) -> list[Rows]:
    """Row indices of each batch: limits and repeats applied, similar lengths together, shuffled.

    A batch's padded tokens stay within the budget, unless one text alone is longer.
    """
    rows = rng.permutation(_draw(pool, rng))
    padded = padded_length(pool.lengths[rows])
    order = np.argsort(padded, kind="stable")
    batches = [rows[order[part]] for part in _cut(padded[order], tokens_per_batch)]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(pool: Pool, rows: Rows) -> TrainBatch:
    """The rows as padded tensors."""
    width = int(padded_length(pool.lengths[rows].max()))
    ids = np.full((len(rows), width), pool.pad_id, dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : pool.lengths[row]] = pool.ids[row]
    return TrainBatch(
        ids=torch.from_numpy(ids),
        mask=torch.from_numpy((ids != pool.pad_id).astype(np.int64)),
        targets={k: torch.from_numpy(v[rows]) for k, v in pool.targets.items()},
        weights={k: torch.from_numpy(v[rows]) for k, v in pool.weights.items()},
        own=torch.from_numpy(pool.own[rows]) if pool.auxiliary else None,
        soft=None if pool.soft is None else torch.from_numpy(pool.soft[rows]),
    )


def padded_length(lengths: Rows) -> Rows:
    """The next multiples of ``LENGTH_STEP``."""
    return np.asarray(-(-lengths // LENGTH_STEP) * LENGTH_STEP)


def _own_rows(labelled: LabelledSet, auxiliary: dict[str, tuple[str, ...]]) -> Rows:
    if labelled.own is None:
        return np.full((len(labelled), 3), -1, dtype=np.int64)
    part = own_slices(auxiliary)[labelled.name]
    ends = np.broadcast_to([part.start, part.stop], (len(labelled), 2))
    return np.concatenate([labelled.own.index[:, None], ends], axis=1)


def _draw(pool: Pool, rng: np.random.Generator) -> Rows:
    drawn = []
    for k, labelled in enumerate(pool.sets):
        rows = np.flatnonzero(pool.set_of == k)
        if labelled.limit is not None and labelled.limit < len(rows):
            rows = rng.choice(rows, labelled.limit, replace=False)
        drawn += [rows] * labelled.repeat
    return np.concatenate([np.zeros(0, dtype=np.int64), *drawn])


def _cut(padded: Rows, budget: int) -> Iterator[slice]:
    """Slices of ascending lengths, each as long as the budget allows."""
    start = 0
    while start < len(padded):
        reach = padded[start : start + max(1, budget // int(padded[start]))]
        within = reach * np.arange(1, len(reach) + 1) <= budget
        size = max(1, int(within.sum()))
        yield slice(start, start + size)
        start += size
