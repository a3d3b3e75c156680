"""A stored dimension as of the moment asked for: what ages is brought up to it here.

A topic's weight is stored at its person's newest signal and halves from there on; the days since
the last order are counted. Absent members are left out.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from profiles.interest import HALF_LIFE_DAYS

_DAY_S: Final = 86_400
_KNOWN_ANYWAY: Final = frozenset(
    {"platform", "platforms", "region", "first_seen_at", "last_seen_at", "last_seen"}
)


def dimension(name: str, text: str, as_of: str) -> dict[str, Any]:
    """Return a stored dimension as of a moment (ISO 8601), without absent members."""
    members = json.loads(text)
    if members["n"] == 0 and name == "basic":
        members = {k: v for k, v in members.items() if k in {"n", *_KNOWN_ANYWAY}}
    if name in {"interest", "emotion"} and members["n"] == 0:
        members = {"n": 0}
    if name == "interest" and members.get("topics"):
        members["topics"] = _faded(members["topics"], members.get("last_seen"), as_of)
        members["half_life_days"] = HALF_LIFE_DAYS
    if name == "spending" and members.get("last_at"):
        days = _days(members["last_at"], as_of)
        members = {"n": members["n"], "recency_days": round(days, 2)} | members
    return {"as_of": as_of} | {k: v for k, v in members.items() if v is not None}


def _faded(topics: list[dict[str, Any]], since: str | None, as_of: str) -> list[dict[str, Any]]:
    left = 2 ** (-_days(since, as_of) / HALF_LIFE_DAYS) if since else 1.0
    return [{**topic, "weight": round(topic["weight"] * left, 6)} for topic in topics]


def _days(since: str, until: str) -> float:
    age = datetime.fromisoformat(until) - datetime.fromisoformat(since)
    return age.total_seconds() / _DAY_S
