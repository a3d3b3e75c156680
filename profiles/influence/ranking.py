"""How much attention reaches a person (PageRank), and how deep in the network they are (k-core)."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse

from profiles.influence.graph import Floats, Ints

DAMPING: Final = 0.85  # Brin and Page, Computer Networks 30 (1998)
TOLERANCE: Final = 1e-12  # of the sum of absolute changes of one step
MAX_STEPS: Final = 300


def page_rank(attention: sparse.csr_array, damping: float = DAMPING) -> Floats:
    """Return each person's PageRank, sum 1; attention flows along edges by their weight.

    Who pays attention to nobody passes it on to all alike. Growth: edges times some 100 steps.
    """
    n = attention.shape[0]
    if n == 0:
        return np.zeros(0)
    given = np.asarray(attention.sum(axis=1)).ravel()
    inverse = np.divide(1.0, given, out=np.zeros(n), where=given > 0)
    passed = attention.data * np.repeat(inverse, np.diff(attention.indptr))
    shares = sparse.csr_array((passed, attention.indices, attention.indptr), shape=(n, n))
    step = shares.T.tocsr()
    rank = np.full(n, 1.0 / n)
    for _ in range(MAX_STEPS):
        new = damping * (step @ rank)
        new += (1 - new.sum()) / n  # what silent persons hold, and the jumps
        change = np.abs(new - rank).sum()
        rank = new
        if change < TOLERANCE:
            break
    return rank


def core_numbers(mutual: sparse.csr_array) -> Ints:
    """Return the largest k of each person such that a part with k links each inside holds them.

    Whole shells are peeled at once. Growth: every link is looked at once, and one pass over the
    persons left for each step of peeling.
    """
    degree = np.diff(mutual.indptr).astype(np.int64)
    core = np.zeros(len(degree), np.int64)
    left = np.arange(len(degree))
    k = 0
    while len(left):
        k = max(k, int(degree[left].min()))
        shell = left[degree[left] <= k]
        while len(shell):
            core[shell] = k
            degree[shell] = -1
            near = neighbours(mutual, shell)
            near = near[degree[near] >= 0]
            hit, lost = np.unique(near, return_counts=True)
            degree[hit] -= lost
            shell = hit[degree[hit] <= k]
        left = left[degree[left] >= 0]
    return core


def neighbours(matrix: sparse.csr_array, rows: Ints) -> Ints:
    """Return the column indices of the rows given, one after the other."""
    start, size = matrix.indptr[rows], np.diff(matrix.indptr)[rows]
    offset = np.repeat(start - np.concatenate([[0], np.cumsum(size)[:-1]]), size)
    return matrix.indices[offset + np.arange(int(size.sum()))].astype(np.int64)  # type: ignore[no-any-return]
