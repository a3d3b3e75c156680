"""Influence of every person with a relation: rank, tier, core, circle; and the seeds to start with.

Tiers are by place in the order of PageRank; the shares are the usual division of creators in
marketing into head, shoulder, waist and tail, as this house draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.influence.communities import SEED, find_communities, modularity
from profiles.influence.graph import Floats, Graph, Ints, build_graph
from profiles.influence.ranking import core_numbers, page_rank
from profiles.influence.seeds import MAX_HOPS, Seed, choose_seeds

# key, Chinese name, share of persons down to which it goes
TIERS: Final = (
    ("head", "头部", 0.001),
    ("shoulder", "肩部", 0.01),
    ("waist", "腰部", 0.1),
    ("tail", "尾部", 1.0),
)


@dataclass(frozen=True, kw_only=True)
class InfluenceReport:
    """``table`` has one row per person, most influential first: person_id, rank, pagerank,
    tier, followers (persons who pay them attention), following, core, community.
    """

    graph: Graph
    table: pa.Table
    tiers: dict[str, int]
    communities: list[int]  # sizes, largest first; community k has the k-th
    modularity: float
    max_core: int
    hops: int
    seeds: list[tuple[str, Seed]]


def build_influence(
    relations: pa.Table, *, seeds: int = 10, hops: int = 1, seed: int = SEED
) -> InfluenceReport:
    """Return the influence of rows with source, target and perhaps weight.

    Raises:
        ProfilesError: a column is missing, no edge is usable, or ``hops`` is out of range.
    """
    if not 1 <= hops <= MAX_HOPS:
        raise ProfilesError(f"expected 1 to {MAX_HOPS} hops, found {hops}; give fewer")
    graph = build_graph(relations)
    if graph.edges == 0:
        raise ProfilesError(
            f"expected relations between two persons, found none in {graph.rows:,} rows; load "
            "relations, or comments that answer others"
        )
    rank = page_rank(graph.attention)
    mutual = graph.mutual()
    core, community = core_numbers(mutual), find_communities(mutual, seed)
    order = np.lexsort((np.arange(graph.persons), -rank))
    table = _table(graph, order, rank, core, community)
    tier_of = table["tier"].value_counts().to_pylist()
    sizes = {row["values"]: row["counts"] for row in tier_of}
    return InfluenceReport(
        graph=graph,
        table=table,
        tiers={key: sizes.get(key, 0) for key, _, _ in TIERS},
        communities=np.bincount(community).tolist(),
        modularity=modularity(mutual, community),
        max_core=int(core.max()),
        hops=hops,
        seeds=[
            (graph.ids[one.person].as_py(), one)
            for one in choose_seeds(graph.attention, seeds, hops)
        ],
    )


def _table(graph: Graph, order: Ints, rank: Floats, core: Ints, community: Ints) -> pa.Table:
    followers = np.bincount(graph.attention.indices, minlength=graph.persons)
    place = np.arange(1, graph.persons + 1)
    # at least one person is in the head
    limits = [max(int(np.ceil(share * graph.persons)), 1) for _, _, share in TIERS]
    keys = np.array([key for key, _, _ in TIERS])
    return pa.table(
        {
            "person_id": graph.ids.take(pa.array(order)),
            "rank": place,
            "pagerank": rank[order],
            "tier": keys[np.searchsorted(limits, place)],
            "followers": followers[order],
            "following": np.diff(graph.attention.indptr)[order],
            "core": core[order],
            "community": community[order],
        }
    )
