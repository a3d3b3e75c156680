"""Circles of persons who are linked among themselves, by label propagation in arrays.

Raghavan, Albert, Kumara, Physical Review E 76 (2007): everybody takes the label most frequent among
their links until nobody changes. Persons are shuffled once into ``BLOCKS`` parts that take turns,
which keeps labels from swinging to and fro, and ties fall by a seeded hash, so that one graph
always gives one outcome. For ``OPEN_SWEEPS`` rounds ties may take anybody's label, which lets small
knots dissolve; then one's own label stays among equals, and rounds visit only those whose
neighbours changed, until none did.

Growth: a sort of the links per round, some fifteen times.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from profiles.influence.graph import Floats, Ints
from profiles.influence.ranking import neighbours

SEED: Final = 7
BLOCKS: Final = 8
OPEN_SWEEPS: Final = 10
MAX_SWEEPS: Final = 60


def find_communities(mutual: sparse.csr_array, seed: int = SEED) -> Ints:
    """Return each person's community; 0 is the largest, equal sizes by their first person."""
    n = mutual.shape[0]
    dice = np.random.default_rng(seed)
    label = np.arange(n, dtype=np.int64)
    block = np.empty(n, np.int64)
    block[dice.permutation(n)] = np.arange(n) % BLOCKS
    members = [np.flatnonzero(block == b) for b in range(BLOCKS)]
    salt = dice.integers(1, 1 << 62, MAX_SWEEPS * BLOCKS, dtype=np.uint64)
    stale = np.ones(n, bool)
    for turn in range(MAX_SWEEPS * BLOCKS):
        rows = members[turn % BLOCKS]
        is_open = turn < OPEN_SWEEPS * BLOCKS
        rows = rows if is_open else rows[stale[rows]]
        if len(rows):
            stale[rows] = False
            new = _most_frequent(mutual, rows, label, salt[turn], is_open=is_open)
            changed = rows[new != label[rows]]
            label[rows] = new
            stale[neighbours(mutual, changed)] = True
        elif not stale.any():
            break
    return _by_size(label)


def modularity(mutual: sparse.csr_array, community: Ints) -> float:
    """Return Newman's modularity of a division of a graph without weights; 0 without links."""
    ends = float(mutual.nnz)
    if not ends:
        return 0.0
    degree = np.diff(mutual.indptr)
    source = np.repeat(community, degree)
    inside = float((source == community[mutual.indices]).sum())
    share: Floats = np.bincount(community, degree) / ends
    return inside / ends - float(share @ share)


def _most_frequent(
    mutual: sparse.csr_array, rows: Ints, label: Ints, salt: np.uint64, *, is_open: bool
) -> Ints:
    """The most frequent label among each row's links; of equals any, or else the own one."""
    size = np.diff(mutual.indptr)[rows]
    n = len(label)
    key = np.repeat(np.arange(len(rows)), size) * n + label[neighbours(mutual, rows)]
    key.sort()
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    count = np.diff(np.append(first, len(key)))
    row, near = key[first] // n, key[first] % n
    own = (near == label[rows][row]) & (not is_open)
    # the count, then one's own label, then chance
    score = (count.astype(np.int64) << 33) | (own.astype(np.int64) << 32) | _hash32(near, salt)
    out = label[rows].copy()
    if len(row):
        starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
        best = np.maximum.reduceat(score, starts)
        won = score == best[np.cumsum(np.concatenate([[0], np.diff(row) != 0]))]
        out[row[won]] = near[won]
    return out


def _hash32(values: Ints, salt: np.uint64) -> npt.NDArray[np.int64]:
    """Thirty-two bits of splitmix64 (Steele, Lea, Flood 2014) of each value."""
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) + salt
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z >> np.uint64(32)).astype(np.int64)


def _by_size(label: Ints) -> Ints:
    _, first, code, size = np.unique(
        label, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.empty(len(size), np.int64)
    place[np.lexsort((first, -size))] = np.arange(len(size))
    return place[code]
