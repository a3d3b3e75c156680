"""Making a message fit: told ever more briefly until its bytes are within a robot's limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from serving.alerts.delivery.message.brief import Limits

Rendered = TypeVar("Rendered")

LEVELS: Final = (
    Limits(),
    Limits(quotes=5, quote_chars=90, listed=4),
    Limits(quotes=4, quote_chars=60, steps=4, listed=3, label_chars=16),
    Limits(quotes=3, quote_chars=50, steps=3, listed=3, label_chars=16),
    Limits(quotes=2, quote_chars=40, steps=3, listed=2, label_chars=12),
    Limits(quotes=1, quote_chars=40, steps=2, listed=2, label_chars=12),
    Limits(quotes=1, quote_chars=24, steps=1, listed=1, label_chars=12),
    Limits(quotes=0, steps=1, listed=1, label_chars=10),
    Limits(quotes=0, steps=0, listed=1, label_chars=8),
)
WITHHELD: Final = (
    Limits(quotes=0, words=False),
    Limits(quotes=0, steps=2, listed=2, label_chars=12, words=False),
    Limits(quotes=0, steps=0, listed=1, label_chars=8, words=False),
)


def fit(
    render: Callable[[Limits], Rendered],
    size: Callable[[Rendered], int],
    limit_bytes: int,
    *,
    withheld: bool = False,
) -> Rendered:
    """The fullest rendering of at most ``limit_bytes``; the briefest where none is small enough.

    ``withheld`` leaves out comments and their words, for a platform that refused them.
    """
    levels = WITHHELD if withheld else LEVELS
    for limits in levels[:-1]:
        found = render(limits)
        if size(found) <= limit_bytes:
            return found
    return render(levels[-1])
