"""Which texts go through the network together: sorted by length, padded to a bounded set of shapes.

An engine with dynamic shapes keeps some 3 MB for every new (rows, tokens) pair, for ever. So
lengths are padded to
``LENGTHS`` and rows to powers of two or the full budget: some 80 shapes in all, whatever comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.tokenizer import Tokens

LENGTHS: Final = (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256)
TOKEN_BUDGET: Final = 4_096  # rows x tokens of a full batch
GPU_TOKEN_BUDGET: Final = 65_536  # a GPU needs more at a time before it is busy
MIN_TOKENS: Final = LENGTHS[0]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Positions of the texts in the caller's list, and the padded shape that holds them."""

    rows: npt.NDArray[np.int64]
    shape: tuple[int, int]


def plan_batches(lengths: npt.NDArray[np.int64], *, budget: int = TOKEN_BUDGET) -> Iterator[Batch]:
    """Batches that hold every text once, shortest first. ``lengths`` are token counts, (texts,)."""
    order = np.argsort(lengths, kind="stable")
    buckets = np.array([bucket_length(n) for n in range(int(lengths.max(initial=0)) + 1)])
    padded = buckets[lengths[order]]
    for length in np.unique(padded):
        rows = order[padded == length]
        full = max(1, budget // int(length))
        for start in range(0, len(rows), full):
            part = rows[start : start + full]
            yield Batch(rows=part, shape=(bucket_rows(len(part), full), int(length)))


def bucket_length(tokens: int) -> int:
    """The smallest allowed length that holds so many tokens.

    Raises ValueError above the largest: the tokenizer must have cut the text before.
    """
    for length in LENGTHS:
        if tokens <= length:
            return length
    raise ValueError(f"expected at most {LENGTHS[-1]} tokens, found {tokens}; cut the text first")


def bucket_rows(rows: int, full: int) -> int:
    """The next power of two, or ``full`` when that is nearer."""
    return min(full, 1 << (rows - 1).bit_length())


def shapes(max_tokens: int, *, budget: int = TOKEN_BUDGET) -> list[tuple[int, int]]:
    """Every shape that ``plan_batches`` can give for texts of at most ``max_tokens`` tokens."""
    found = set()
    for length in LENGTHS[: LENGTHS.index(bucket_length(max_tokens)) + 1]:
        full = max(1, budget // length)
        found |= {(bucket_rows(rows, full), length) for rows in range(1, full + 1)}
    return sorted(found)


def fill(encoded: list[npt.NDArray[np.int64]], batch: Batch, pad_id: int) -> npt.NDArray[np.int64]:
    """The padded ids, (rows, tokens) as ``batch.shape``; surplus rows repeat the first text."""
    ids = np.full(batch.shape, pad_id, dtype=np.int64)
    for i, row in enumerate(batch.rows):
        ids[i, : len(encoded[row])] = encoded[row]
    ids[len(batch.rows) :] = ids[0]
    return ids


def fill_flat(tokens: Tokens, batch: Batch, pad_id: int) -> npt.NDArray[np.int64]:
    """What ``fill`` gives, from texts that lie end to end, without a loop over them."""
    places = np.arange(batch.shape[1])
    held = places < tokens.lengths[batch.rows, None]
    ids = np.full(batch.shape, pad_id, dtype=np.int64)
    ids[: len(batch.rows)][held] = tokens.ids[(tokens.starts[batch.rows, None] + places)[held]]
    ids[len(batch.rows) :] = ids[0]
    return ids
