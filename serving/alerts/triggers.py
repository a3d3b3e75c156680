"""Single comments that are reason enough: a critical risk, a grave word, and a sure judgement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from serving.alerts.notice import Severity
from serving.alerts.rules import Trigger


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One comment that fits a trigger; ``key`` is its brand and risk."""

    name: str
    key: dict[str, str]
    at: int
    comment_id: str
    severity: Severity

    def document(self) -> dict[str, Any]:
        return asdict(self)


def find_hits(comments: pa.Table, triggers: tuple[Trigger, ...]) -> list[Hit]:
    """The hits of a ``WATCHED`` table; a comment counts for the first trigger that it fits."""
    risky = comments.filter(pc.greater(pc.fill_null(pc.list_value_length(comments["risks"]), 0), 0))
    hits = []
    fits = [_speaks_of(trigger) for trigger in triggers]
    for row in risky.to_pylist():
        for trigger, fit in zip(triggers, fits, strict=True):
            risks = [risk for risk in row["risks"] if risk in trigger.risks]
            sure = (row["p_negative"] or 0.0) >= trigger.min_p_negative
            if risks and sure and fit(row["text"] or ""):
                hits.append(_hit(trigger, row, risks[0]))
                break
    return hits


@lru_cache(maxsize=256)
def _speaks_of(trigger: Trigger) -> Callable[[str], bool]:
    """Whether a text has the trigger's words, near one another where it asks for that.

    What is ignored becomes a gap of the same length, so that nothing new stands together.
    """
    ignored = re.compile(_any_of(trigger.ignore)) if trigger.ignore else None
    words = _any_of(trigger.words)
    if trigger.near:
        near, gap = _any_of(trigger.near), f".{{0,{trigger.near_chars}}}"
        words = f"{words}{gap}{near}|{near}{gap}{words}"
    wanted = re.compile(words, re.DOTALL)

    def fits(text: str) -> bool:
        if ignored is not None:
            text = ignored.sub(lambda found: "\0" * len(found[0]), text)
        return wanted.search(text) is not None

    return fits


def _any_of(words: Iterable[str]) -> str:
    """Longer words first, so that none hides behind its own beginning."""
    return f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"


def _hit(trigger: Trigger, row: dict[str, Any], risk: str) -> Hit:
    named = {name: row[name] for name in ("tenant", "brand") if row[name] is not None}
    return Hit(
        name=trigger.name,
        key={**named, "risk": risk},
        at=row["at"],
        comment_id=row["comment_id"] or "",
        severity=trigger.severity,
    )
