"""Incidents a page at a time, newest first, filtered inside SQLite: the rest is never read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from serving.alerts.incidents import Incident
from serving.alerts.journal import Journal
from serving.alerts.notice import Severity
from serving.alerts.rules import DIMENSIONS
from serving.errors import UsageError

State = Literal["open", "closed", "acknowledged", "held"]
NAMES: Final = (*DIMENSIONS, "source")
CURSOR: Final = r"^\d{1,12}-inc-[0-9a-f]{12}$"
# open is everything not closed, acknowledged and held ones among them
_STATES: Final[Mapping[State, str]] = {
    "open": "closed_at IS NULL",
    "closed": "closed_at IS NOT NULL",
    "acknowledged": "closed_at IS NULL AND json_extract(document, '$.acknowledged_by') IS NOT NULL",
    "held": "closed_at IS NULL AND json_extract(document, '$.held') IS NOT NULL",
}


@dataclass(frozen=True, kw_only=True)
class IncidentQuery:
    """Which incidents; ``key`` are dimensions with the values they must have, ``since`` seconds."""

    state: State | None = None
    severity: Severity | None = None
    key: Mapping[str, str] = field(default_factory=dict)
    since: int | None = None
    cursor: str | None = None
    limit: int = 50


def incident_page(journal: Journal, query: IncidentQuery) -> tuple[list[Incident], str | None]:
    """Up to ``limit`` incidents, and the cursor of the following page or None.

    Raises:
        UsageError: an unknown dimension, or a cursor of another form.
    """
    conditions, values = _conditions(query)
    found = journal.select_incidents(" AND ".join(conditions), values, query.limit + 1)
    page = found[: query.limit]
    more = f"{page[-1].opened_at}-{page[-1].id}" if len(found) > query.limit else None
    return page, more


def _conditions(query: IncidentQuery) -> tuple[list[str], list[Any]]:
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if query.state is not None:
        conditions.append(_STATES[query.state])
    if query.severity is not None:
        conditions.append("json_extract(document, '$.severity') = ?")
        values.append(query.severity)
    for name, value in query.key.items():
        if name not in NAMES:
            raise UsageError(f"key: expected one of {', '.join(NAMES)}, found another name")
        conditions.append(f"json_extract(document, '$.key.{name}') = ?")
        values.append(value)
    if query.since is not None:
        conditions.append("opened_at >= ?")
        values.append(query.since)
    if query.cursor is not None:
        if not re.fullmatch(CURSOR, query.cursor):
            raise UsageError("cursor: expected the next of the page before, found another form")
        at, _, name = query.cursor.partition("-")
        conditions.append("(opened_at < ? OR (opened_at = ? AND id > ?))")
        values += [int(at), int(at), name]
    return conditions, values
