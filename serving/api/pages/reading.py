"""What pages ask of addresses."""

from __future__ import annotations


def page_number(text: str | None) -> int:
    """The number of a page from 1; anything else is the first."""
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
