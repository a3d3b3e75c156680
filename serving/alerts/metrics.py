"""What Prometheus may ask of a watcher; served only where a port is given, on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from serving.alerts.delivery.metrics import register
from serving.alerts.monitor import Monitor
from serving.alerts.notice import Notice


class WatchMetrics:
    """Counters since the process began, gauges of the last pass."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        name = "tingfeng_alerts_"
        self.comments = Counter(name + "comments", "Comments taken in.", registry=registry)
        self.duplicates = Counter(name + "duplicates", "Comments seen before.", registry=registry)
        self.future = Counter(name + "future", "Comments stamped beyond now.", registry=registry)
        self.late = Counter(
            name + "late", "Comments behind the watermark.", ["kept"], registry=registry
        )
        self.notices = Counter(name + "notices", "Messages due.", ["kind"], registry=registry)
        self.handed = Counter(
            name + "handed_over", "Messages handed over.", ["kind"], registry=registry
        )
        self.incidents = Gauge(
            name + "open_incidents", "Open now.", ["severity"], registry=registry
        )
        self.held = Gauge(
            name + "held_incidents", "Open, but kept still.", ["why"], registry=registry
        )
        self.keys = Gauge(name + "keys", "Keys watched.", registry=registry)
        self.watermark = Gauge(
            name + "watermark_seconds", "Event time closed so far.", registry=registry
        )
        self.passed = Gauge(
            name + "last_pass_seconds", "When the last pass was kept.", registry=registry
        )
        self.seconds = Histogram(name + "pass_seconds", "How long a pass takes.", registry=registry)
        self._counted: dict[str, int] = {}

    def serve(self, port: int) -> None:
        """Answers /metrics on 127.0.0.1, deliveries of this process among them."""
        register(self.registry)
        start_http_server(port, addr="127.0.0.1", registry=self.registry)

    def observe(
        self,
        monitor: Monitor,
        told: Iterable[Notice],
        watermark: int,
        now: int,
    ) -> None:
        """Takes over the figures of one pass."""
        self.comments.inc(self._more(monitor, "comments"))
        self.late.labels(kept="yes").inc(self._more(monitor, "late"))
        self.late.labels(kept="no").inc(self._more(monitor, "too_late"))
        for notice in told:
            self.notices.labels(kind=notice.kind).inc()
        still = [one for one in monitor.incidents.values() if one.closed_at is None]
        for severity in ("info", "warning", "critical"):
            number = sum(one.severity == severity for one in still)
            self.incidents.labels(severity=severity).set(number)
        for why in ("silenced", "inhibited", "quiet"):
            self.held.labels(why=why).set(sum(one.held == why for one in still))
        self.keys.set(len(monitor.keys))
        self.watermark.set(watermark)
        self.passed.set(now)

    def _more(self, monitor: Monitor, name: str) -> int:
        before, self._counted[name] = self._counted.get(name, 0), monitor.counts[name]
        return self._counted[name] - before
