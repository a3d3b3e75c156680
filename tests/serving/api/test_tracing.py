"""Spans: one per call with the route's template where OpenTelemetry is there, nothing where not."""

from __future__ import annotations

import builtins
from contextlib import contextmanager
from typing import Any

import pytest

from serving.api.tracing import Tracing, finish
from tests.serving.api.service_tools import MakeClient


class RecordedSpan:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.name, self.attributes = "", dict[str, Any]()

    def update_name(self, name: str) -> None:
        """Renames it."""
        self.name = name

    def set_attribute(self, key: str, value: Any) -> None:
        """Keeps an attribute."""
        self.attributes[key] = value


def test_call_makes_a_span_with_template_and_status(make_client: MakeClient) -> None:
    client = make_client()
    span, headers = RecordedSpan(), []

    class Recorder:
        @contextmanager
        def span(self, _: str, given: Any) -> Any:
            headers.append(given["traceparent"])
            yield span

    client.app.state.service.tracing = Recorder()
    client.get("/v1/profiles/绝密", headers={"traceparent": "00-1-2-01"})
    assert span.name == "GET /v1/profiles/{user}" and headers == ["00-1-2-01"]
    assert span.attributes["http.response.status_code"] == 404
    assert "绝密" not in str(span.attributes)


def test_span_of_the_installed_packages_is_usable() -> None:
    with Tracing("1").span("GET", {}) as span:
        finish(span, "GET", "/healthz", 200)


def test_without_packages_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with Tracing("1").span("GET", {}) as span:
        assert span is None
        finish(span, "GET", "/healthz", 200)
