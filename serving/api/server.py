"""The HTTP server around the application: uvicorn with a time limit on headers and a clean stop.

A stop signal ends listening, lets every call in flight be answered within ``GRACEFUL_S`` and then
exits with 0. Forwarded headers are ignored: nobody may choose the address that is written down.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.api.journal import log_to_stderr
from serving.api.service import Service

GRACEFUL_S: Final = 22  # and some for what follows: 25 in all
KEEP_ALIVE_S: Final = 65  # longer than the idle time of common proxies, which else meet resets
HEADER_TIMEOUT_S: Final = 10.0
MAX_CONNECTIONS: Final = 2_000
SWITCH_INTERVAL_S: Final = 0.001  # rules and keywords hold the interpreter at most this long


class PatientProtocol(H11Protocol):
    """Closes connections that have not sent a whole request line and headers in time."""

    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self._headers_came()
        elif (cycle is None or cycle.response_complete) and self._headers_due is None:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._headers_came()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADER_TIMEOUT_S, self._too_slow)

    def _headers_came(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _too_slow(self) -> None:
        self._headers_due = None
        self.transport.abort()


class Server(uvicorn.Server):
    """Says when it listens and that it is draining, and exits with 0 after a stop signal."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens once the model is warm."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A stop signal."""
        self._service.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops; the signal is answered by that and is not raised again."""
        await super().shutdown(sockets)
        self._captured_signals.clear()


def serve_app(
    app: FastAPI, host: str, port: int, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serves until a stop signal; ``ready`` is called when it listens. Logs JSON lines to standard
    error.
    """
    service: Service = app.state.service
    settings = service.settings
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    listener = log_to_stderr(settings.log_level)
    options: dict[str, Any] = {
        "http": PatientProtocol,
        "ws": "auto",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": GRACEFUL_S,
        "limit_concurrency": MAX_CONNECTIONS,
        "h11_max_incomplete_event_size": 2 * settings.max_header_bytes,
    }
    try:
        Server(uvicorn.Config(app, host=host, port=port, **options), service, ready).run()
    finally:
        listener.stop()
