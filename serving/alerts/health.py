"""How the watch is doing, from what its last pass kept: for those who watch the watcher."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from serving.alerts.heartbeat import KEY
from serving.alerts.journal import Journal

STALE_S: Final = 600.0  # without a pass, and three intervals between passes have gone by
WatchStatus = Literal["absent", "watching", "no_comments", "stale", "unknown"]


@dataclass(frozen=True, kw_only=True)
class WatchHealth:
    """Moments are seconds since 1970 or None; ``open`` counts incidents by severity.

    ``absent``: nothing was ever watched; ``no_comments``: the dead man's switch is an open
    incident; ``stale``: passes have stopped; ``unknown``: the file cannot be read now.
    """

    status: WatchStatus
    last_pass: int | None = None
    last_comment: int | None = None
    open: dict[str, int] = field(default_factory=dict)


def watch_health(journal: Journal, now: float) -> WatchHealth:
    """The state of the watch whose journal this is."""
    passed, came = journal.get("passed"), journal.get("last_comment")
    if passed is None:
        return WatchHealth(status="absent")
    still = journal.incidents(open_only=True)
    stale = now - passed > max(STALE_S, 3 * (journal.get("every_s") or 0))
    silent = any(one.key == KEY for one in still)
    return WatchHealth(
        status="stale" if stale else "no_comments" if silent else "watching",
        last_pass=passed,
        last_comment=came,
        open=dict(Counter(one.severity for one in still)),
    )
