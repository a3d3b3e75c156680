"""Texts of one call to results: normalise, look in the cache, queue the rest, put in order.

The event loop only ever waits: long texts are normalised in a thread, scoring has its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from nlp.normalize import has_content, is_cut, normalize
from serving.api.batcher import Batcher, Call
from serving.api.cache import ResultCache
from serving.api.errors import ApiError
from serving.api.metrics import Metrics
from serving.api.results import blank_json, marked_cut

QUICK_CHARS: Final = 512  # normalising more takes over a millisecond
LOOK_AFTER_S: Final = 0.01  # when to begin to look whether the client is still there
Receive = Callable[[], Awaitable[Any]]


class Scoring:
    """Scores with a batcher and a cache."""

    def __init__(
        self,
        batcher: Batcher,
        cache: ResultCache,
        metrics: Metrics,
        *,
        model_version: str,
    ) -> None:
        self._batcher, self._cache, self._metrics = batcher, cache, metrics
        self._empty = blank_json("empty", model_version)
        self._prepare = ThreadPoolExecutor(max_workers=1, thread_name_prefix="normalise")

    async def score(
        self, texts: Sequence[str | None], deadline_s: float | None, receive: Receive
    ) -> list[bytes]:
        """The JSON of each result, in order.

        Raises:
            ApiError: refused, too late, or the client is gone.
        """
        start = time.perf_counter()
        normalized = await self._normalized(texts)
        found = {text: self._known(text) for text in set(normalized)}
        self._metrics.prepare_seconds.observe(time.perf_counter() - start)
        misses = [text for text in dict.fromkeys(normalized) if found[text] is None]
        if misses:
            results = await self._scored(misses, deadline_s, receive)
            found.update(zip(misses, results, strict=True))
        ordered = [found[text] or self._empty for text in normalized]
        return self._finish(texts, ordered)

    def close(self) -> None:
        """Ends the threads once what is queued is scored."""
        self._batcher.close()
        self._prepare.shutdown()

    async def _normalized(self, texts: Sequence[str | None]) -> list[str]:
        if sum(len(text) for text in texts if text) <= QUICK_CHARS:
            return _normalize_all(texts)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._prepare, _normalize_all, texts)

    def _known(self, text: str) -> bytes | None:
        return self._cache.get(text) if has_content(text) else self._empty

    async def _scored(
        self, misses: list[str], deadline_s: float | None, receive: Receive
    ) -> list[bytes]:
        call = self._batcher.submit(misses, deadline_s)
        allowed_s = call.deadline - call.arrived
        answer = asyncio.ensure_future(asyncio.wrap_future(call.future))
        try:
            async with asyncio.timeout(allowed_s + 0.05):
                await self._answered(answer, receive)
                return await answer
        except (TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not call.future.cancelled():
                raise  # this request itself is being cancelled
            self._metrics.rejected.labels("late").inc()
            raise _late(allowed_s) from error
        finally:
            _let_go(call, answer)

    async def _answered(self, answer: asyncio.Future[list[bytes]], receive: Receive) -> None:
        """Returns when the answer is there; raises when the client has gone before."""
        await asyncio.wait([answer], timeout=LOOK_AFTER_S)
        if answer.done():
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            both: set[asyncio.Future[Any]] = {answer, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ApiError(499, "client_gone", "the client is gone", "nobody reads this")
        finally:
            gone.cancel()

    def _finish(self, texts: Sequence[str | None], results: list[bytes]) -> list[bytes]:
        count = {"ok": 0, "empty": 0, "error": 0}
        for at, text in enumerate(texts):
            if text is not None and is_cut(text):
                results[at] = marked_cut(results[at])
            count[results[at][11:16].split(b'"')[0].decode()] += 1  # {"status":"…
        for status, n in count.items():
            if n:
                self._metrics.texts.labels("api", status).inc(n)
        cut = sum(b'"truncated":true' in result for result in results)
        self._metrics.truncated.inc(cut)
        return results


def _normalize_all(texts: Sequence[str | None]) -> list[str]:
    return [normalize(text) if text else "" for text in texts]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _let_go(call: Call, answer: asyncio.Future[list[bytes]]) -> None:
    """Takes the call out of the queue unless it is answered."""
    if not call.future.done():
        call.future.cancel()
    if not answer.done():
        answer.cancel()


def _late(allowed_s: float) -> ApiError:
    return ApiError(
        503,
        "deadline_exceeded",
        f"expected a result within {1000 * allowed_s:.0f} ms, found none yet",
        "try again, send fewer texts a call, or allow more time in X-Deadline-Ms",
        retry_after_s=1,
    )
