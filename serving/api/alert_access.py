"""Calls on what alerts remember, from the event loop; the file is opened for each of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Final, TypeVar

from serving.alerts.actions import UnknownSilenceError
from serving.alerts.health import WatchHealth, watch_health
from serving.alerts.journal import FILE, Journal, UnknownIncidentError
from serving.api.errors import ApiError
from serving.api.store_access import StoreAccess
from serving.errors import ServingError
from serving.settings import Settings

WAIT_S: Final = 5.0  # a pass of the watch holds the write lock for some tenths of a second
Result = TypeVar("Result")


class AlertAccess:
    """The journal of ``tingfeng alerts watch``, which is another process."""

    def __init__(self, settings: Settings, store: StoreAccess) -> None:
        self._path = settings.home / FILE
        self._run = store.run

    async def call(self, job: Callable[[Journal], Result]) -> Result:
        """What ``job`` gives for the opened journal.

        Raises:
            ApiError: 404 for an unknown incident or silence; 503 when the file is locked for long
                or not usable; 429 when too many calls wait already.
        """
        return await self._run(lambda: self._opened(job))

    async def health(self) -> WatchHealth:
        """How the watch is doing; raises nothing."""
        if not self._path.exists():
            return WatchHealth(status="absent")
        try:
            return await self.call(lambda journal: watch_health(journal, time.time()))
        except ApiError:
            return WatchHealth(status="unknown")

    def _opened(self, job: Callable[[Journal], Result]) -> Result:
        try:
            with Journal(self._path, wait_s=WAIT_S) as journal:
                return job(journal)
        except (UnknownIncidentError, UnknownSilenceError) as error:
            message = "expected a known id, found none such"
            raise ApiError(404, "not_found", message, "see the list for the ids") from error
        except (ServingError, sqlite3.Error) as error:
            message = "expected the alerts' file to answer, found it in use, or not usable"
            hint = "try again in a moment"
            raise ApiError(503, "store_unavailable", message, hint, retry_after_s=5) from error
