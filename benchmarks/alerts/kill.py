"""kill -9 at random points of a watch: incidents lost, messages lost and repeated.

A watch with its journal, its outbox and a webhook on this machine goes through a prepared stream,
one life after the other, each forked from a warm server and killed at a random point: so many marks
of ``life`` after its beginning, or while the receiver has a message in hand, and up to ``JITTER_S``
later. What an undisturbed watch of the same stream tells is what must arrive.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather

from benchmarks.alerts import life
from serving.alerts.delivery.config import DeliveryConfig, parse_config
from serving.alerts.delivery.outbox import LEASE_S
from serving.alerts.journal import FILE, Journal
from serving.alerts.rules import Rules

JITTER_S = 0.02
PATIENCE_S = 300.0
_SECRET = "TINGFENG_BENCHMARK_SECRET"


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What kills did; repeats count the same dedup key again, by webhook and by JSON lines."""

    kills: int
    points: Counter[str]  # where they fell
    incidents: int
    lost_incidents: int
    messages: int
    lost_messages: int
    unwanted_messages: int  # with dedup keys that the undisturbed watch does not know
    repeated: dict[str, int]
    most_repeats_of_a_kill: int
    seconds: float


@dataclass
class Run:
    """One stream in one folder, life after life; ``heard`` are (life, dedup key) as they came."""

    folder: Path
    rows: int
    rules: Rules
    lives: int = 0
    heard: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {"webhook": [], "JSON lines": []}
    )
    incidents: set[str] = field(default_factory=set)
    marks: queue.Queue[str | None] = field(default_factory=queue.Queue)
    _read_bytes: int = 0

    def hear(self, body: bytes) -> None:
        """The webhook got a message."""
        document = json.loads(body)
        self.heard["webhook"].append((self.lives, document["dedup_key"]))
        self.marks.put("received")

    def next_life(self, channels: DeliveryConfig, kill_after: tuple[int, float] | None) -> str:
        """Lives until it is killed or through; the last mark, or ``through``."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.alerts.life"])
        ours, theirs = context.Pipe(duplex=False)
        ahead_s = self.lives * (LEASE_S + 1)
        given = (self.folder, self.rows, self.rules, channels, ahead_s, theirs)
        process = context.Process(target=life.live, args=given)
        process.start()
        theirs.close()
        reader = threading.Thread(target=self._pump, args=(ours,))
        reader.start()
        last = self._until(kill_after)
        if last != "through" and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
        process.join(PATIENCE_S)
        reader.join(PATIENCE_S)
        if process.exitcode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"expected a life without faults, found exit {process.exitcode}")
        self.marks = queue.Queue()
        self._note()
        self.lives += 1
        return "through" if process.exitcode == 0 else last

    def _pump(self, pipe: Any) -> None:
        marks = self.marks
        try:
            while True:
                marks.put(pipe.recv())
        except EOFError:
            marks.put(None)

    def _until(self, kill_after: tuple[int, float] | None) -> str:
        passed = 0
        while (mark := self.marks.get(timeout=PATIENCE_S)) is not None:
            if kill_after is not None and passed >= kill_after[0]:
                time.sleep(kill_after[1])
                return mark
            passed += 1
        return "through"

    def _note(self) -> None:
        """The JSON lines of this life, and the incidents that are kept; a torn line is no message."""
        path = self.folder / life.TOLD
        if path.exists():
            news = path.read_bytes()[self._read_bytes :]
            self._read_bytes += len(news)
            for line in news.decode("utf-8", "replace").split("\n"):
                with_key = _message(line)
                if with_key is not None:
                    self.heard["JSON lines"].append((self.lives, with_key))
        with Journal(self.folder / FILE) as journal:
            self.incidents = {one.id for one in journal.incidents()}

    def keys(self) -> set[str]:
        """Every message that arrived by both ways."""
        by_way = [{key for _, key in heard} for heard in self.heard.values()]
        return by_way[0] & by_way[1]

    def repeats(self) -> tuple[dict[str, int], Counter[int]]:
        """Messages that came again, by way; and by the life whose end made them."""
        by_way: dict[str, int] = {}
        by_life: Counter[int] = Counter()
        for way, heard in self.heard.items():
            before: dict[str, int] = {}
            own: Counter[int] = Counter()
            for number, key in heard:
                if key in before:
                    own[before[key]] += 1
                before[key] = number
            by_way[way] = own.total()
            by_life |= own
        return by_way, by_life


def _message(line: str) -> str | None:
    """The dedup key of a line; one torn by a kill is left out, its message comes again."""
    try:
        found: str = json.loads(line[max(line.rfind('{"kind"'), 0) :])["dedup_key"]
        return found
    except (ValueError, KeyError, TypeError):
        return None


def kill_at_random(stream: pa.Table, rules: Rules, *, kills: int, rows: int, seed: int) -> Killed:
    """So many kills, spread over as many passages of the stream as they need.

    ``stream`` are watched comments sorted by time, ``rows`` how many a pass reads.
    """
    begun = time.perf_counter()
    dice = random.Random(seed)
    points: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="tingfeng-") as name:
        plain = _run(stream, Path(name) / "plain", rows, rules)
        with _receiver(plain) as channels:
            plain.next_life(channels, None)
        per_life = max(2, round(2.5 * _marks(plain, stream, rows) / max(kills, 1)))
        runs: list[Run] = []
        while points.total() < kills or not runs:
            run = _run(stream, Path(name) / f"run-{len(runs)}", rows, rules)
            runs.append(run)
            with _receiver(run) as channels:
                while True:
                    after = (dice.randrange(per_life), dice.uniform(0, JITTER_S))
                    end = run.next_life(channels, after if points.total() < kills else None)
                    if end == "through":
                        break
                    points[end] += 1
    return _summed(plain, runs, points, time.perf_counter() - begun)


def _summed(plain: Run, runs: list[Run], points: Counter[str], seconds: float) -> Killed:
    repeated: Counter[str] = Counter()
    most = 0
    for run in runs:
        by_way, by_life = run.repeats()
        repeated.update(by_way)
        most = max(most, *by_life.values(), 0)
    return Killed(
        kills=points.total(),
        points=points,
        incidents=len(plain.incidents) * len(runs),
        lost_incidents=sum(len(plain.incidents - run.incidents) for run in runs),
        messages=len(plain.keys()) * len(runs),
        lost_messages=sum(len(plain.keys() - run.keys()) for run in runs),
        unwanted_messages=sum(len(run.keys() - plain.keys()) for run in runs),
        repeated=dict(repeated),
        most_repeats_of_a_kill=most,
        seconds=seconds,
    )


def _marks(plain: Run, stream: pa.Table, rows: int) -> int:
    """About how many marks an undisturbed run passes."""
    return int(3 * -(-stream.num_rows // rows) + 2 * len(plain.heard["webhook"]))


def _run(stream: pa.Table, folder: Path, rows: int, rules: Rules) -> Run:
    folder.mkdir()
    feather.write_feather(stream, folder / life.STREAM)
    return Run(folder=folder, rows=rows, rules=rules)


@contextmanager
def _receiver(run: Run) -> Iterator[DeliveryConfig]:
    """A webhook on this machine, described as a channel."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            run.hear(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self.send_response(204)
                self.end_headers()
            except OSError:  # killed meanwhile
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    os.environ[_SECRET] = "0123456789abcdef"
    host = f"127.0.0.1:{server.server_address[1]}"
    hook = {
        "kind": "webhook",
        "url": f"http://{host}/",
        "secret": f"env:{_SECRET}",
        "per_minute": 10_000,
    }
    try:
        yield parse_config({"channels": {"desk": hook}, "internal_receivers": [host]}, "benchmark")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
