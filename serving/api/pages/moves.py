"""Whose interest has moved, kept for the pages of persons: a sentence per person who did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from profiles.bench import lent_for_reading
from profiles.drift import read_drift
from profiles.drift_rows import drift_sentence
from profiles.read import last_refresh


@dataclass(frozen=True, kw_only=True)
class Moves:
    """``sentences`` by person id; ``tested`` persons had enough signals to say, these included."""

    sentences: dict[str, str]
    tested: frozenset[str]


def read_moves(store: Any) -> Moves:
    """Who has moved as of the last refresh, else as of now."""
    as_of = last_refresh(store) or datetime.now(UTC)
    with lent_for_reading(store, ("comments", "events")) as here:
        found = read_drift(here, as_of)
    return Moves(
        sentences={row["person_id"]: drift_sentence(row) for row in found.movers()},
        tested=frozenset(found.table["person_id"].to_pylist()),
    )
