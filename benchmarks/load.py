"""How many calls a second the service holds, and what it does beyond: see ``benchmarks.load_client``.

Run: ``python -m benchmarks.load [--seconds 60] [--phases limit,overload,…] [--peer none]``. Phases: ``limit``
(highest rate of single comments at p99 <= 100 ms, the next one up x1.25, held three times), ``overload``
(three times that: goodput, refusals, memory, recovery), ``mixed`` (half of it beside a job), ``slow`` (200
crawling clients), ``drops`` (30 % go away), ``soak``. The cache is off and every result is computed. Texts
have the lengths of real comments (log-normal, median 18, mean 31 characters). The peer is
``benchmarks.load_peer``, in the same run. Prints tables, then one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load_client import Client, Driven, crawl, drive, watch_health
from data.corpus import read_corpus

ROOT = Path(__file__).resolve().parents[1]
P99_MS = 100.0
STEP = 1.25
PASSES = 3
PHASES = ("limit", "overload", "mixed", "slow", "drops", "soak")
BATCH = """
import json, os, sys, time
from nlp.analyzer import Analyzer
from nlp.scorer import load_scorer
texts = json.load(sys.stdin)
analyzer = Analyzer(load_scorer(os.environ.get("TINGFENG_MODEL")))
analyzer.score(texts)
start = time.perf_counter()
analyzer.score(texts)
print(len(texts) / (time.perf_counter() - start))
"""


class Process:
    """A service in a process of its own, ready."""

    def __init__(self, command: list[str], port: int, **env: str) -> None:
        self.port = port
        start = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | env, stderr=subprocess.DEVNULL
        )
        while not self._ready():
            if self._process.poll() is not None:
                raise SystemExit(f"expected {command} to serve, found it ended; run it by hand")
            time.sleep(0.02)
        self.start_s = time.perf_counter() - start

    def rss_mb(self, what: str = "VmRSS") -> float:
        """Memory, or with VmHWM its peak."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))

    def stop(self) -> tuple[int, float]:
        """Exit code and seconds after a stop signal."""
        start = time.perf_counter()
        self._process.terminate()
        return self._process.wait(60), time.perf_counter() - start

    def _ready(self) -> bool:
        try:
            return (
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status
                == 200
            )
        except OSError:
            return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each step")
    parser.add_argument("--first-rate", type=float, default=20.0)
    parser.add_argument("--max-rate", type=float, default=5_000.0)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--phases", default="limit,overload,mixed,slow,drops")
    parser.add_argument("--job-rows", type=int, default=100_000)
    parser.add_argument("--soak-seconds", type=float, default=600.0)
    parser.add_argument("--peer", default="random", help="none, random, or a model folder")
    options = parser.parse_args()
    asked = options.phases.split(",")
    if unknown := set(asked) - set(PHASES):
        parser.error(f"--phases: expected some of {', '.join(PHASES)}, found {', '.join(unknown)}")
    texts = lognormal_texts(options.texts)
    found: dict[str, Any] = {"batch_per_s": round(batch_rate(texts), 1)}
    print(f"batch mode: {found['batch_per_s']:,.0f} comments/s of {len(texts):,} texts\n")
    with tempfile.TemporaryDirectory() as home:
        service = serve(home)
        found["tingfeng"] = asyncio.run(run_phases(service, texts, asked, options))
        code, seconds = service.stop()
        found["stop"] = {"exit_code": code, "seconds": round(seconds, 2)}
    if options.peer != "none":
        port = free_port()
        folder = [] if options.peer == "random" else [options.peer]
        peer = Process([sys.executable, "-m", "benchmarks.load_peer", str(port), *folder], port)
        found["peer"] = asyncio.run(run_phases(peer, texts, ["limit"], options))
        peer.stop()
    print_table(found)
    print(json.dumps(finite(found)))


def serve(home: str) -> Process:
    """The service as users start it, with the cache off and no line per call."""
    port = free_port()
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", str(port)]
    return Process(
        command, port, TINGFENG_HOME=home, TINGFENG_CACHE_BYTES="0", TINGFENG_LOG_LEVEL="warning"
    )


async def run_phases(
    process: Process, texts: list[str], phases: list[str], options: Any
) -> dict[str, Any]:
    """The figures of each phase."""
    client = Client(process.port, "/v1/analyze")
    found: dict[str, Any] = {"start_s": round(process.start_s, 2)}
    found["limit"] = limit = await find_limit(client, texts, options)
    rate = limit["rate"]
    found["rss_mb"] = round(process.rss_mb())
    if "overload" in phases:
        found["overload"] = await overload(process, client, texts, rate, options.seconds)
    if "mixed" in phases:
        found["mixed"] = await mixed(process, client, texts, rate / 2, options)
    if "slow" in phases:
        slow = asyncio.ensure_future(crawl(process.port, 200, options.seconds))
        driven = await drive(client, texts, rate=0.9 * rate, seconds=options.seconds, seed=41)
        found["slow"] = shown(driven) | {"closed_of_200": await slow}
    if "drops" in phases:
        driven = await drive(
            client, texts, rate=rate, seconds=options.seconds, seed=42, drop_share=0.3
        )
        found["drops"] = shown(driven) | {
            "dropped": driven.dropped,
            "rss_mb": round(process.rss_mb()),
        }
    if "soak" in phases:
        found["soak"] = await soak(process, client, texts, 0.7 * rate, options.soak_seconds)
    client.close()
    found["peak_rss_mb"] = round(process.rss_mb("VmHWM"))
    return found


async def find_limit(client: Client, texts: list[str], options: Any) -> dict[str, Any]:
    """The highest rate that holds three times in a row."""
    rate, best = options.first_rate, 0.0
    while rate <= options.max_rate:
        driven = await drive(client, texts, rate=rate, seconds=options.seconds, seed=round(rate))
        print(
            f"  {rate:7.0f}/s  p50 {driven.percentile(50, 200):7.1f}  p99 {driven.percentile(99, 200):7.1f} ms"
            f"  200: {driven.count(200)}  429: {driven.count(429)}  other: {driven.others()}"
        )
        if not holds(driven):
            break
        best, rate = rate, rate * STEP
    while best >= 1:
        passes = [
            await drive(client, texts, rate=best, seconds=options.seconds, seed=i)
            for i in range(PASSES)
        ]
        if all(map(holds, passes)):
            return {"rate": round(best, 1), **shown(passes[-1])}
        best /= STEP
    return {"rate": 1.0, "held": False}


def holds(driven: Driven) -> bool:
    """p99 within the bound and nothing but 200."""
    return driven.percentile(99, 200) <= P99_MS and driven.count(200) == len(driven.answers)


async def overload(
    process: Process, client: Client, texts: list[str], rate: float, seconds: float
) -> dict[str, Any]:
    """Three times the limit, then the limit again."""
    before, health, stop = process.rss_mb(), list[float](), asyncio.Event()
    watching = asyncio.ensure_future(watch_health(process.port, stop, health))
    driven = await drive(client, texts, rate=3 * rate, seconds=seconds, seed=31)
    stop.set()
    await watching
    after = await drive(client, texts, rate=rate, seconds=max(10.0, seconds / 3), seed=32)
    slow = [a.due_s for a in after.answers if a.status != 200 or 1000 * a.took_s > P99_MS]
    return shown(driven) | {
        "goodput_share": round(driven.count(200) / seconds / rate, 3),
        "refused_p50_ms": round(driven.percentile(50, 429), 1),
        "refused_p99_ms": round(driven.percentile(99, 429), 1),
        "health_p99_ms": round(float(np.percentile(health, 99)), 1),
        "rss_growth_mb": round(process.rss_mb() - before, 1),
        "recovery_s": round(_last_but_one_percent(slow, len(after.answers)), 1),
    }


def _last_but_one_percent(slow: list[float], answers: int) -> float:
    """When the last slow call was due, leaving out as many as p99 allows anyway."""
    kept = sorted(slow)[: max(0, len(slow) - answers // 100)]
    return kept[-1] if kept else 0.0


async def mixed(
    process: Process, client: Client, texts: list[str], rate: float, options: Any
) -> dict[str, Any]:
    """Calls beside a job; the job alone before."""
    body = "".join(
        json.dumps(
            {"comment_id": str(i), "text": texts[i % len(texts)] + str(i)}, ensure_ascii=False
        )
        + "\n"
        for i in range(options.job_rows)
    ).encode()
    alone = await asyncio.to_thread(_job_rate, process.port, body, None)
    done = asyncio.Event()
    beside = asyncio.ensure_future(asyncio.to_thread(_job_rate, process.port, body, done))
    driven = await drive(client, texts, rate=rate, seconds=options.seconds, seed=33)
    done.set()
    share = await beside / alone
    return shown(driven) | {"job_rows_per_s_alone": round(alone, 1), "job_share": round(share, 3)}


def _job_rate(port: int, body: bytes, until: asyncio.Event | None) -> float:
    """Rows a second of a job to its end, or until told, counted from its first window on."""
    base = f"http://127.0.0.1:{port}/v1/jobs"
    request = urllib.request.Request(base, body, {"Content-Type": "application/x-ndjson"})
    job = json.load(urllib.request.urlopen(request))
    first: tuple[float, int] | None = None
    while True:
        job = json.load(urllib.request.urlopen(f"{base}/{job['id']}"))
        now, rows = time.perf_counter(), job["rows_done"]
        if rows and first is None:
            first = (now, rows)
        if job["status"] in ("done", "failed") or (until is not None and until.is_set()):
            urllib.request.urlopen(urllib.request.Request(f"{base}/{job['id']}", method="DELETE"))
            if first is None or rows == first[1]:
                return float("nan")  # too short to tell: give more rows or seconds
            return (rows - first[1]) / (now - first[0])
        time.sleep(0.05)


async def soak(
    process: Process, client: Client, texts: list[str], rate: float, seconds: float
) -> dict[str, Any]:
    """Memory and p99 over a long time, the first tenth left out."""
    memory: list[float] = []
    driven = await drive(
        client,
        texts,
        rate=rate,
        seconds=seconds,
        seed=34,
        beside=lambda: memory.append(process.rss_mb()),
    )
    kept = memory[len(memory) // 10 :]
    slope = np.polyfit(np.arange(len(kept)) / 60, kept, 1)[0] if len(kept) > 1 else float("nan")
    halves = [
        [a.took_s for a in driven.answers if (a.due_s < seconds / 2) == first]
        for first in (True, False)
    ]
    drift = np.percentile(halves[1], 99) / np.percentile(halves[0], 99) - 1
    return shown(driven) | {
        "rss_mb_per_min": round(float(slope), 2),
        "p99_drift": round(float(drift), 3),
    }


def shown(driven: Driven) -> dict[str, Any]:
    """The figures of a drive."""
    return {
        "p50_ms": round(driven.percentile(50, 200), 1),
        "p99_ms": round(driven.percentile(99, 200), 1),
        "answered": driven.count(200),
        "refused": driven.count(429),
        "other": driven.others(),
    }


def finite(value: Any) -> Any:
    """Without the numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def print_table(found: dict[str, Any]) -> None:
    print(
        "\n| service | single comments/s at p99 <= 100 ms | p50 ms | of batch mode | memory MB | start s |\n|---|---|---|---|---|---|"
    )
    for name in ("tingfeng", "peer"):
        if name in found:
            one = found[name]
            share = one["limit"]["rate"] / found["batch_per_s"]
            print(
                f"| {name} | {one['limit']['rate']:.0f} | {one['limit'].get('p50_ms', '-')} | {share:.0%} | {one['rss_mb']} | {one['start_s']} |"
            )
    for name, figures in found["tingfeng"].items():
        if isinstance(figures, dict):
            print(f"\n{name}: " + ", ".join(f"{k} {v}" for k, v in figures.items()))
    print(f"\nstop: exit code {found['stop']['exit_code']} after {found['stop']['seconds']} s\n")


def lognormal_texts(count: int) -> list[str]:
    """Distinct texts cut from the written corpus to the lengths of real comments."""
    chosen = random.Random(1)
    source = "，".join(row["text"] for row in read_corpus())
    found: dict[str, None] = {}
    while len(found) < count:
        length = min(500, max(2, round(chosen.lognormvariate(np.log(18), 1.05))))
        at = chosen.randrange(len(source) - length)
        found[source[at : at + length]] = None
    return list(found)


def batch_rate(texts: list[str]) -> float:
    """Comments a second in one call, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", BATCH],
        input=json.dumps(texts),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
