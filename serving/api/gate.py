"""What every call passes first: request id, limits on headers, body and time, counting, a log line.

An ASGI application around the other; refusals here cost neither a body nor a key.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.direct import Direct
from serving.api.errors import ApiError, as_api_error, problem
from serving.api.journal import call_entry
from serving.api.service import Service
from serving.api.tracing import finish

MAX_HEADERS: Final = 100
MIN_BYTES_PER_S: Final = 10_000  # a body that comes slower for long is cut off
SCORING_PATHS: Final = frozenset({"/v1/analyze", "/v1/comments"})
JOBS_PATH: Final = "/v1/jobs"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ids: Final = random.Random()  # seeded by the system once; ids of requests are no secrets
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Gate:
    """See the module."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app: ASGIApp = app if service.settings.cors_origins else Direct(app, service)
        self._service = service
        hosts = service.settings.allowed_hosts
        self._hosts = {h.strip().lower() for h in hosts.split(",")} if hosts else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Passage(self, scope, receive, send).run()

    async def serve(self, passage: _Passage) -> None:
        """Checks, then hands on within the time for an answer."""
        scope, headers = passage.scope, passage.headers
        self._check(scope, headers)
        limit_s = None if scope["path"].startswith(JOBS_PATH) else self.settings.request_timeout_s
        async with asyncio.timeout(limit_s + 1 if limit_s is not None else None) as limit:
            scope["state"]["time_limit"] = limit
            await self._app(scope, passage.receive, passage.send)

    @property
    def settings(self) -> Any:
        """The service's settings."""
        return self._service.settings

    @property
    def service(self) -> Service:
        """The service behind."""
        return self._service

    def body_limit(self, scope: Scope) -> int:
        """Bytes that the body of this call may have."""
        uploading = scope["method"] == "POST" and scope["path"] == JOBS_PATH
        settings = self._service.settings
        return settings.job_max_bytes if uploading else settings.max_body_bytes

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        self._check_headers(scope, headers)
        if "transfer-encoding" in headers and "content-length" in headers:
            raise ApiError(  # two lengths: what one server takes for a body another may not
                400,
                "bad_request",
                "expected Content-Length or Transfer-Encoding, found both",
                "send one of them",
                headers={"Connection": "close"},
            )
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise ApiError(
                400,
                "bad_request",
                "expected a number as Content-Length, found something else",
                "correct it",
            )
        if int(length[:19]) > self.body_limit(scope):
            raise too_large(self.body_limit(scope))
        if scope["path"] in SCORING_PATHS and self._service.loaded:
            wait_s = self._service.batcher.overloaded()
            if wait_s is not None:
                raise self._service.batcher.refusal(wait_s)

    def _check_headers(self, scope: Scope, headers: Mapping[str, str]) -> None:
        raw = scope["headers"]
        size = sum(len(name) + len(value) + 4 for name, value in raw)
        size += len(scope.get("raw_path", b"")) + len(scope["query_string"])
        most = self._service.settings.max_header_bytes
        if size > most or len(raw) > MAX_HEADERS:
            raise ApiError(
                431,
                "headers_too_large",
                f"expected at most {most:,} bytes in {MAX_HEADERS} headers, found more",
                "send fewer headers or a shorter address",
            )
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise ApiError(
                415,
                "unsupported_encoding",
                "expected a body that is not compressed, found a Content-Encoding",
                "send it as it is",
            )
        if self._hosts and _host(headers.get("host", "")) not in self._hosts:
            raise ApiError(
                400,
                "unknown_host",
                "expected a name of this service in the header Host, found another",
                "see TINGFENG_ALLOWED_HOSTS",
            )


class _Passage:
    """One call on its way: counts its bytes and keeps what the log will say."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self.gate, self.scope = gate, scope
        self._receive, self._send = receive, send
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else f"{_ids.getrandbits(128):032x}"
        scope.setdefault("state", {})["request_id"] = self.request_id
        self.started, self.body_bytes, self.status = time.perf_counter(), 0, 0
        self._limit = gate.body_limit(scope)
        self._whole = False

    async def run(self) -> None:
        service = self.gate.service
        service.metrics.in_flight.inc()
        method = self.scope["method"]
        try:
            with service.tracing.span(method, self.headers) as span:
                await self._answered()
                finish(span, method, self._route(), self.status)
        finally:
            service.metrics.in_flight.dec()
            self._write_down()

    async def _answered(self) -> None:
        try:
            await self.gate.serve(self)
        except TimeoutError:
            await self._refuse(
                ApiError(
                    503,
                    "timeout",
                    "the answer took too long",
                    "try again in a moment",
                    retry_after_s=5,
                )
            )
        except Exception as error:
            if not isinstance(error, ApiError):
                self.gate.service.journal.failure(error, self.request_id)
            await self._refuse(as_api_error(error))

    async def receive(self) -> Message:
        """The next piece of the body, within size and time."""
        if self._whole:
            return await self._receive()
        allowed_s = self.gate.settings.body_timeout_s + self.body_bytes / MIN_BYTES_PER_S
        try:
            async with asyncio.timeout(self.started + allowed_s - time.perf_counter()):
                message = await self._receive()
        except TimeoutError as error:
            raise ApiError(
                408,
                "body_timeout",
                "expected the body to come in faster, found it still under way",
                "send it again",
                headers={"Connection": "close"},
            ) from error
        if message["type"] == "http.request":
            self.body_bytes += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self.body_bytes > self._limit:
                raise too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        """Passes the answer on with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [(b"x-request-id", self.request_id.encode()), *_SECURITY]
            if self.scope["path"].startswith("/v1"):
                own.append((b"cache-control", b"no-store"))
            message["headers"] = [*message.get("headers", []), *own]
        await self._send(message)

    async def _refuse(self, error: ApiError) -> None:
        if not self.status:
            await problem(self.request_id, error)(self.scope, self.receive, self.send)

    def _route(self) -> str:
        route = self.scope.get("route")
        return getattr(route, "path", None) or "unmatched"

    def _write_down(self) -> None:
        service, route = self.gate.service, self._route()
        code = str(self.status or 499)
        service.metrics.requests.labels(route, code).inc()
        service.metrics.request_seconds.labels(route).observe(time.perf_counter() - self.started)
        state = self.scope["state"]
        caller = state.get("caller")
        client = self.scope.get("client")
        entry = call_entry(
            self.request_id,
            self.scope["method"],
            route,
            int(code),
            self.started,
            key=caller.key_id if caller else None,
            tenant=caller.tenant if caller and caller.key_id else None,
            texts=state.get("texts"),
            bytes_in=self.body_bytes or None,
            client=client[0] if client else None,
        )
        keyed = caller is not None and caller.key_id is not None
        service.journal.call(entry, audited=keyed or self.status in (401, 403))


def too_large(limit: int) -> ApiError:
    """413 for a body over its limit."""
    return ApiError(
        413,
        "too_large",
        f"expected at most {limit:,} bytes in the body, found more",
        "send fewer texts a call; give large texts to POST /v1/jobs",
        headers={"Connection": "close"},
    )


def _host(header: str) -> str:
    """The name without the port."""
    name = header.lower()
    return name[: name.index("]") + 1] if "]" in name else name.partition(":")[0]
