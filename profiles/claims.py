"""What no person may hold twice: one value per slot, for clusters of identifiers.

A claim says that an identifier brings a value into a slot. A unique type is a slot (each of its
identifiers is another value), a cut is a slot with two values, one for either side. A cluster is
allowed as long as it holds at most one value in every slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Parallel arrays: identifier ``node``, ``slot`` and ``value``, all from 0."""

    node: Ints
    slot: Ints
    value: Ints

    def of(self, nodes: npt.NDArray[Any]) -> Claims:
        """Return the claims whose node is marked in the boolean array ``nodes``."""
        keep = nodes[self.node]
        return Claims(node=self.node[keep], slot=self.slot[keep], value=self.value[keep])


def conflicting(cluster: Ints, claims: Claims) -> Ints:
    """Return the clusters that hold two values in a slot; ``cluster`` is each claim's own."""
    order = np.lexsort((claims.value, claims.slot, cluster))
    c, s, v = cluster[order], claims.slot[order], claims.value[order]
    twice = (c[1:] == c[:-1]) & (s[1:] == s[:-1]) & (v[1:] != v[:-1])
    return np.unique(c[1:][twice])


def clashing_slots(ends: Ints, label: Ints, claims: Claims) -> Ints:
    """Return for each pair of clusters the first slot in which they differ, or -1.

    ``ends`` has shape (pairs, 2); ``label`` is the cluster of every node; every cluster is allowed.
    """
    first = np.full(len(ends), np.iinfo(np.int64).max)
    if claims.node.size and len(ends):
        slots = int(claims.slot.max()) + 1
        codes, at = np.unique(label[claims.node] * slots + claims.slot, return_index=True)
        values = claims.value[at]
        link, code = _expand(ends[:, 0], codes, slots)
        other = ends[link, 1] * slots + codes[code] % slots
        found = np.minimum(np.searchsorted(codes, other), len(codes) - 1)
        differ = (codes[found] == other) & (values[found] != values[code])
        np.minimum.at(first, link[differ], codes[code[differ]] % slots)
    return np.where(first == np.iinfo(np.int64).max, -1, first)


def _expand(clusters: Ints, codes: Ints, slots: int) -> tuple[Ints, Ints]:
    """Every claim of every pair's first cluster: positions in ``clusters`` and in ``codes``."""
    low = np.searchsorted(codes, clusters * slots)
    counts = np.searchsorted(codes, (clusters + 1) * slots) - low
    link = np.repeat(np.arange(len(clusters)), counts)
    within = np.arange(len(link)) - np.repeat(np.cumsum(counts) - counts, counts)
    return link, low[link] + within
