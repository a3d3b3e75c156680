"""Stores of earlier releases brought to this one's layout, step by step, losing nothing.

A step belongs to the version it starts from and only adds; all steps run in the transaction in
which the store is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from profiles.store.ddl import create_statement
from profiles.store.tables import IDENTITY, RESULTS, SCHEMA_VERSION

STEPS: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        1: tuple(create_statement(name) for name in IDENTITY),
        2: tuple(create_statement(name) for name in ("campaigns", "feedback", *RESULTS)),
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
