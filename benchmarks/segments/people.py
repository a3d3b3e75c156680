"""RFM against pandas, groups against scikit-learn, funnels against chdb, audiences against NumPy and DuckDB."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import audiences as sets
from benchmarks import funnel as steps
from benchmarks.segments.table import Table
from profiles.conditions.text import parse
from profiles.groups.stability import fit_centers, nearest
from profiles.rfm.report import build_rfm

WINDOW_S = 86_400
RULE = "(A & B) - C"


def rfm(table: Table, n: int) -> None:
    """Orders of a third as many persons; pandas scores by ranks as we do with ties."""
    dice = np.random.default_rng(1)
    person = (n // 3 * dice.random(n) ** 2).astype(int)  # a tenth of them buys a third
    day = np.datetime64("2026-01-01") - dice.integers(0, 700, n)
    amount = (dice.gamma(2, 60, n)).round(2)
    rows = pa.table({"person_id": person, "time": day, "amount": amount})
    frame = rows.to_pandas()
    mine = table.best(lambda: build_rfm(rows, date(2026, 1, 1)))

    def same(theirs: Any) -> str:
        scores = mine[1].table.to_pandas().set_index("person_id").sort_index()[["r", "f", "m"]]
        theirs.index = theirs.index.astype(str)
        equal = (theirs.sort_index()[["r", "f", "m"]].to_numpy() == scores.to_numpy()).all()
        return (
            f"{'yes' if equal else 'NO'}: {len(scores):,} persons; theirs without segments and ties"
        )

    table.line(
        f"RFM, {n:,} orders", mine, "pandas", lambda: pandas_rfm(frame), same, needs="pandas"
    )


def pandas_rfm(frame: Any) -> Any:
    """The same scores in pandas."""
    import pandas as pd

    cents = (frame["amount"] * 100).round().astype("int64")
    grouped = frame.assign(cents=cents).groupby("person_id")
    found = grouped.agg(last=("time", "max"), f=("time", "size"), m=("cents", "sum"))
    found["last"] = pd.to_datetime(found["last"])
    ranks = found.rank(method="max").astype("int64")
    scores = (5 * ranks + len(found) - 1) // len(found)
    return scores.rename(columns={"last": "r"})


def groups(table: Table, n: int) -> None:
    """Eight planted groups over sixteen topics; ours fits to 20,000 and places all."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    dice = np.random.default_rng(2)
    truth = np.arange(n) % 8
    points = (dice.random((8, 16)) * 4)[truth] + dice.normal(0, 0.3, (n, 16))
    mine = table.best(lambda: nearest(points, fit_centers(points[:20_000], 8)))
    table.line(
        f"groups, {n:,} persons, K 8", mine, "scikit-learn",
        lambda: KMeans(8, n_init=10, random_state=0).fit(points).labels_,
        lambda theirs: f"ARI {adjusted_rand_score(truth, mine[1]):.4f}, theirs {adjusted_rand_score(truth, theirs):.4f}",
        repeats=1, needs="sklearn",
    )  # fmt: skip


def funnel(table: Table, n: int) -> None:
    """Four steps within a day; both read one Parquet file, the first run of each is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        pq.write_table(steps.events(n, max(n // 20, 1)), file)
        steps.ours(file, "ordered", WINDOW_S)
        mine = table.best(lambda: steps.ours(file, "ordered", WINDOW_S))

        def same(theirs: Any) -> str:
            return f"{'yes' if theirs == mine[1] else f'NO: {theirs}'}: {mine[1]}"

        table.line(
            f"funnel, {n:,} events", mine, "chdb", lambda: steps.clickhouse(file, WINDOW_S), same,
            repeats=table.repeats + 1, needs="chdb",
        )  # fmt: skip


def audiences(table: Table, n: int) -> None:
    """A count over three tags, bitmaps in memory."""
    tags = sets.drawn(n, 1)
    with tempfile.TemporaryDirectory() as folder:
        made = sets.bitmaps(tags, n, Path(folder))
        condition = parse(sets.RULES[RULE])
        made.count(condition)
        mine = table.best(lambda: made.count(condition), 20)

    def same(theirs: Any) -> str:
        return f"{'yes' if theirs == mine[1] else f'NO: {theirs:,}'}: {mine[1]:,} persons"

    what = f"audience {RULE}, {n:,} persons"
    table.line(what, mine, "NumPy sets", lambda: len(sets.by_numpy(RULE, tags)()), same)
    masks = {name: np.zeros(n, bool) for name in "abc"}
    for name, mask in masks.items():
        mask[tags[name]] = True
    table.line(
        what, mine, "NumPy masks", lambda: int((masks["a"] & masks["b"] & ~masks["c"]).sum()), same
    )
    import duckdb

    with duckdb.connect() as connection:
        connection.register("given", pa.table(masks))
        connection.execute("CREATE TABLE persons AS SELECT * FROM given")
        count = "SELECT count(*) FROM persons WHERE a AND b AND NOT c"
        table.line(
            what,
            mine,
            "DuckDB",
            lambda: connection.execute(count).fetchall()[0][0],
            same,
            repeats=5,
        )
