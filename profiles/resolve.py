"""Which identifiers are one person: links joined in a fixed order, unless a rule forbids it.

The answer is that of this plain procedure: drop the links of every identifier over its maximum
degree; take the others, links without shareable ends first, then by the two node numbers; join the
two clusters unless the result would break a claim, in which case the link is refused. It depends on
the set of links alone, not on the order in which they came.

It is computed in whole arrays. Where the components of all links break no claim they are the
answer. In the others, the components of the first half, quarter, … of the links are joined where
they break none; so is any link that comes first at both its ends; links between two clusters that
cannot be together are refused at once. None of these steps can differ from taking links one by one:
what is joined is closed under earlier links, and a broken claim stays broken as clusters grow.

Growth: sorting and components in compiled code, about linear in links; memory some 100 bytes a
link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from profiles.claims import Claims, Ints, clashing_slots, conflicting

KEPT: Final = 0
OVER_DEGREE: Final = 1
BREAKS_CLAIM: Final = 2


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """One entry per identifier: its ``kind`` (type and namespace, from 0) and what its type may."""

    kind: Ints
    max_degree: Ints
    shareable: npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The outcome.

    ``person``: the smallest node of each node's person. ``degree``: of each node, with how many
    nodes of one kind it is linked at most. ``reason``: per link KEPT, OVER_DEGREE or BREAKS_CLAIM.
    ``slot``: of a link that would break a claim, the slot; else -1.
    """

    person: Ints
    degree: Ints
    reason: Ints
    slot: Ints


def resolve(nodes: Nodes, links: Ints, claims: Claims) -> Resolution:
    """Return persons and refused links; ``links`` has shape (links, 2), each pair once."""
    n = len(nodes.kind)
    links = np.sort(np.asarray(links, np.int64).reshape(-1, 2), axis=1)
    degree = degrees(nodes.kind, links)
    over = degree > nodes.max_degree
    reason = np.where(over[links].any(axis=1), OVER_DEGREE, KEPT)
    slot = np.full(len(links), -1)
    usable = np.flatnonzero(reason == KEPT)
    person = _components(n, links[usable])
    bad = np.zeros(n, bool)
    bad[conflicting(person[claims.node], claims)] = True
    inside = bad[person]
    if inside.any():
        tried = usable[inside[links[usable, 0]]]
        tier = nodes.shareable[links[tried]].sum(axis=1)
        tried = tried[np.lexsort((links[tried, 1], links[tried, 0], tier))]
        number = np.cumsum(inside) - 1
        label, slot[tried] = _join(
            int(inside.sum()), number[links[tried]], _renumbered(claims.of(inside), number)
        )
        person[inside] = np.flatnonzero(inside)[label]
        reason[slot >= 0] = BREAKS_CLAIM
    return Resolution(person=person, degree=degree, reason=reason, slot=slot)


def degrees(kind: Ints, links: Ints) -> Ints:
    """Return with how many nodes of one kind each node is linked, for the kind with the most."""
    result = np.zeros(len(kind), np.int64)
    if len(links):
        kinds = int(kind.max()) + 1
        both = np.concatenate([links, links[:, ::-1]])
        codes, counts = np.unique(both[:, 0] * kinds + kind[both[:, 1]], return_counts=True)
        np.maximum.at(result, codes // kinds, counts)
    return result


def _components(n: int, links: Ints) -> Ints:
    """Return the smallest node of each node's component."""
    ones = np.ones(len(links), np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    smallest: Ints = first[inverse].astype(np.int64)
    return smallest


def _renumbered(claims: Claims, number: npt.NDArray[Any]) -> Claims:
    return Claims(node=number[claims.node], slot=claims.slot, value=claims.value)


def _join(n: int, links: Ints, claims: Claims) -> tuple[Ints, Ints]:
    """Return each node's cluster and each link's broken slot or -1; ``links`` in their order."""
    label, broken = np.arange(n), np.full(len(links), -1)
    pending = np.arange(len(links))
    while pending.size:
        label = _join_harmless(label, links[pending], claims)
        ends = label[links[pending]]
        broken[pending] = clashing_slots(ends, label, claims)
        still = (ends[:, 0] != ends[:, 1]) & (broken[pending] < 0)
        pending, ends = pending[still], ends[still]
        label = _join_first(label, ends)
    return label, broken


def _join_harmless(label: Ints, links: Ints, claims: Claims) -> Ints:
    """Join the components of the first links, of all, half, …, that break no claim."""
    size = len(links)
    while size:
        clusters, ends = np.unique(label[links[:size]], return_inverse=True)
        component = _components(len(clusters), ends.reshape(-1, 2))
        inside = np.zeros(len(label), bool)
        inside[clusters] = True
        own = claims.of(inside[label])
        bad = conflicting(component[np.searchsorted(clusters, label[own.node])], own)
        joined = np.where(np.isin(component, bad), clusters, clusters[component])
        label = _relabelled(label, clusters, joined)
        size = size // 2 if bad.size else 0
    return label


def _join_first(label: Ints, ends: Ints) -> Ints:
    """Join the pairs that are the first pair of both their clusters."""
    _, first, inverse = np.unique(ends, return_index=True, return_inverse=True)
    pair = np.arange(len(ends))
    both = ((first // 2)[inverse.reshape(-1, 2)] == pair[:, None]).all(axis=1)
    return _relabelled(label, ends[both].max(axis=1), ends[both].min(axis=1))


def _relabelled(label: Ints, old: Ints, new: Ints) -> Ints:
    becomes = np.arange(len(label))
    becomes[old] = new
    result: Ints = becomes[label]
    return result
