"""The table: one line per task and peer, printed as soon as it is known; no line stops the next."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Timed = tuple[float, Any]


@dataclass(kw_only=True)
class Table:
    """Prints lines of what, ours, peer, ratio and whether both found the same."""

    repeats: int

    def head(self) -> None:
        """The names of the columns."""
        print(
            "| what | ours, s | peer | peer, s | peer / ours | same result? |\n|---|---|---|---|---|---|",
            flush=True,
        )

    def best(self, work: Callable[[], Any], repeats: int | None = None) -> Timed:
        """The best time of several, in seconds, and the result."""
        times, found = [], None
        for _ in range(repeats or self.repeats):
            start = time.perf_counter()
            found = work()
            times.append(time.perf_counter() - start)
        return min(times), found

    def line(
        self,
        what: str,
        ours: Timed | None,
        peer: str,
        work: Callable[[], Any] | None,
        same: Callable[[Any], str],
        *,
        repeats: int | None = None,
        needs: str | None = None,
    ) -> Any:
        """Times the peer and prints; what the peer found, None where it could not run."""
        mine = f"{ours[0]:.3g}" if ours else ""
        missing = needs is not None and importlib.util.find_spec(needs) is None
        if missing or work is None:
            self.say(
                what,
                mine,
                peer,
                "not installed" if missing else "",
                "",
                "" if missing else same(None),
            )
            return None
        try:
            seconds, found = self.best(work, repeats)
            ratio = f"{seconds / ours[0]:.1f}" if ours else ""
            self.say(what, mine, peer, f"{seconds:.3g}", ratio, same(found))
        except Exception as error:  # a peer that fails is a line, not the end
            self.say(what, mine, peer, f"failed: {type(error).__name__}: {_short(error)}", "", "")
            return None
        return found

    def say(self, *cells: str) -> None:
        """One line."""
        print(f"| {' | '.join(cells)} |", flush=True)

    def part(self, run: Callable[[Table], None]) -> None:
        """One group of lines; a fault of ours is a line too."""
        try:
            run(self)
        except Exception as error:
            self.say(
                run.__name__, f"failed: {type(error).__name__}: {_short(error)}", "", "", "", ""
            )


def _short(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())[:100]
