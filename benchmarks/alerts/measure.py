"""Incidents against the truth: false alarms per key-week, recall and delay by kind and size, precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.alerts.simulate import DAY, KINDS, STEP_S, WEEK, Event, Stream

AFTERMATH = DAY // 2  # an incident that opens this long after a crisis still belongs to it


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``found`` pairs each crisis with its delay in minutes, None where it was missed."""

    found: list[tuple[Event, float | None]]
    true_incidents: int
    false_incidents: int
    false_in_campaigns: int
    key_weeks: float

    @property
    def false_rate(self) -> float:
        return self.false_incidents / self.key_weeks

    @property
    def precision(self) -> float:
        told = self.true_incidents + self.false_incidents
        return self.true_incidents / told if told else float("nan")

    def recall_of_three(self) -> float:
        """Recall of bursts and floods of three times the expected negative comments or more."""
        delays = self.delays_of_three()
        return sum(d is not None for d in delays) / len(delays) if delays else float("nan")

    def delays_of_three(self) -> list[float | None]:
        """Their delays in minutes, None where missed."""
        return [d for e, d in self.found if e.kind != "rise" and e.size >= 3]

    def recall(self, kind: str, low: float = 0, high: float = np.inf) -> tuple[float, float, int]:
        """Recall, median delay of those found in minutes, number of crises."""
        delays = [d for e, d in self.found if e.kind == kind and low <= e.size < high]
        hits = [d for d in delays if d is not None]
        return (
            len(hits) / len(delays) if delays else float("nan"),
            float(np.median(hits)) if hits else float("nan"),
            len(delays),
        )


def measure(stream: Stream, incidents: Iterable[tuple[int, int, int]]) -> Outcome:
    """``incidents`` are (key, first step that knew, last step); times count from the end of that step."""
    by_key: dict[int, list[tuple[int, int]]] = {}
    for key, first, last in incidents:
        by_key.setdefault(key, []).append((first, last))
    crises = [e for e in stream.events if e.kind in KINDS]
    found = []
    for event in crises:
        open_then = [
            max(a, event.start)
            for a, b in by_key.get(event.key, [])
            if b >= event.start and a < event.end
        ]
        delay = (min(open_then) + 1 - event.start) * STEP_S / 60 if open_then else None
        found.append((event, delay))
    true = false = false_in_campaigns = 0
    campaigns = [e for e in stream.events if e.kind == "campaign"]
    for key, spans in by_key.items():
        for first, _ in spans:
            if first < WEEK:
                continue
            if _within(first, key, crises, AFTERMATH):
                true += 1
            else:
                false += 1
                false_in_campaigns += _within(first, key, campaigns, AFTERMATH)
    steps, keys = stream.comments.shape
    weeks = keys * (steps / WEEK - 1)
    return Outcome(
        found=found,
        true_incidents=true,
        false_incidents=false,
        false_in_campaigns=false_in_campaigns,
        key_weeks=weeks,
    )


def _within(step: int, key: int, events: list[Event], after: int) -> bool:
    return any(e.key == key and e.start <= step < e.end + after for e in events)
