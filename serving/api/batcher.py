"""The queue in front of the model: windows of a token budget, no timer, refusals at the door.

While one window is scored the next gathers, so a lone text never waits for company. Calls go by
*virtual finish*: arrival plus the time that the call alone would take; small calls overtake large
ones, and no call waits for ever. As many threads score as the model computes on; what waits is
shared among those that are idle. A failure never ends one.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from nlp.analyzer import Analyzer
from serving.api.admission import RateModel, text_cost
from serving.api.cache import ResultCache
from serving.api.errors import ApiError
from serving.api.metrics import Metrics
from serving.api.results import blank_json, results_json

STUCK_S: Final = 10.0  # one window has never taken as long
PATIENCE: Final = 4.0  # a call may wait this many times the time it takes by itself
log = logging.getLogger("tingfeng.api")


@dataclass(eq=False, kw_only=True)
class Call:
    """The texts of one request that are not in the cache; ``future`` gives their results."""

    texts: Sequence[str]
    arrived: float  # monotonic, as are the next two
    deadline: float = 0.0
    finish: float = 0.0  # virtual
    future: Future[list[bytes]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.costs = [text_cost(text) for text in self.texts]
        self.cost = self.left = sum(self.costs)  # tokens: in all, not yet in a window
        self.results: list[bytes | None] = [None] * len(self.texts)
        self.next, self.missing = 0, len(self.texts)

    def set(self, at: int, result: bytes) -> None:
        """Takes a result; the last one answers the call."""
        self.results[at] = result
        self.missing -= 1
        if not self.missing and self.future.set_running_or_notify_cancel():
            self.future.set_result([r for r in self.results if r is not None])


Window = list[tuple[Call, int]]


class Batcher:
    """Scores calls with an analyzer; ``submit`` may be called from any thread."""

    def __init__(
        self,
        analyzer: Analyzer,
        cache: ResultCache,
        metrics: Metrics,
        *,
        window_tokens: int,
        max_tokens: int,
        wait_s: float,
        deadline_s: float,
        longest_s: float,
        workers: int = 1,
    ) -> None:
        self._analyzer, self._cache, self._metrics = analyzer, cache, metrics
        self._window_tokens, self._max_tokens, self._wait_s = window_tokens, max_tokens, wait_s
        self._deadline_s, self._longest_s = deadline_s, longest_s
        self.rate = RateModel()
        self._error = blank_json("error", analyzer.scorer.model_version)
        self._ready = threading.Condition()
        self._heap: list[tuple[float, int, Call]] = []
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._number = self.queued_tokens = 0
        self._running: dict[int, tuple[float, int]] = {}  # by worker: since when, tokens
        self.heartbeat = time.time()

    def submit(self, texts: Sequence[str], deadline_s: float | None) -> Call:
        """Queues normalised texts with content.

        Without a deadline the default one decides over admission (more for a call that takes long
        by itself), a call is never refused while nothing waits, and once admitted it is kept.

        Raises:
            ApiError: 429 when the predicted wait is too long, 503 when stopping or stuck.
        """
        now = time.monotonic()
        call = Call(texts=texts, arrived=now)
        with self._ready:
            self._check(call, deadline_s)
            self._number += 1
            heapq.heappush(self._heap, (call.finish, self._number, call))
            self.queued_tokens += call.cost
            self._start()
            self._ready.notify()
        return call

    def wait_s(self, cost: int = 0, now: float | None = None) -> float:
        """Predicted wait of a call of that many tokens that came now."""
        now = time.monotonic() if now is None else now
        finish = now + self.rate.seconds(cost, self._window_tokens)
        ahead = sum(call.left for virtual, _, call in list(self._heap) if virtual <= finish)
        running = list(self._running.values())
        left = 0.0
        if len(running) >= self._workers:
            ends = [s + self.rate.seconds(n, self._window_tokens) for s, n in running]
            left = max(0.0, min(ends) - now)
        return left + self.rate.seconds(ahead, self._window_tokens) / self._workers

    def overloaded(self) -> float | None:
        """The wait in seconds when even the smallest call would be refused, else None."""
        wait = self.wait_s() if self._heap else 0.0
        return wait if wait > self._wait_s else None

    def stuck(self) -> bool:
        """Whether the model has been at one window for longer than any takes."""
        return self.stuck_s() > STUCK_S

    def stuck_s(self) -> float:
        """Seconds since the oldest window that is being scored began; 0 when idle."""
        running = list(self._running.values())
        return time.monotonic() - min(running)[0] if running else 0.0

    def close(self, timeout_s: float = 20.0) -> None:
        """Scores what is queued, then ends the threads."""
        with self._ready:
            self._stopping = True
            self._ready.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _check(self, call: Call, deadline_s: float | None) -> None:
        if self._stopping or self.stuck():
            what = "shutting down" if self._stopping else "not getting answers from the model"
            raise ApiError(
                503,
                "unavailable",
                f"the service is {what}",
                "try again in a moment",
                retry_after_s=5,
            )
        own_s = self.rate.seconds(call.cost, self._window_tokens)
        default_s = max(self._deadline_s, PATIENCE * own_s)
        total_s = default_s if deadline_s is None else deadline_s
        kept_s = self._longest_s if deadline_s is None else min(deadline_s, self._longest_s)
        call.finish, call.deadline = call.arrived + own_s, call.arrived + kept_s
        if not self._heap and deadline_s is None:
            return
        wait_s = self.wait_s(call.cost, call.arrived)
        late = wait_s > max(self._wait_s, PATIENCE * own_s) or wait_s + own_s > total_s
        if late or self.queued_tokens + call.cost > self._max_tokens:
            raise self.refusal(wait_s)

    def refusal(self, wait_s: float) -> ApiError:
        """The 429 that goes with a predicted wait."""
        self._metrics.rejected.labels("overloaded").inc()
        return ApiError(
            429,
            "overloaded",
            f"expected a wait of at most {1000 * self._wait_s:.0f} ms, predicted "
            f"{1000 * wait_s:.0f} ms",
            "try again after Retry-After; give large texts to POST /v1/jobs",
            retry_after_s=wait_s,
        )

    def _start(self) -> None:
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._loop, args=(at,), name="scoring", daemon=True)
                for at in range(self._workers)
            ]
            for thread in self._threads:
                thread.start()

    def _loop(self, worker: int) -> None:
        while True:
            with self._ready:
                while not self._heap and not self._stopping:
                    self._ready.wait()
                if not self._heap:
                    return
                window, tokens = self._pop()
                if window:
                    self._running[worker] = (time.monotonic(), tokens)
            if window:
                found, seconds = self._score(window, tokens)
                del self._running[worker]
                for call, at in window:
                    call.set(at, found.get(call.texts[at], self._error))
                self.rate.observe(tokens, seconds)
            self.heartbeat = time.time()

    def _pop(self) -> tuple[Window, int]:
        """Texts up to the budget, at least one, and their tokens; gone and late calls are dropped.

        A worker leaves their share to the others that are idle.
        """
        window: Window = []
        now, tokens = time.monotonic(), 0
        idle = self._workers - len(self._running)
        budget = min(self._window_tokens, -(-self.queued_tokens // idle))
        while self._heap and tokens < budget:
            call = self._heap[0][2]
            if self._dropped(call, now):
                heapq.heappop(self._heap)
                self.queued_tokens -= call.left
                continue
            if not call.next:
                self._metrics.queue_seconds.observe(now - call.arrived)
            while call.next < len(call.texts):
                cost = call.costs[call.next]
                if window and tokens + cost > budget:
                    break
                window.append((call, call.next))
                call.next, call.left, tokens = call.next + 1, call.left - cost, tokens + cost
                self.queued_tokens -= cost
            if call.next < len(call.texts):
                break
            heapq.heappop(self._heap)
        return window, tokens

    def _dropped(self, call: Call, now: float) -> bool:
        if call.future.cancelled():
            self._metrics.rejected.labels("client_gone").inc()
            return True
        if call.deadline < now:
            self._metrics.rejected.labels("deadline").inc()
            call.future.cancel()
            return True
        return False

    def _score(self, window: Window, tokens: int) -> tuple[dict[str, bytes], float]:
        """The result of each text that can be scored, and the seconds it took."""
        start = time.perf_counter()
        unique = list(dict.fromkeys(call.texts[at] for call, at in window))
        try:
            found = self._results(unique)
        except Exception as error:  # of the code around the model: the thread goes on
            log.error("scoring failed", extra={"error": type(error).__name__})
            found = {}
        seconds = time.perf_counter() - start
        self._metrics.window(len(unique), tokens, seconds)
        return found, seconds

    def _results(self, unique: list[str]) -> dict[str, bytes]:
        """The result of each text; of those that cannot be scored, none (found by halving)."""
        try:
            results = results_json(self._analyzer.rows(unique))
        except Exception as error:
            if len(unique) > 1:
                half = len(unique) // 2
                return self._results(unique[:half]) | self._results(unique[half:])
            log.error("a text cannot be scored", extra={"error": type(error).__name__})
            return {}
        for text, result in zip(unique, results, strict=True):
            self._cache.put(text, result)
        return dict(zip(unique, results, strict=True))
