"""Prometheus: attempts and their duration by channel, rows of the outbox by state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

STATES: Final = ("pending", "sending", "sent", "dead")


def observe_attempt(channel: str, result: str, seconds: float) -> None:
    """Counts one attempt; ``result`` is the outcome's."""
    attempts, durations, _ = _collectors()
    attempts.labels(channel=channel, result=result).inc()
    durations.labels(channel=channel).observe(seconds)


def observe_states(states: Mapping[str, int]) -> None:
    """Sets the rows of the outbox by state."""
    rows = _collectors()[2]
    for state in STATES:
        rows.labels(state=state).set(states.get(state, 0))


def register(registry: Any) -> None:
    """Shows them in another registry too, for a process that serves one of its own."""
    for collector in _collectors():
        registry.register(collector)


@cache
def _collectors() -> tuple[Any, Any, Any]:
    """Made once, when first used: a second registration of a name is an error."""
    from prometheus_client import Counter, Gauge, Histogram

    return (
        Counter(
            "tingfeng_alert_deliveries_total",
            "Attempts; result: sent, retry, limited, shorten, uncertain, final",
            ["channel", "result"],
        ),
        Histogram("tingfeng_alert_delivery_seconds", "Duration of an attempt", ["channel"]),
        Gauge("tingfeng_alert_outbox_rows", "Rows of the outbox by state", ["state"]),
    )
