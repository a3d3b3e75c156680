"""Which texts go through the network together: sorted by length, padded to a bounded set of shapes.

An engine with dynamic shapes keeps some 3 MB for every new (rows, tokens) pair, for ever. So
lengths are padded to
``LENGTHS`` and rows to powers of two or the full budget: some 80 shapes in all, whatever comes in.
Of many texts most go in full batches of about one length, which add some 60 shapes.
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
BULK_TEXTS: Final = 2_048  # fewer come from people who wait: for them shapes are warmed up
EXACT_STEPS: Final = (
    (32, 1),
    (64, 2),
    (96, 4),
    (LENGTHS[-1], 8),
)  # up to so many tokens, by so many


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Positions of the texts in the caller's list, and the padded shape that holds them."""

    rows: npt.NDArray[np.int64]
    shape: tuple[int, int]


def plan_batches(
    lengths: npt.NDArray[np.int64], *, budget: int = TOKEN_BUDGET, bulk_texts: int = BULK_TEXTS
) -> Iterator[Batch]:
    """Batches that hold every text once, shortest first. ``lengths`` are token counts, (texts,).

    From ``bulk_texts`` on, full batches of texts of about one length are padded to the longest of
    them only, which is less than the next of ``LENGTHS``.
    """
    order = np.argsort(lengths, kind="stable")
    buckets = np.array([bucket_length(n) for n in range(int(lengths.max(initial=0)) + 1)])
    exact: list[Batch] = []
    if len(order) >= bulk_texts:
        exact, order = _exact_batches(lengths, order, buckets, budget)
    padded = buckets[lengths[order]]
    for length in np.unique(padded):
        rows = order[padded == length]
        full = max(1, budget // int(length))
        for start in range(0, len(rows), full):
            part = rows[start : start + full]
            yield Batch(rows=part, shape=(bucket_rows(len(part), full), int(length)))
    yield from reversed(exact)


def _exact_batches(
    lengths: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    buckets: npt.NDArray[np.int64],
    budget: int,
) -> tuple[list[Batch], npt.NDArray[np.int64]]:
    """Full batches of neighbours in length, longest first, and the texts that are left in order.

    A batch that would hold more padding than ``LENGTHS`` gives is not made: its longest texts stay.
    """
    found, left, stop = [], [], len(order)
    while stop:
        length = exact_length(int(lengths[order[stop - 1]]))
        full = max(1, budget // length)
        rows = order[max(0, stop - full) : stop]
        if len(rows) == full and full * length <= buckets[lengths[rows]].sum():
            found.append(Batch(rows=rows, shape=(full, length)))
        else:
            rows = rows[buckets[lengths[rows]] == buckets[lengths[rows[-1]]]]
            left.append(rows)
        stop -= len(rows)
    return found, np.concatenate([*reversed(left), order[:0]])


def exact_length(tokens: int) -> int:
    """The length to which a full batch is padded: the count itself, rounded up where it is long."""
    step = next(step for limit, step in EXACT_STEPS if tokens <= limit)
    return -(-tokens // step) * step


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
    """Every shape that ``plan_batches`` can give for texts of at most ``max_tokens`` tokens, fewer
    than ``BULK_TEXTS`` of them.
    """
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
