"""Calls on the store from the event loop: a few threads, a bounded line, one writer at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from serving.api.errors import ApiError
from serving.settings import Settings
from serving.stores import NoStoreError, open_existing_store, open_or_create_store

LINE_PER_THREAD: Final = 16  # calls that may wait for a thread
CHECK_EVERY_S: Final = 2.0
Result = TypeVar("Result")


class StoreAccess:
    """Opens the configured store for each call, so that other processes have their turn."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.store_threads, thread_name_prefix="store")
        self._most = LINE_PER_THREAD * settings.store_threads
        self._waiting = 0
        self._writing = threading.Lock()
        self._checked: tuple[float, str] = (-CHECK_EVERY_S, "")

    async def read(self, job: Callable[[Any], Result]) -> Result:
        """What ``job`` gives for the opened store.

        Raises:
            NoStoreError: there is none yet.
            ProfilesError: it cannot be opened or answered.
            ApiError: 429 when too many calls wait already.
        """
        return await self.run(lambda: self._with(open_existing_store(self._settings), job))

    async def write(self, job: Callable[[Any], Result]) -> Result:
        """The same, one at a time, making the store where there is none."""

        def alone() -> Result:
            with self._writing:
                return self._with(open_or_create_store(self._settings), job)

        return await self.run(alone)

    async def change(self, job: Callable[[Any], Result]) -> Result:
        """As ``read``, one writer at a time."""

        def alone() -> Result:
            with self._writing:
                return self._with(open_existing_store(self._settings), job)

        return await self.run(alone)

    async def compute(self, job: Callable[[], Result]) -> Result:
        """What a job without the store gives, in the same threads and line."""
        return await self.run(job)

    async def state(self) -> str:
        """``ok``, ``absent`` (the first load makes it) or ``unreachable``; asked anew every 2 s."""
        since, known = self._checked
        if known and time.monotonic() - since < CHECK_EVERY_S:
            return known
        found = await self.run(self._look)
        self._checked = (time.monotonic(), found)
        return found

    def close(self) -> None:
        """Ends the threads after what they are at."""
        self._threads.shutdown()

    def _look(self) -> str:
        try:
            self._with(open_existing_store(self._settings), lambda _: None)
        except NoStoreError:
            return "absent"
        except Exception:
            return "unreachable"
        return "ok"

    async def run(self, job: Callable[[], Result]) -> Result:
        """What ``job`` gives, in a thread of the store. Raises: ApiError 429 as above."""
        if self._waiting >= self._most:
            raise ApiError(
                429,
                "overloaded",
                f"expected at most {self._most} calls waiting for the store, found as many",
                "try again after Retry-After",
                retry_after_s=1,
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        finally:
            self._waiting -= 1

    @staticmethod
    def _with(store: AbstractContextManager[Any], job: Callable[[Any], Result]) -> Result:
        with store as opened:
            return job(opened)
