"""Refreshing generated profiles: full against hand-written SQL, by size, after 1 % new events, point reads.

Run: ``python -m benchmarks.profiles [--events N …] [--threads N] [--skip-peer]``. N events come with N/10
persons, N/2 scored comments and N/20 orders; the tenth of persons that is most active makes a quarter of the rows.
Each size runs in a process of its own, so that peak memory is its own. The hand-written SQL does the same
work for the same documents without the refresh's bookkeeping: from stored tables to one row of JSON per person.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.profiles_peer import PEER_SQL
from profiles.read import read_profile
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
KEY = bytes(range(32))
READS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument(
        "--work", type=Path, default=None, help="where stores go; a temporary folder"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments)))
        return
    print(
        "| events | full, s | peak, GB | by hand, s | ratio | 1 % later, s | of full | read p50, ms | p99, ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for events in arguments.events:
        row = in_own_process(events, arguments)
        peer = (
            f"{row['peer_s']:.1f} | {row['full_s'] / row['peer_s']:.2f}"
            if row["peer_s"]
            else "– | –"
        )
        print(
            f"| {events:,} | {row['full_s']:.1f} | {row['peak_gb']:.1f} | {peer} | {row['later_s']:.2f} | "
            f"{row['later_s'] / row['full_s']:.1%} | {row['read_p50_ms']:.2f} | {row['read_p99_ms']:.2f} |",
            flush=True,
        )


def in_own_process(events: int, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.profiles", "--one", "--events", str(events)]
    command += [
        "--threads",
        str(arguments.threads),
        *(["--skip-peer"] if arguments.skip_peer else []),
    ]
    command += ["--work", str(arguments.work)] if arguments.work else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    n = arguments.events[0]
    with (
        tempfile.TemporaryDirectory(dir=arguments.work) as folder,
        DuckDBStore(Path(folder) / "bench.duckdb", key=KEY) as store,
    ):
        store.execute(f"SET threads = {arguments.threads}")
        store.execute(f"SET temp_directory = '{folder}/spill'")
        told(f"{n:,} events generated", lambda: generate(store, n))
        full_s = told("full refresh", lambda: refresh(store, AS_OF, "full"))
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        peer_s = 0.0 if arguments.skip_peer else told("by hand", lambda: by_hand(store))
        add_events(store, n // 100, n // 10)
        later_s = told("1 % later", lambda: refresh(store, AS_OF + timedelta(hours=1), "later"))
        reads_ms = point_reads(store)
    return {
        "full_s": full_s,
        "peak_gb": peak_gb,
        "peer_s": peer_s,
        "later_s": later_s,
        "read_p50_ms": float(np.quantile(reads_ms, 0.5)),
        "read_p99_ms": float(np.quantile(reads_ms, 0.99)),
    }


def told(what: str, work: Any) -> float:
    """Seconds of a step, said on standard error as soon as it is done."""
    took = seconds(work)
    print(f"  {what}: {took:.1f} s", file=sys.stderr, flush=True)
    return took


def seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_hand(store: DuckDBStore) -> None:
    for statement in PEER_SQL:
        store.execute(statement)


def point_reads(store: DuckDBStore) -> list[float]:
    """Milliseconds of one read each, of persons drawn at random; the first few warm up."""
    ids = store.read(
        f"SELECT person_id FROM persons USING SAMPLE reservoir({READS} ROWS) REPEATABLE (7)"
    )
    found = [
        1000 * seconds(lambda one=one: read_profile(store, one))
        for one in ids["person_id"].to_pylist()
    ]
    return found[20:]


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
