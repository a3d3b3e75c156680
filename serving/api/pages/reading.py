"""What pages ask of stores and of addresses."""

from __future__ import annotations

from typing import Any

from serving.api.errors import ApiError


def only_duckdb(store: Any) -> None:
    """Raises ApiError (501) for a store that cannot take this page's questions."""
    if store.engine != "duckdb":
        raise ApiError(
            501,
            "unsupported_store",
            "expected a DuckDB store for this page, found another",
            "see docs/dashboard.md",
        )


def page_number(text: str | None) -> int:
    """The number of a page from 1; anything else is the first."""
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
