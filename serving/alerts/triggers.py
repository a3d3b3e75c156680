"""Single comments that are reason enough: a critical risk, a grave word, and a sure judgement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    for row in risky.to_pylist():
        for trigger in triggers:
            risks = [risk for risk in row["risks"] if risk in trigger.risks]
            sure = (row["p_negative"] or 0.0) >= trigger.min_p_negative
            if risks and sure and any(word in (row["text"] or "") for word in trigger.words):
                hits.append(_hit(trigger, row, risks[0]))
                break
    return hits


def _hit(trigger: Trigger, row: dict[str, Any], risk: str) -> Hit:
    named = {name: row[name] for name in ("tenant", "brand") if row[name] is not None}
    return Hit(
        name=trigger.name,
        key={**named, "risk": risk},
        at=row["at"],
        comment_id=row["comment_id"] or "",
        severity=trigger.severity,
    )
