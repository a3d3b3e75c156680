"""Refreshing generated profiles: full against hand-written SQL, by size, after 1 % new events, point reads.

Run: ``python -m benchmarks.profiles [--events N …] [--engines duckdb postgres] [--postgres-events N …]
[--threads N] [--memory 8GB] [--skip-peer]``. N events come with N/10 persons, N/2 scored comments and
N/20 orders; the tenth of persons that is most active makes a quarter of the rows. Each size runs in
a process of its own, so that peak memory is its own; a size that fails is a row that says so. Every
figure is printed when it is known, and is the third cell of its row.

The hand-written SQL (``benchmarks.profiles_peer``) gives the same rows of the same tables. Both run
with imports done and statements compiled, which takes a process of ours some two seconds once.
Seconds of the processor stand beside those of the clock: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.ingest import fresh_url
from benchmarks.profiles_peer import drop_by_hand, refresh_by_hand
from profiles.compute import compile_part, part_names
from profiles.dimensions import DIMENSIONS
from profiles.read import read_profile
from profiles.refresh import refresh
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
KEY = bytes(range(32))
READS = 1_000
WARM_UP = 20  # reads that are not counted
COPIED = ("events", "comments", "orders", "users")
ONE_SIZE_S = 1_200  # no size may take longer


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds of the clock, and of the processor in this process."""

    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--postgres-events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--engines", nargs="+", default=["duckdb", "postgres"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="8GB", help="of DuckDB; beyond it, it writes to disk")
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--work", type=Path, help="where stores go, instead of a temporary folder")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        engine, events = arguments.one
        {"duckdb": on_duckdb, "postgres": on_postgres}[engine](int(events), arguments)
        return
    say("| engine, events | what | figure |\n|---|---|---|")
    sizes = {"duckdb": arguments.events, "postgres": arguments.postgres_events}
    for engine in arguments.engines:
        for events in sizes[engine]:
            in_own_process(engine, events, arguments)


def in_own_process(engine: str, events: int, arguments: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "benchmarks.profiles", "--one", engine, str(events)]
    command += ["--threads", str(arguments.threads), "--memory", arguments.memory]
    command += ["--skip-peer"] if arguments.skip_peer else []
    command += ["--work", str(arguments.work)] if arguments.work else []
    try:
        code = subprocess.run(command, timeout=ONE_SIZE_S).returncode
        why = f"ended with {code}" if code else ""
    except subprocess.TimeoutExpired:
        why = f"not done after {ONE_SIZE_S} s"
    if why:
        say(f"| {engine}, {events:,} | **failed** | {why} |")


def on_duckdb(events: int, arguments: argparse.Namespace) -> None:
    row = f"duckdb, {events:,}"
    compile_all()
    with generated(events, arguments) as store:
        full = timed(row, "full refresh", lambda: refresh(store, AS_OF, "full"))
        tell_peak(row)
        later = one_percent_later(row, store, store, events)
        figure(
            row, "of a full one", f"{later.cpu_s / full.cpu_s:.1%} of processor time (target 10 %)"
        )
        point_reads(row, store)
        if not arguments.skip_peer:
            # over the same file, whose profiles are there: a second full refresh beside it
            ours = timed(row, "full again", lambda: refresh(store, AS_OF, "again", full=True))
            hand = timed(row, "by hand", lambda: refresh_by_hand(store, AS_OF))
            over = f"{ours.cpu_s / hand.cpu_s:.2f} of processor time (target 1.3)"
            figure(row, "full again over by hand", over)
            drop_by_hand(store)


def on_postgres(events: int, arguments: argparse.Namespace) -> None:
    from profiles.store.postgres_store import PostgresStore

    row = f"postgres, {events:,}"
    compile_all()
    with (
        tempfile.TemporaryDirectory(dir=arguments.work) as folder,
        fresh_url("postgres", Path(folder)) as url,
        PostgresStore(url, key=KEY) as store,
        generated(events, arguments) as source,
    ):
        timed(row, "rows loaded", lambda: copy_inputs(source, store))
        work = Path(folder) / "work"
        full = timed(row, "full refresh", lambda: refresh(store, AS_OF, "full", work=work))
        tell_peak(row)
        point_reads(row, store)
        later = one_percent_later(row, store, source, events)
        share = f"{later.cpu_s / full.cpu_s:.1%} of processor time here"
        clock = f"{later.wall_s / full.wall_s:.1%} of the clock, the server's work included"
        figure(row, "of a full one", f"{share}, {clock} (target 15 %)")


@contextlib.contextmanager
def generated(events: int, arguments: argparse.Namespace) -> Iterator[DuckDBStore]:
    """A DuckDB store with generated rows, in a folder that goes afterwards."""
    with (
        tempfile.TemporaryDirectory(dir=arguments.work) as folder,
        DuckDBStore(Path(folder) / "bench.duckdb", key=KEY) as store,
    ):
        store.execute(f"SET threads = {arguments.threads}")
        store.execute(f"SET memory_limit = '{arguments.memory}'")
        store.execute(f"SET temp_directory = '{folder}/spill'")
        start = time.perf_counter()
        generate(store, events)
        print(
            f"  {events:,} events generated: {time.perf_counter() - start:.0f} s", file=sys.stderr
        )
        yield store


def compile_all() -> None:
    """Import ibis and compile the dimensions, which a process does once."""
    start = time.process_time()
    for dimension in DIMENSIONS:
        for name in part_names(dimension):
            compile_part(name, AS_OF)
    print(f"  compiled: {time.process_time() - start:.1f} s", file=sys.stderr)


def copy_inputs(source: DuckDBStore, store: Store, later_than: datetime | None = None) -> None:
    """Load generated rows, or the events later than a moment, as ``ingest`` loads them."""
    for name in COPIED if later_than is None else ("events",):
        some = "" if later_than is None else f"WHERE time > '{later_than.isoformat()}'"
        sql = f"SELECT * EXCLUDE (run_id) FROM {name} {some}"
        for batch in source.stream(sql, rows_per_batch=store.rows_per_load):
            store.load(name, pa.Table.from_batches([batch]), "bench")


def one_percent_later(row: str, store: Store, source: DuckDBStore, events: int) -> Took:
    """What a refresh took after one hundredth more events."""
    add_events(source, events // 100, events // 10)
    if store is not source:
        copy_inputs(source, store, AS_OF)
    return timed(row, "1 % later", lambda: refresh(store, AS_OF + timedelta(hours=1), "later"))


def point_reads(row: str, store: Store) -> None:
    """One profile at a time, of persons drawn at random."""
    persons = store.fetch(store.table("persons").select("person_id"))["person_id"].to_numpy()
    drawn = np.random.default_rng(7).choice(persons, min(READS, len(persons)), replace=False)
    took_ms = []
    for one in drawn:
        start, cpu = time.perf_counter(), time.process_time()
        read_profile(store, str(one))
        took_ms.append((time.perf_counter() - start, time.process_time() - cpu))
    (p50, cpu50), (p99, cpu99) = 1_000 * np.quantile(took_ms[WARM_UP:], (0.5, 0.99), axis=0)
    figure(row, "point read", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms (target 5)")
    figure(row, "its processor", f"p50 {cpu50:.2f} ms, p99 {cpu99:.2f} ms")


def timed(row: str, what: str, work: Callable[[], Any]) -> Took:
    """What a step took; both clocks are printed as soon as it is done."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figure(row, what, f"{wall:.1f} s, processor {cpu:.1f} s")
    return Took(wall_s=wall, cpu_s=cpu)


def tell_peak(row: str) -> None:
    figure(row, "peak", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def figure(row: str, what: str, found: str) -> None:
    say(f"| {row} | {what} | {found} |")


def say(line: str) -> None:
    print(line, flush=True)


# low numbers are drawn more often: density u^(1/1.6 - 1)
_WHO = "md5('p' || floor({persons} * pow(random(), 1.6))::BIGINT)"
_WHEN = "TIMESTAMPTZ '2026-09-30' - to_seconds((random() * {days} * 86400)::BIGINT)"
_TOPICS = "['food', 'beauty', 'digital', 'travel', 'pets', 'parenting']"


def generate(store: DuckDBStore, n: int) -> None:
    """Fill the input tables, past ``load``: this measures the refresh, not the ingest."""
    persons, contents = n // 10, max(n // 2_000, 10)
    who, when = _WHO.format(persons=persons), _WHEN.format(days=180)
    store.execute("SELECT setseed(0.42)")
    insert_events(store, n, persons, contents, when)
    store.execute(
        f"""INSERT INTO comments BY NAME
            SELECT 'k' || range AS comment_id, 'douyin' AS platform, {who} AS user_id,
                'c' || (random() * {contents})::BIGINT AS content_id, {when} AS created_at,
                CASE WHEN random() < 0.3 THEN 'k' || (random() * {n // 2})::BIGINT END AS parent_id,
                '第' || range || '条评论，味道不错就是有点贵' AS text, (random() * 20)::BIGINT AS like_count,
                (random() * 2)::BIGINT AS reply_count, ['浙江', '上海', '广东'][1 + range % 3] AS region,
                ['negative', 'neutral', 'positive'][1 + range % 3] AS sentiment,
                (random() * 2 - 1)::FLOAT AS sentiment_score, 0.2::FLOAT AS p_negative,
                0.1::FLOAT AS p_neutral, 0.7::FLOAT AS p_positive, 'like' AS emotion,
                [{{'topic': {_TOPICS}[1 + range % 6], 'score': 0.8::FLOAT}}] AS interests,
                ['味道'] AS keywords, [{{'aspect': ['price', 'taste'][1 + range % 2],
                    'polarity': 'positive', 'score': 0.8::FLOAT}}] AS aspects, 'load-1' AS run_id
            FROM range({n // 2})"""
    )
    store.execute(
        f"""INSERT INTO orders BY NAME
            SELECT 'o' || range AS order_id, 'douyin' AS platform, {who} AS user_id, {when} AS time,
                round(random() * 200, 2) AS amount_cny, ['乌龙茶', '团购券', '口红', '耳机'][1 + range % 4] AS items,
                'load-1' AS run_id FROM range({n // 20})"""
    )
    store.execute(
        f"""INSERT INTO users BY NAME
            SELECT md5('p' || range) AS user_id, 'douyin' AS platform, 'female' AS gender,
                (random() * 500)::BIGINT AS follower_count, 'load-1' AS run_id FROM range({persons})"""
    )


def add_events(store: DuckDBStore, n: int, persons: int) -> None:
    """One hundredth more events in the hour after, marked as a load marks them."""
    store.execute("CREATE TEMP TABLE before AS SELECT max(rowid) AS last FROM events")
    when = "TIMESTAMPTZ '2026-09-30' + to_seconds((random() * 3600)::BIGINT)"
    insert_events(store, n, persons, max(persons // 200, 10), when)
    store.execute(
        """INSERT INTO touched SELECT DISTINCT 'person/events', 'douyin', user_id FROM events
           WHERE rowid > (SELECT last FROM before)"""
    )


def insert_events(store: DuckDBStore, n: int, persons: int, contents: int, when: str) -> None:
    store.execute(
        f"""INSERT INTO events BY NAME
            SELECT {_WHO.format(persons=persons)} AS user_id, 'douyin' AS platform,
                ['view', 'view', 'view', 'like', 'collect', 'add_cart', 'pay'][1 + (random() * 6)::BIGINT] AS event,
                {when} AS time, 'c' || (random() * {contents})::BIGINT AS content_id, 'load-1' AS run_id
            FROM range({n})"""
    )


if __name__ == "__main__":
    main()
