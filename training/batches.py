"""Epochs of length-sorted batches under a token budget, drawn anew each epoch from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nlp.heads import HEADS
from nlp.tokenizer import CommentTokenizer
from training.sources import LabelledSet

LENGTH_STEP = 8  # padded lengths are multiples of this, so that shapes repeat


@dataclass(kw_only=True)
class Pool:
    """All sets in one array per field, with the set each row came from."""

    ids: list[np.ndarray]
    lengths: np.ndarray
    set_of: np.ndarray
    sets: list[LabelledSet]
    targets: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    pad_id: int


def build_pool(sets: list[LabelledSet], tokenizer: CommentTokenizer) -> Pool:
    """Tokenizes every set once."""
    ids: list[np.ndarray] = []
    for labelled in sets:
        ids += [e.ids for e in tokenizer.encode(labelled.texts)]
    return Pool(
        ids=ids,
        lengths=np.array([len(i) for i in ids]),
        set_of=np.concatenate([np.full(len(s), k) for k, s in enumerate(sets)]),
        sets=sets,
        targets={h.name: np.concatenate([s.targets[h.name] for s in sets]) for h in HEADS},
        weights={h.name: np.concatenate([s.weights[h.name] for s in sets]) for h in HEADS},
        pad_id=tokenizer.pad_id,
    )


def plan_epoch(pool: Pool, *, tokens_per_batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Row indices of each batch: limits and repeats applied, similar lengths together, batches shuffled."""
    drawn = []
    for k, labelled in enumerate(pool.sets):
        rows = np.flatnonzero(pool.set_of == k)
        if labelled.limit is not None and labelled.limit < len(rows):
            rows = rng.choice(rows, labelled.limit, replace=False)
        drawn += [rows] * labelled.repeat
    rows = rng.permutation(np.concatenate(drawn))
    padded = -(-pool.lengths[rows] // LENGTH_STEP) * LENGTH_STEP
    rows, padded = rows[np.argsort(padded, kind="stable")], np.sort(padded)
    batches, start = [], 0
    while start < len(rows):
        size = max(1, tokens_per_batch // int(padded[start]))
        while start + size <= len(rows) and padded[start + size - 1] * size > tokens_per_batch and size > 1:
            size -= 1
        batches.append(rows[start : start + size])
        start += size
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(
    pool: Pool, rows: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """ids and mask (rows, tokens), targets per head (rows, labels), weights per head (rows,)."""
    width = -(-int(pool.lengths[rows].max()) // LENGTH_STEP) * LENGTH_STEP
    ids = np.full((len(rows), width), pool.pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : pool.lengths[row]] = pool.ids[row]
        mask[i, : pool.lengths[row]] = 1
    targets = {k: torch.from_numpy(v[rows]) for k, v in pool.targets.items()}
    weights = {k: torch.from_numpy(v[rows]) for k, v in pool.weights.items()}
    return torch.from_numpy(ids), torch.from_numpy(mask), targets, weights


def sequential(pool: Pool, *, tokens_per_batch: int) -> Iterator[np.ndarray]:
    """Every row once, sorted by length, for evaluation."""
    rows = np.argsort(pool.lengths, kind="stable")
    start = 0
    while start < len(rows):
        size = max(1, tokens_per_batch // int(pool.lengths[rows[min(start + 512, len(rows) - 1)]]))
        yield rows[start : start + min(size, 512)]
        start += min(size, 512)
