"""What the service writes down: a JSON line for every call, and the audit log of calls with a key.

Neither ever holds a comment, a key or a person: only ids of calls and keys, templates of routes and
numbers. Lines are written by a thread of their own.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import time
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Any, Final

AUDIT_FILE: Final = "audit.jsonl"
AUDIT_BYTES: Final = 50_000_000
AUDIT_FILES: Final = 10
LOGGER: Final = "tingfeng.api"
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time, level, event and what came in ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _OWN}
        return json.dumps(line, ensure_ascii=False, default=str)


class Journal:
    """Writes calls down; the audit log begins with the first call that bears a key."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._audit: logging.Logger | None = None
        self._listener: QueueListener | None = None
        self.log = logging.getLogger(LOGGER)

    def call(self, entry: dict[str, Any], *, audited: bool) -> None:
        """One answered call."""
        self.log.info("call", extra=entry)
        if audited:
            if self._audit is None:
                self._audit = self._open_audit()
            self._audit.info("call", extra=entry)

    def failure(self, error: BaseException, request_id: str) -> None:
        """An unforeseen error: its kind and where it arose, not its message."""
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        found = {"error": type(error).__name__, "where": frames[-5:], "request_id": request_id}
        self.log.error("failed", extra=found)

    def close(self) -> None:
        """Writes what is left."""
        if self._listener is not None:
            self._listener.stop()
            for handler in self._listener.handlers:
                handler.close()
            self._listener, self._audit = None, None

    def _open_audit(self) -> logging.Logger:
        self._home.mkdir(parents=True, exist_ok=True)
        path = self._home / AUDIT_FILE
        path.touch(mode=0o600)
        file = RotatingFileHandler(
            path, maxBytes=AUDIT_BYTES, backupCount=AUDIT_FILES, encoding="utf-8"
        )
        file.setFormatter(JsonFormatter())
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._listener = QueueListener(lines, file)
        self._listener.start()
        logger = logging.Logger(f"{LOGGER}.audit", logging.INFO)
        logger.addHandler(QueueHandler(lines))
        return logger


def log_to_stderr(level: str) -> QueueListener:
    """Sends the service's log to standard error as JSON lines; stop the listener at the end."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = QueueListener(lines, handler)
    for name in (LOGGER, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [QueueHandler(lines)]
        logger.setLevel(level.upper() if name == LOGGER else logging.WARNING)
        logger.propagate = False
    listener.start()
    return listener


def call_entry(
    request_id: str, method: str, route: str, status: int, started: float, **more: Any
) -> dict[str, Any]:
    """The fields of one call's line; those that are None are left out."""
    entry = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "ms": round(1000 * (time.perf_counter() - started), 2),
    }
    return entry | {k: v for k, v in more.items() if v is not None}
