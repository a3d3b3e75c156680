"""Stores of earlier releases brought to this one's layout, step by step, losing nothing.

A step belongs to the version it starts from and only adds; all steps run in the transaction in
which the store is opened. Steps name tables, and each engine makes them in its own
terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from profiles.store.tables import IDENTITY, PEOPLE, PRIVACY, RESULTS, SCHEMA_VERSION


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one version added: whole tables; and ``sql`` to run, for stores in a database."""

    tables: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()


STEPS: Final[Mapping[int, Step]] = MappingProxyType(
    {
        1: Step(tables=tuple(IDENTITY)),
        2: Step(
            tables=(
                *PRIVACY,
                "relations",
                "campaigns",
                "feedback",
                *RESULTS,
                *PEOPLE,
                "content_topics",
            ),
            # profiles were written in another layout: the next refresh computes all of them
            sql=("UPDATE runs SET verb = 'refresh (layout 2)' WHERE verb = 'refresh'",),
        ),
    }
)

# tables that came to the present version later, and what follows from them: who is who is asked
# anew, so that consents under former ids come to their persons
LATE: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "consent_decisions": Step(
            tables=("consent_decisions",),
            sql=("INSERT INTO touched (kind) VALUES ('identity')",),
        )
    }
)


def migration(version: str | None) -> list[Step]:
    """Return the steps from ``version`` to the present one; none where there is no way."""
    if version is None or not version.isdecimal() or int(version) not in STEPS:
        return []
    return [STEPS[start] for start in range(int(version), SCHEMA_VERSION)]
