"""Incidents for pages, from the alerts' file; one that is not there is not made by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from serving.alerts.incidents import Incident
from serving.alerts.journal import FILE, Journal
from serving.settings import Settings

Result = TypeVar("Result")


async def all_incidents(settings: Settings) -> list[Incident]:
    """Every incident, newest first."""
    return await with_journal(settings, lambda journal: journal.incidents()) or []


async def open_incidents(settings: Settings) -> list[Incident]:
    """Those not closed, newest first."""
    return await with_journal(settings, lambda journal: journal.incidents(open_only=True)) or []


async def with_journal(settings: Settings, job: Callable[[Journal], Result]) -> Result | None:
    """What ``job`` gives for the opened file; None where nothing was ever watched."""
    path = settings.home / FILE

    def run() -> Result | None:
        if not path.exists():
            return None
        with Journal(path) as journal:
            return job(journal)

    return await asyncio.to_thread(run)
