"""Spans of OpenTelemetry, where its packages are installed (extra ``otel``); else nothing.

With ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the SDK there, spans go out over OTLP; a program that set
up its own provider keeps it. A span has the route's template and the status, never a text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Tracing:
    """Makes one span per call; does nothing where OpenTelemetry is not installed."""

    def __init__(self, version: str) -> None:
        self._tracer: Any = None
        try:
            from opentelemetry import propagate, trace
        except ImportError:
            return
        if os.environ.get(ENDPOINT):
            _export()
        self._trace, self._extract = trace, propagate.extract
        self._tracer = trace.get_tracer("tingfeng.api", version)

    @contextmanager
    def span(self, method: str, headers: Mapping[str, str]) -> Iterator[Any]:
        """A server span that goes on the caller's trace; None without OpenTelemetry."""
        if self._tracer is None or self._unset():
            yield None
            return
        with self._tracer.start_as_current_span(
            method, context=self._extract(headers), kind=self._trace.SpanKind.SERVER
        ) as span:
            yield span

    def _unset(self) -> bool:
        """Whether no provider was set: then spans go nowhere, but cost time."""
        return isinstance(self._trace.get_tracer_provider(), self._trace.ProxyTracerProvider)


def finish(span: Any, method: str, route: str, status: int) -> None:
    """Names the span and says how it ended."""
    if span is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)


def _export() -> None:
    """Sends spans to the collector that the environment names, if the SDK is installed."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "tingfeng"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
