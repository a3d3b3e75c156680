"""Funnels against ClickHouse's ``windowFunnel`` (chdb), in one run, on events that any language can rebuild.

Run: ``python -m benchmarks.funnel [--events N] [--persons N] [--repeat N]``. Event i is of user mix(3i) mod persons,
its kind and time come from mix(3i+1) and mix(3i+2), mix being splitmix64. Both read the same Parquet file; the first
run of each is not counted. ``check`` says whether both found the same number of persons at every level.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from profiles.funnel.funnel import Funnel, read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events

STEPS = ["view", "cart", "order", "pay"]
WINDOWS_S = (21_600, 86_400, 604_800)
KINDS = np.array(["noise", *STEPS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--persons", type=int, default=250_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        pq.write_table(events(arguments.events, arguments.persons), file)
        print(
            f"{arguments.events:,} events of {arguments.persons:,} persons, {file.stat().st_size / 1e6:,.0f} MB\n"
        )
        print("| order | window | ours, s | chdb, s | persons at step 1, 2, 3, 4 | check |")
        print("|---|---|---|---|---|---|")
        for window_s in WINDOWS_S:
            row(file, "ordered", window_s, arguments.repeat)
        for order in ("strict", "unordered"):
            row(file, order, WINDOWS_S[1], arguments.repeat)


def row(file: Path, order: str, window_s: int, repeat: int) -> None:
    """One line of the table; strict and unordered have no peer in chdb."""
    ours_s, counts = timed(lambda: ours(file, order, window_s), repeat)
    theirs = "-", "-"
    if order == "ordered":
        chdb_s, found = timed(lambda: clickhouse(file, window_s), repeat)
        theirs = f"{chdb_s:.2f}", "equal" if found == counts else f"DIFFERS: {found}"
    print(
        f"| {order} | {window_s:,} s | {ours_s:.2f} | {theirs[0]} | {', '.join(map(str, counts))} | {theirs[1]} |",
        flush=True,
    )


def timed(run: Callable[[], list[int]], repeat: int) -> tuple[float, list[int]]:
    """Median seconds after one run that is not counted, and the answer."""
    answer, took = run(), []
    for _ in range(repeat):
        start = time.perf_counter()
        answer = run()
        took.append(time.perf_counter() - start)
    return statistics.median(took), answer


def ours(file: Path, order: str, window_s: int) -> list[int]:
    spec = parse_spec({"steps": STEPS, "order": order, "window_s": window_s})
    with open_events(file) as opened:
        found: Funnel = read_funnel(opened, spec)
    return [step.persons for step in found.steps]


def clickhouse(file: Path, window_s: int) -> list[int]:
    import chdb

    conditions = ", ".join(f"event = '{step}'" for step in STEPS)
    answer = chdb.query(
        f"""SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4) FROM (
            SELECT windowFunnel({window_s})(toUInt64(time), {conditions}) AS level
            FROM file('{file}', Parquet) GROUP BY person_id)""",
        "CSV",
    )
    return [int(one) for one in str(answer).strip().split(",")]


def events(n: int, persons: int) -> pa.Table:
    i = np.arange(n, dtype=np.uint64) * np.uint64(3)
    kind = np.searchsorted([200, 600, 800, 920], mix(i + np.uint64(1)) % np.uint64(1000), "right")
    return pa.table(
        {
            "person_id": (mix(i) % np.uint64(persons)).astype(np.int64),
            "event": pa.DictionaryArray.from_arrays(kind.astype(np.int8), KINDS).cast(pa.string()),
            "time": 1_767_225_600 + (mix(i + np.uint64(2)) % np.uint64(2_592_000)).astype(np.int64),
        }
    )


def mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64, modulo 2^64."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


if __name__ == "__main__":
    main()
