"""What a source raises: one line with what was expected, what was found and what to do."""

from __future__ import annotations

from serving.errors import ServingError


class SourceError(ServingError):
    """The platform, the network or a file of a fetch is not as expected."""


class ItemError(SourceError):
    """One item or comment cannot be had; the others of the fetch can."""


def one_line(text: object, secrets: tuple[str, ...] = (), most: int = 200) -> str:
    """Foreign text made safe to show: one line, printable, cut, every secret replaced by ***."""
    shown = " ".join(str(text).split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        shown = shown.replace(secret, "***")
    return "".join(char if char.isprintable() else "_" for char in shown)[:most]
