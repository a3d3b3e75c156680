"""An open-loop load generator: calls leave at Poisson moments whether or not earlier ones are answered.

Latency counts from the moment a call was due, so a server that stalls is charged for every call that
it kept waiting. Plain asyncio sockets: a client library would cost more than the calls.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(kw_only=True)
class Answer:
    """One call: seconds since the start when it was due, seconds until answered, status (0: none)."""

    due_s: float
    took_s: float
    status: int


@dataclass(kw_only=True)
class Driven:
    """What one drive saw."""

    rate: float
    seconds: float
    answers: list[Answer] = field(default_factory=list)
    dropped: int = 0

    def took(self, *statuses: int) -> np.ndarray:
        """Milliseconds of the answers with these statuses."""
        return np.array([1000 * a.took_s for a in self.answers if a.status in statuses])

    def percentile(self, q: float, *statuses: int) -> float:
        """Of the milliseconds; infinite without any."""
        took = self.took(*statuses)
        return float(np.percentile(took, q)) if len(took) else float("inf")

    def count(self, *statuses: int) -> int:
        """Answers with these statuses."""
        return sum(a.status in statuses for a in self.answers)

    def others(self) -> int:
        """Answers that are neither 200 nor 429."""
        return len(self.answers) - self.count(200, 429)


class Client:
    """Keeps connections open and uses the last one that became free."""

    def __init__(self, port: int, path: str, headers: str = "") -> None:
        self._port, self._path, self._headers = port, path, headers
        self._free: list[Stream] = []

    async def call(self, text: str) -> int:
        """The status of one call."""
        body = json.dumps({"texts": [text]}, ensure_ascii=False).encode()
        return await self.send(_post(self._path, body, self._headers))

    async def send(self, raw: bytes) -> int:
        """The status of the answer to raw bytes; 0 when the connection broke or a text failed."""
        for fresh in (False, True):
            reader, writer = await self._stream(fresh)
            try:
                writer.write(raw)
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
            except (OSError, asyncio.IncompleteReadError):
                writer.close()
                continue
            if b"connection: close" in head.lower():
                writer.close()
            else:
                self._free.append((reader, writer))
            return 0 if b'"status":"error"' in body else int(head[9:12])
        return 0

    async def drop(self, text: str) -> None:
        """Sends a call and goes away."""
        body = json.dumps({"texts": [text]}, ensure_ascii=False).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_post(self._path, body, self._headers))
        await writer.drain()
        writer.close()

    def close(self) -> None:
        """Closes what is open."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()

    async def _stream(self, fresh: bool) -> Stream:
        if self._free and not fresh:
            return self._free.pop()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def drive(
    client: Client,
    texts: Sequence[str],
    *,
    rate: float,
    seconds: float,
    seed: int,
    drop_share: float = 0.0,
    beside: Callable[[], None] = lambda: None,
) -> Driven:
    """Calls at Poisson moments of a rate per second; ``beside`` is called about once a second."""
    chosen = random.Random(seed)
    driven, tasks = Driven(rate=rate, seconds=seconds), set[asyncio.Task[None]]()
    start, due_s, beside_s = time.perf_counter(), 0.0, 0.0
    while (due_s := due_s + chosen.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, due_s - (time.perf_counter() - start)))
        text = chosen.choice(texts)
        if chosen.random() < drop_share:
            driven.dropped += 1
            work = client.drop(text)
        else:
            work = _one(client, text, driven, start, due_s)
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if due_s - beside_s > 1:
            beside_s = due_s
            beside()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    return driven


async def _one(client: Client, text: str, driven: Driven, start: float, due_s: float) -> None:
    try:
        status = await client.call(text)
    except OSError:
        status = 0
    took_s = time.perf_counter() - start - due_s
    driven.answers.append(Answer(due_s=due_s, took_s=took_s, status=status))


async def watch_health(port: int, stop: asyncio.Event, took_ms: list[float]) -> None:
    """Asks /healthz ten times a second until told to stop."""
    client = Client(port, "")
    while not stop.is_set():
        start = time.perf_counter()
        await client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        took_ms.append(1000 * (time.perf_counter() - start))
        await asyncio.sleep(0.1)
    client.close()


async def crawl(port: int, count: int, seconds: float) -> int:
    """Connections that send a byte a second; gives how many the server has closed by the end."""
    raw = _post("/v1/analyze", b"{" * 4_000, "")

    async def one(silent: bool) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if silent:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and never reads
        end = time.perf_counter() + seconds
        at = 0
        while time.perf_counter() < end and not reader.at_eof() and not writer.is_closing():
            if not silent:
                writer.write(raw[at : at + 1])
                at += 1
            await asyncio.sleep(1)
        closed = reader.at_eof() or writer.is_closing()
        writer.close()
        return closed

    found = await asyncio.gather(*(one(i % 2 == 0) for i in range(count)), return_exceptions=True)
    return sum(f is True or isinstance(f, OSError) for f in found)


def _post(path: str, body: bytes, headers: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 : head.find(b"\r\n", at)]) if at >= 0 else 0
