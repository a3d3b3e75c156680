"""Numbers that JSON does not have."""

from __future__ import annotations

from typing import Any


def finite(value: Any) -> Any:
    """The value with names as text, and null for every number in it that is not finite."""
    if isinstance(value, dict):
        return {str(name): finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [finite(member) for member in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value
