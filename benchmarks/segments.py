"""RFM, lifetime value, interest groups and influence beside their peers, in one run and one table.

python -m benchmarks.segments                 # 1 M orders, 1 M edges
python -m benchmarks.segments --scale 0.02    # a try
python -m benchmarks.segments --skip-slow     # without networkx
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import lifetimes
import networkx
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from profiles.groups.stability import fit_centers, nearest
from profiles.influence.communities import find_communities, modularity
from profiles.influence.graph import Graph, build_graph
from profiles.influence.ranking import core_numbers, page_rank
from profiles.influence.seeds import choose_seeds
from profiles.ltv.beta_geometric import BetaGeometric, ModifiedBetaGeometric
from profiles.ltv.gamma_gamma import GammaGamma
from profiles.ltv.holdout import judge
from profiles.ltv.pareto_nbd import ParetoNBD
from profiles.ltv.summary import Ages, group_equal, in_units, summarize
from profiles.rfm.report import build_rfm

DATASETS = Path(lifetimes.__file__).parent / "datasets"
CDNOW_END, CDNOW_HELD = date(1997, 9, 30), date(1998, 6, 30)
BLOCK = 500  # persons in a planted circle
EDGES_PER_PERSON = 5
INSIDE = 0.8


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-slow", action="store_true")
    arguments = parser.parse_args()
    best = lambda work: timed(work, arguments.repeats)  # noqa: E731
    print("| task | tool | s | result |\n|---|---|---|---|")
    rfm_rows(int(1_000_000 * arguments.scale), best)
    ltv_rows(best)
    holdout_rows()
    group_rows(int(200_000 * arguments.scale), best)
    graph_rows(int(200_000 * arguments.scale), best, slow=not arguments.skip_slow)


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The best time of several, in seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def row(task: str, tool: str, seconds: float | None, result: str) -> None:
    """One line of the table."""
    print(
        f"| {task} | {tool} | {'' if seconds is None else f'{seconds:.3f}'} | {result} |",
        flush=True,
    )


def rfm_rows(n: int, best: Callable[..., Any]) -> None:
    """Orders of a third as many persons; pandas scores by ranks as we do with ties."""
    dice = np.random.default_rng(1)
    person = (n // 3 * dice.random(n) ** 2).astype(int)  # a tenth of them buys a third
    day = np.datetime64("2026-01-01") - dice.integers(0, 700, n)
    amount = (dice.gamma(2, 60, n)).round(2)
    table = pa.table({"person_id": person, "time": day, "amount": amount})
    frame = table.to_pandas()
    seconds, found = best(lambda: build_rfm(table, date(2026, 1, 1)))
    row(
        f"RFM, {n:,} orders",
        "tingfeng",
        seconds,
        f"{found.persons:,} persons, tie share {found.ties['any']:.3f}",
    )
    seconds, theirs = best(lambda: pandas_rfm(frame))
    mine = found.table.to_pandas().set_index("person_id").sort_index()
    theirs.index = theirs.index.astype(str)
    equal = (
        theirs.sort_index()[["r", "f", "m"]].to_numpy() == mine[["r", "f", "m"]].to_numpy()
    ).all()
    row("", "pandas", seconds, f"scores equal: {equal}; no segments, no tie report")


def pandas_rfm(frame: pd.DataFrame) -> pd.DataFrame:
    """The same scores in pandas."""
    cents = (frame["amount"] * 100).round().astype("int64")
    grouped = (
        frame.assign(cents=cents)
        .groupby("person_id")
        .agg(last=("time", "max"), f=("time", "size"), m=("cents", "sum"))
    )
    grouped["last"] = pd.to_datetime(grouped["last"])
    ranks = grouped.rank(method="max").astype("int64")
    scores = (5 * ranks + len(grouped) - 1) // len(grouped)
    return scores.rename(columns={"last": "r"})


def ltv_rows(best: Callable[..., Any]) -> None:
    """CDNOW as lifetimes ships it, 2,357 persons; grouping is inside the time."""
    file = DATASETS / "cdnow_customers_summary_with_transactions.csv"
    data = np.genfromtxt(file, delimiter=",", skip_header=1)
    x, t_x, age, spend = data[:, 1], data[:, 2], data[:, 3], data[:, 4]
    ages = Ages(x=x, t_x=t_x, T=age, weight=np.ones(len(x)))
    peers = {
        "bg_nbd": lifetimes.BetaGeoFitter,
        "mbg_nbd": lifetimes.ModifiedBetaGeoFitter,
        "pareto_nbd": lifetimes.ParetoNBDFitter,
    }
    for model in (BetaGeometric, ModifiedBetaGeometric, ParetoNBD):
        seconds, mine = best(lambda model=model: model.fit(group_equal(ages)[0]))
        told = " ".join(f"{value:.5f}" for value in mine.parameters)
        row(f"LTV fit {model.name}", "tingfeng", seconds, f"{told}, LL {mine.log_likelihood:.4f}")
        seconds, theirs = best(lambda name=model.name: peers[name]().fit(x, t_x, age))
        row("", "lifetimes", seconds, " ".join(f"{v:.5f}" for v in theirs.params_.values))
    seconds, mine = best(lambda: GammaGamma.fit(x, spend))
    row("Gamma-Gamma", "tingfeng", seconds, " ".join(f"{v:.4f}" for v in mine.parameters))
    again = x > 0
    seconds, theirs = best(lambda: lifetimes.GammaGammaFitter().fit(x[again], spend[again]))
    row("", "lifetimes", seconds, " ".join(f"{v:.4f}" for v in theirs.params_.values))


def holdout_rows() -> None:
    """CDNOW sample: 39 weeks fitted, 39 held out."""
    lines = (DATASETS / "CDNOW_sample.txt").read_text("latin-1").splitlines()
    rows = [line.split() for line in lines]
    names = ["person_id", "time", "amount"]
    table = pa.table([[r[i] for r in rows] for i in (1, 2, 4)], names=names)
    summary = summarize(table, CDNOW_END, until=CDNOW_HELD)
    ages = in_units(summary, "week")
    for model in (BetaGeometric, ModifiedBetaGeometric, ParetoNBD):
        held = judge(model.fit(group_equal(ages)[0]).expected(ages, 39.0), summary.later)
        told = f"{held.expected:.1f} of {held.actual}, MAE {held.mae:.4f}, RMSE {held.rmse:.4f}"
        row(
            f"holdout {model.name}",
            "tingfeng",
            None,
            f"{told}, top tenth {held.top_decile_capture:.3f}",
        )


def group_rows(n: int, best: Callable[..., Any]) -> None:
    """Eight planted groups over sixteen topics."""
    dice = np.random.default_rng(2)
    truth = np.arange(n) % 8
    centers = dice.random((8, 16)) * 4
    points = centers[truth] + dice.normal(0, 0.3, (n, 16))
    seconds, placed = best(lambda: nearest(points, fit_centers(points[:20_000], 8)))
    row(
        f"groups, {n:,} persons, K 8",
        "tingfeng",
        seconds,
        f"ARI {adjusted_rand_score(truth, placed):.6f}",
    )


def graph_rows(n: int, best: Callable[..., Any], *, slow: bool) -> None:
    """Planted circles of 500 persons, 80 % of the edges inside."""
    table, truth = planted(n)
    seconds, graph = best(lambda: build_graph(table))
    row(f"graph, {n:,} persons", "tingfeng", seconds, f"{graph.edges:,} edges")
    seconds, rank = best(lambda: page_rank(graph.attention))
    row("PageRank", "tingfeng", seconds, f"sum {rank.sum():.12f}")
    mutual = graph.mutual()
    seconds, cores = best(lambda: core_numbers(mutual))
    row("k-core", "tingfeng", seconds, f"largest {cores.max()}")
    seconds, found = best(lambda: find_communities(mutual))
    truth = truth[np.array(graph.ids.to_pylist()).astype(int)]
    nmi = normalized_mutual_info_score(truth, found)
    told = f"{found.max() + 1} circles, modularity {modularity(mutual, found):.6f}, NMI {nmi:.4f}"
    row("communities", "tingfeng", seconds, told)
    seconds, seeds = best(lambda: choose_seeds(graph.attention, 50, 1))
    row("50 seeds", "tingfeng", seconds, f"reach {seeds[-1].reached:,}")
    if slow:
        networkx_rows(graph, rank)


def networkx_rows(graph: Graph, rank: Any) -> None:
    """Once each: they take minutes."""
    matrix = graph.attention.tocoo()
    peer = networkx.DiGraph()
    seconds, _ = timed(
        lambda: peer.add_weighted_edges_from(
            zip(*map(np.ndarray.tolist, (*matrix.coords, matrix.data)), strict=True)
        ), 1,
    )  # fmt: skip
    row("graph", "networkx", seconds, f"{peer.number_of_edges():,} edges")
    seconds, theirs = timed(lambda: networkx.pagerank(peer, tol=1e-10, max_iter=500), 1)
    apart = max(abs(theirs[i] - value) for i, value in enumerate(rank))
    row("PageRank", "networkx", seconds, f"largest difference {apart:.1e}")
    plain = networkx.Graph(peer)
    seconds, cores = timed(lambda: networkx.core_number(plain), 1)
    row("k-core", "networkx", seconds, f"largest {max(cores.values())}")
    work = lambda: list(networkx.community.asyn_lpa_communities(plain, seed=1))  # noqa: E731
    seconds, found = timed(work, 1)
    row("communities", "networkx", seconds, f"{len(found)} circles (label propagation)")


def planted(n: int) -> tuple[pa.Table, Any]:
    """Edges, and the circle of each person."""
    dice = np.random.default_rng(3)
    edges, blocks = n * EDGES_PER_PERSON, max(n // BLOCK, 2)
    home = np.arange(n) % blocks
    source = dice.integers(0, n, edges)
    near = home[source] + blocks * dice.integers(0, n // blocks, edges)
    target = np.where(dice.random(edges) < INSIDE, near, dice.integers(0, n, edges))
    return pa.table({"source": source.astype(str), "target": target.astype(str)}), home


if __name__ == "__main__":
    main()
