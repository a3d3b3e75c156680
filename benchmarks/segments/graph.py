"""PageRank, k-core and communities of a planted graph, against SciPy, networkx and igraph."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.segments.table import Table, Timed
from profiles.influence.communities import find_communities, modularity
from profiles.influence.graph import Graph, build_graph
from profiles.influence.ranking import core_numbers, page_rank
from profiles.influence.seeds import choose_seeds

BLOCK = 500  # persons in a planted circle
EDGES_PER_PERSON = 5
INSIDE = 0.8
DAMPING = 0.85
TOLERANCE = 1e-12  # as ours
NETWORKX_TOLERANCE = 1e-10  # it multiplies this by the number of persons


def graph(table: Table, n: int, *, slow: bool = True) -> None:
    """Planted circles of 500 persons, 80 % of the edges inside."""
    rows, truth = planted(n)
    built = table.best(lambda: build_graph(rows))
    ours: Graph = built[1]
    truth = truth[np.array(ours.ids.to_pylist()).astype(int)]
    mutual = ours.mutual()
    rank = table.best(lambda: page_rank(ours.attention))
    cores = table.best(lambda: core_numbers(mutual))
    circles = table.best(lambda: find_communities(mutual))
    edges = f"{ours.edges:,} edges"
    table.line(f"graph of {edges}", built, "", None, lambda _: f"{ours.persons:,} persons")
    what = f"PageRank, {edges}"
    matrix = ours.attention
    table.line(what, rank, "SciPy", lambda: power(matrix), lambda theirs: apart(rank[1], theirs))
    if slow:
        by_networkx(table, what, matrix, (rank, cores, circles), truth)
    else:
        for name in (what, "k-core", "communities"):
            table.say(name, "", "networkx", "left out", "", "")
    by_igraph(table, what, matrix, (rank, cores, circles), truth)
    told = f"{circles[1].max() + 1} circles, modularity {modularity(mutual, circles[1]):.4f}"
    table.line("communities", circles, "", None, lambda _: f"{nmi(truth, circles[1])}, {told}")
    seeds = table.best(lambda: choose_seeds(matrix, 50, 1))
    table.line("50 seeds", seeds, "", None, lambda _: f"reach {seeds[1][-1].reached:,}")


def power(matrix: Any) -> Any:
    """PageRank as one would write it with SciPy."""
    n = matrix.shape[0]
    out = np.asarray(matrix.sum(axis=1)).ravel()
    back = (matrix.multiply(1 / np.maximum(out, 1e-300)[:, None])).T.tocsr()
    rank = np.full(n, 1 / n)
    for _ in range(500):
        new = DAMPING * (back @ rank + rank[out == 0].sum() / n) + (1 - DAMPING) / n
        if np.abs(new - rank).sum() < TOLERANCE:
            return new
        rank = new
    return rank


def by_networkx(table: Table, what: str, matrix: Any, ours: tuple[Timed, ...], truth: Any) -> None:
    """Once each: they take minutes."""
    if importlib.util.find_spec("networkx") is None:
        table.say(what, "", "networkx", "not installed", "", "")
        return
    import networkx as nx

    rank, cores, circles = ours
    entries, peer = matrix.tocoo(), nx.DiGraph()
    peer.add_weighted_edges_from(
        zip(*map(np.ndarray.tolist, (*entries.coords, entries.data)), strict=True)
    )
    plain = nx.Graph(peer)
    n = matrix.shape[0]
    table.line(
        what, rank, "networkx", lambda: nx.pagerank(peer, tol=NETWORKX_TOLERANCE, max_iter=500),
        lambda theirs: apart(rank[1], np.array([theirs[i] for i in range(n)])), repeats=1,
    )  # fmt: skip
    table.line(
        "k-core", cores, "networkx", lambda: nx.core_number(plain),
        lambda theirs: equal(cores[1], [theirs[i] for i in range(n)]), repeats=1,
    )  # fmt: skip
    table.line(
        "communities", circles, "networkx", lambda: list(nx.community.fast_label_propagation_communities(plain, seed=1)),
        lambda theirs: f"ours {nmi(truth, circles[1])}, theirs {nmi(truth, labels(theirs, n))}", repeats=1,
    )  # fmt: skip


def by_igraph(table: Table, what: str, matrix: Any, ours: tuple[Timed, ...], truth: Any) -> None:
    """Where python-igraph is installed: it is GPL and no part of ours."""
    if importlib.util.find_spec("igraph") is None:
        for name in (what, "k-core", "communities"):
            table.say(name, "", "igraph", "not installed", "", "")
        return
    import igraph

    rank, cores, circles = ours
    entries = matrix.tocoo()
    peer = igraph.Graph(
        n=matrix.shape[0], edges=np.stack(entries.coords, 1).tolist(), directed=True
    )
    weights = entries.data.tolist()
    plain = peer.as_undirected(mode="collapse")
    table.line(
        what, rank, "igraph", lambda: np.array(peer.pagerank(weights=weights)),
        lambda theirs: apart(rank[1], theirs),
    )  # fmt: skip
    table.line("k-core", cores, "igraph", plain.coreness, lambda theirs: equal(cores[1], theirs))
    table.line(
        "communities", circles, "igraph", lambda: plain.community_label_propagation().membership,
        lambda theirs: f"ours {nmi(truth, circles[1])}, theirs {nmi(truth, theirs)}",
    )  # fmt: skip


def labels(circles: Any, n: int) -> Any:
    """The number of everybody's circle."""
    found = np.zeros(n, int)
    for number, members in enumerate(circles):
        found[list(members)] = number
    return found


def nmi(truth: Any, found: Any) -> str:
    """Normalised mutual information with the planted circles."""
    from sklearn.metrics import normalized_mutual_info_score

    return f"NMI {normalized_mutual_info_score(truth, found):.4f}"


def apart(mine: Any, theirs: Any) -> str:
    """Whether two rankings agree."""
    worst = float(np.abs(mine - theirs).max())
    return f"{'yes' if worst < 1e-8 else 'NO'}: {worst:.1e} apart at most"


def equal(mine: Any, theirs: Any) -> str:
    """Whether two lists of numbers do."""
    return (
        f"{'yes' if (np.asarray(mine) == np.asarray(theirs)).all() else 'NO'}: largest {max(mine)}"
    )


def planted(n: int) -> tuple[pa.Table, Any]:
    """Edges, and the circle of each person."""
    dice = np.random.default_rng(3)
    edges, blocks = n * EDGES_PER_PERSON, max(n // BLOCK, 2)
    home = np.arange(n) % blocks
    source = dice.integers(0, n, edges)
    near = home[source] + blocks * dice.integers(0, n // blocks, edges)
    target = np.where(dice.random(edges) < INSIDE, near, dice.integers(0, n, edges))
    return pa.table({"source": source.astype(str), "target": target.astype(str)}), home
