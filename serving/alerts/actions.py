"""What people do with incidents: acknowledge, assign, silence. Each is one transaction."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Final

from serving.alerts.dispatch import Silence
from serving.alerts.journal import Journal
from serving.alerts.rules import DIMENSIONS
from serving.errors import ServingError, UsageError

MATCHABLE: Final = (*DIMENSIONS, "incident", "severity")


class UnknownSilenceError(ServingError):
    """There is no such silence."""


def acknowledge(journal: Journal, name: str, by: str, now: int) -> str:
    """The incident's id, now acknowledged. Raises: ServingError where there is none."""
    with journal.changed_incident(name) as incident:
        incident.acknowledged_by = by
        incident.note(now, "acknowledged", by)
    return incident.id


def assign(journal: Journal, name: str, to: str, now: int) -> str:
    """The incident's id, now somebody's. Raises: ServingError where there is none."""
    with journal.changed_incident(name) as incident:
        incident.assigned_to = to
        incident.note(now, "assigned", to)
    return incident.id


def end_silence(journal: Journal, name: str, now: int, *, tenant: str | None = None) -> Silence:
    """The silence, over from now on; one that is over stays as it was.

    With a ``tenant`` only one that matches its incidents alone.

    Raises:
        UnknownSilenceError: there is none of that id.
    """
    with journal.transaction():
        known = {
            one.id: one
            for one in journal.silences()
            if tenant is None or one.matchers.get("tenant") == tenant
        }
        if name not in known:
            raise UnknownSilenceError(
                f"expected a silence {name!r}, found none; see tingfeng alerts silences"
            )
        ended = replace(known[name], ends=min(known[name].ends, now))
        journal.add_silence(ended)
    return ended


def add_silence(
    journal: Journal, matchers: dict[str, str], *, minutes: float, by: str, why: str, now: int
) -> Silence:
    """A silence from now on.

    Raises:
        UsageError: no matcher, an unknown name, or no time.
    """
    unknown = [name for name in matchers if name not in MATCHABLE]
    if unknown or not matchers:
        found = ", ".join(unknown) or "none"
        raise UsageError(f"silence: expected matchers of {', '.join(MATCHABLE)}, found {found}")
    if minutes <= 0:
        raise UsageError(f"silence: expected minutes above 0, found {minutes:g}; correct it")
    told = json.dumps([matchers, now, minutes, by], sort_keys=True)
    made = Silence(
        id="sil-" + hashlib.sha256(told.encode()).hexdigest()[:12],
        matchers=matchers,
        starts=now,
        ends=now + int(minutes * 60),
        by=by,
        why=why,
    )
    with journal.transaction():
        journal.add_silence(made)
    return made
