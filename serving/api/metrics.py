"""What the service counts, for Prometheus; routes are labelled by template, never by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from serving.alerts.health import WatchHealth, WatchStatus
from serving.alerts.notice import Severity

if TYPE_CHECKING:
    from serving.api.service import Service

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    *(0.2, 0.5, 1, 2, 5, 10),
)
_TEXTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_TOKENS: Final = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Metrics:
    """One registry for one service."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        ProcessCollector(registry=r)
        PlatformCollector(registry=r)
        self.requests = Counter(
            "tingfeng_requests", "Answers by route and status", ["route", "code"], registry=r
        )
        self.request_seconds = Histogram(
            "tingfeng_request_seconds", "Time of an answer", ["route"], buckets=_SECONDS, registry=r
        )
        self.in_flight = Gauge("tingfeng_requests_in_flight", "Calls not yet answered", registry=r)
        self.texts = Counter(
            "tingfeng_texts", "Texts by source and status", ["source", "status"], registry=r
        )
        self.rejected = Counter(
            "tingfeng_rejected", "Calls refused or dropped, by reason", ["reason"], registry=r
        )
        self.truncated = Counter(
            "tingfeng_truncated", "Texts longer than the model reads", registry=r
        )
        self.prepare_seconds = self._histogram("prepare_seconds", "Normalising and cache", _SECONDS)
        self.queue_seconds = self._histogram("queue_seconds", "Wait before the model", _SECONDS)
        self.infer_seconds = self._histogram("infer_seconds", "Scoring of one window", _SECONDS)
        self.window_texts = self._histogram("window_texts", "Distinct texts of a window", _TEXTS)
        self.window_tokens = self._histogram("window_tokens", "Padded tokens of a window", _TOKENS)
        self.job_rows = Counter("tingfeng_job_rows", "Rows of jobs", ["status"], registry=r)
        self.watch_moments = Gauge(
            "tingfeng_watch_timestamp_seconds", "Of the watch: pass, comment", ["last"], registry=r
        )
        self.watch_status = Gauge("tingfeng_watch", "1 for its state", ["status"], registry=r)
        self.watch_open = Gauge(
            "tingfeng_watch_open_incidents", "Incidents open", ["severity"], registry=r
        )
        self.jobs = Gauge("tingfeng_jobs", "Jobs by state", ["state"], registry=r)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"tingfeng_{name}", text, buckets=buckets, registry=self.registry)

    def watch(self, service: Service) -> None:
        """Gauges that are read when asked for."""
        scorer, batcher, cache = service.analyzer.scorer, service.batcher, service.cache
        for name, text, read in (
            ("queue_tokens", "Tokens waiting", lambda: batcher.queued_tokens),
            ("tokens_per_second", "Recent rate of the model", batcher.rate.tokens_per_s),
            ("predicted_wait_seconds", "Wait of a call that came now", batcher.wait_s),
            (
                "inference_heartbeat_timestamp_seconds",
                "Last sign of life",
                lambda: batcher.heartbeat,
            ),
            ("inference_stuck_seconds", "Time at the present window", batcher.stuck_s),
            ("cache_bytes", "Memory of the cache", lambda: cache.size_bytes),
            ("cache_entries", "Texts in the cache", lambda: len(cache)),
            ("cache_hits", "Texts found in the cache", lambda: cache.hits),
            ("cache_misses", "Texts not found there", lambda: cache.misses),
        ):
            gauge = Gauge(f"tingfeng_{name}", text, registry=self.registry)
            gauge.set_function(read)
        about = Gauge("tingfeng_model_info", "1", ["version", "numerics"], registry=self.registry)
        about.labels(scorer.model_version, scorer.numerics).set(1)

    def watching(self, health: WatchHealth) -> None:
        """How the watch of alerts is doing."""
        for status in get_args(WatchStatus):
            self.watch_status.labels(status).set(health.status == status)
        for severity in get_args(Severity):
            self.watch_open.labels(severity).set(health.open.get(severity, 0))
        for name, moment in (("pass", health.last_pass), ("comment", health.last_comment)):
            self.watch_moments.labels(name).set(moment or 0)

    def window(self, texts: int, tokens: int, seconds: float) -> None:
        """One scored window."""
        self.window_texts.observe(texts)
        self.window_tokens.observe(tokens)
        self.infer_seconds.observe(seconds)

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)
