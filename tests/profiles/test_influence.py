"""Influence against networkx, small graphs by hand, and planted circles."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from profiles.errors import ProfilesError
from profiles.influence.communities import find_communities, modularity
from profiles.influence.graph import Graph, build_graph
from profiles.influence.ranking import core_numbers, page_rank
from profiles.influence.report import build_influence
from profiles.influence.seeds import choose_seeds

networkx = pytest.importorskip("networkx")


def relations(*edges: tuple[Any, ...]) -> pa.Table:
    names = ["source", "target", "weight"][: len(edges[0])]
    return pa.table(list(map(list, zip(*edges, strict=True))), names=names)


def random_graph(seed: int, n: int = 60, m: int = 220) -> Graph:
    dice = np.random.default_rng(seed)
    ends = dice.integers(0, n, (m, 2))
    rows = [
        (f"{a:03}", f"{b:03}", float(w))
        for (a, b), w in zip(ends, dice.integers(1, 4, m), strict=True)
    ]
    return build_graph(relations(*rows))


def peer(graph: Graph) -> Any:
    made = networkx.DiGraph()
    made.add_nodes_from(range(graph.persons))
    matrix = graph.attention.tocoo()
    made.add_weighted_edges_from(
        zip(*map(np.ndarray.tolist, (*matrix.coords, matrix.data)), strict=True)
    )
    return made


@pytest.mark.parametrize("seed", [1, 2])
def test_page_rank_and_cores_are_those_of_networkx(seed: int) -> None:
    graph = random_graph(seed)
    theirs = networkx.pagerank(peer(graph), tol=1e-13, max_iter=500)
    mine = page_rank(graph.attention)
    assert mine.sum() == pytest.approx(1)
    assert mine == pytest.approx([theirs[i] for i in range(graph.persons)], abs=1e-10)
    cores = networkx.core_number(networkx.Graph(peer(graph)))
    assert core_numbers(graph.mutual()).tolist() == [cores[i] for i in range(graph.persons)]


def test_modularity_is_that_of_networkx() -> None:
    graph = random_graph(3)
    mutual = graph.mutual()
    found = find_communities(mutual)
    sets = [set(np.flatnonzero(found == c).tolist()) for c in range(found.max() + 1)]
    plain = networkx.Graph(peer(graph))
    theirs = networkx.algorithms.community.modularity(plain, sets, weight=None)
    assert modularity(mutual, found) == pytest.approx(theirs)


def test_planted_circles_are_found_alike_every_time() -> None:
    dice = np.random.default_rng(4)
    n, blocks, edges = 4000, 20, 24_000
    home = np.arange(n) % blocks
    source = dice.integers(0, n, edges)
    near = home[source] + blocks * dice.integers(0, n // blocks, edges)
    target = np.where(dice.random(edges) < 0.8, near, dice.integers(0, n, edges))
    table = pa.table({"source": source.astype(str), "target": target.astype(str)})
    graph = build_graph(table)
    found = find_communities(graph.mutual())
    truth = home[np.array(graph.ids.to_pylist()).astype(int)]
    assert normalized_mutual_info_score(truth, found) >= 0.97
    assert (
        found == find_communities(build_graph(table.take(dice.permutation(edges))).mutual())
    ).all()
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=20))
def test_lazy_choice_is_the_plain_greedy_one(edges: list[tuple[int, int]]) -> None:
    if all(a == b for a, b in edges):
        return
    graph = build_graph(relations(*((str(a), str(b)) for a, b in edges)))
    dense = graph.attention.toarray() > 0
    audience = [{p} | set(np.flatnonzero(dense[:, p]).tolist()) for p in range(graph.persons)]
    reached: set[int] = set()
    for seed in choose_seeds(graph.attention, 3):
        best = max(range(graph.persons), key=lambda p: (len(audience[p] - reached), -p))
        assert seed.person == best
        reached |= audience[best]
        assert seed.reached == len(reached)


def test_greedy_reach_is_at_least_63_percent_of_the_best() -> None:
    graph = random_graph(5, n=25, m=60)
    dense = graph.attention.toarray() > 0
    audience = [{p} | set(np.flatnonzero(dense[:, p]).tolist()) for p in range(graph.persons)]
    best = max(
        len(set().union(*(audience[p] for p in c))) for c in combinations(range(graph.persons), 2)
    )
    assert choose_seeds(graph.attention, 2)[-1].reached >= 0.63 * best


def test_two_hops_reach_who_listens_to_listeners() -> None:
    graph = build_graph(relations(("c", "b"), ("b", "a"), ("e", "d")))
    one, two = (choose_seeds(graph.attention, 1, hops) for hops in (1, 2))
    assert one[0].reached == 2 and two[0].reached == 3
    assert graph.ids[two[0].person].as_py() == "a"
    assert len(choose_seeds(graph.attention, 9, 2)) == 2  # then everybody is reached


def test_graph_counts_what_it_leaves_out() -> None:
    rows = [("a", "b", "2"), ("a", "b", "1"), ("a", "a", "1"), (" ", "b", "1"), (None, "b", "1")]
    graph = build_graph(relations(*rows, ("b", "a", "x"), ("b", "c", None), ("c", "a", "-1")))
    assert graph.ids.to_pylist() == ["a", "b", "c"]
    assert graph.attention.toarray().tolist() == [[0, 3, 0], [0, 0, 1], [0, 0, 0]]
    assert (graph.rows, graph.left_out) == (8, 5)
    with pytest.raises(ProfilesError, match="missing: target"):
        build_graph(pa.table({"source": ["a"]}))


def test_report_of_a_star_puts_its_middle_first() -> None:
    found = build_influence(relations(*((f"f{i:02}", "star") for i in range(20))), seeds=3)
    first = found.table.to_pylist()[0]
    assert (first["person_id"], first["tier"], first["followers"]) == ("star", "head", 20)
    assert found.seeds[0][0] == "star" and found.seeds[0][1].reached == 21 and len(found.seeds) == 1
    assert sum(found.tiers.values()) == sum(found.communities) == 21
    with pytest.raises(ProfilesError, match="found none in 1 rows"):
        build_influence(relations(("a", "a")))
    with pytest.raises(ProfilesError, match="1 to 3 hops"):
        build_influence(relations(("a", "b")), hops=9)
