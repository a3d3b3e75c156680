"""Stores of earlier releases brought to this one's layout, step by step, losing nothing.

A step belongs to the version it starts from and only adds; all steps run in the transaction in
which the store is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from profiles.store.tables import CONTENT_TOPICS, IDENTITY, SCHEMA_VERSION

STEPS: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        1: tuple(f"CREATE TABLE {name} ({columns})" for name, columns in IDENTITY.items()),
        # profiles were written in another layout: the next refresh computes all of them
        2: (
            f"CREATE TABLE IF NOT EXISTS content_topics ({CONTENT_TOPICS})",
            "UPDATE runs SET verb = 'refresh (layout 2)' WHERE verb = 'refresh'",
        ),
    }
)


def migration(version: str | None) -> list[str]:
    """Return the statements from ``version`` to the present one; none where there is no way."""
    if version is None or not version.isdecimal() or int(version) not in STEPS:
        return []
    statements = [one for start in range(int(version), SCHEMA_VERSION) for one in STEPS[start]]
    return [
        *statements,
        f"UPDATE meta SET value = '{SCHEMA_VERSION}' WHERE name = 'schema_version'",
    ]
