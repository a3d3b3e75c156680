"""Results about the whole store: made once for each state of it, in the background, then kept.

A pass over all comments takes longer than an answer may; so a page waits for it a little, shows
what was known before where there is anything, and says so. Kept are numbers only, no comments and
no persons' texts, so that forgetting a person leaves nothing here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from serving.settings import Settings
from serving.stores import open_existing_store

WAIT_S: Final = 6.0
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Known(Generic[Result]):
    """A result with the state of the store that it is of."""

    value: Result
    state: str


class KeptResults:
    """By name: the newest result and what is being made; one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="kept")
        self._lock = threading.Lock()
        self._known: dict[str, Known[Any]] = {}
        self._making: dict[str, Future[Known[Any]]] = {}

    async def get(
        self, name: str, state: str, make: Callable[[Any], Result], *, wait_s: float = WAIT_S
    ) -> Known[Result] | None:
        """What ``make`` gives for the opened store: of this state, or older while it is made.

        None where nothing is known yet. Raises what ``make`` raised for this state.
        """
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.state == state:
                return known
            if name not in self._making:
                self._making[name] = self._threads.submit(self._make, name, state, make)
            future = self._making[name]
        waiting = asyncio.shield(asyncio.wrap_future(future))
        try:
            return await asyncio.wait_for(waiting, wait_s if known is None else wait_s / 3)
        except TimeoutError:
            return known

    def close(self) -> None:
        """Ends after what is being made."""
        self._threads.shutdown(cancel_futures=True)

    def _make(self, name: str, state: str, make: Callable[[Any], Any]) -> Known[Any]:
        try:
            with open_existing_store(self._settings) as store:
                found = Known(value=make(store), state=state)
            with self._lock:
                self._known[name] = found
            return found
        finally:
            with self._lock:
                self._making.pop(name, None)


def state_of(store: Any) -> str:
    """What changes with every load and refresh, and once a day: days pass without loads too."""
    return f"{store.count('runs')} {store.count('touched')} {datetime.now(UTC):%Y-%m-%d}"
