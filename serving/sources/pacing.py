"""When the next request may go: evenly spaced, and after a fault later and later with jitter.

A server that says how long to wait (Retry-After) is taken at its word up to five minutes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 60.0
LONGEST_ASKED_S: Final = 300.0


@dataclass(kw_only=True)
class Pacer:
    """Spaces requests by ``1 / per_s`` seconds; the clock and the sleep can be replaced."""

    per_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)
    _next: float = float("-inf")

    def wait(self) -> None:
        """Returns when the next request may start."""
        now = self.clock()
        if self._next > now:
            self.sleep(self._next - now)
            now = self._next
        self._next = now + 1 / self.per_s

    def back_off(self, failures: int, asked_s: float | None) -> None:
        """Sleeps after the ``failures``-th fault in a row (from 1): half to all of a second,
        doubled each time up to a minute, and at least what the server asked for."""
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (failures - 1))
        self.sleep(max(longest * self.rng.uniform(0.5, 1.0), asked_s or 0.0))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or an HTTP date); null without one."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
