"""Standard input: one JSON object per line, as long as it lasts."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from typing import IO

import pyarrow as pa

from nlp.analyzer import Analyzer
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor
from serving.alerts.sources.snippet import read_snippet

MOST_LINES = 20_000  # in one pass; more wait, and then the writer does


class LineSource:
    """Lines are read beside the passes. What a killed process had read but not judged is lost:
    standard input cannot be read again; use a folder where that matters.
    """

    name = "-"

    def __init__(
        self,
        analyzer: Callable[[], Analyzer],
        rules: Rules,
        tell: Callable[[str], None],
        stream: IO[bytes] | None = None,
    ) -> None:
        self._analyzer, self._rules, self._tell = analyzer, rules, tell
        self._lines: queue.Queue[bytes] = queue.Queue(MOST_LINES)
        self._ended = threading.Event()
        given = sys.stdin.buffer if stream is None else stream
        threading.Thread(target=self._pump, args=(given,), daemon=True).start()

    def done(self) -> bool:
        return self._ended.is_set() and self._lines.empty()

    def read(self, cursor: Cursor) -> tuple[list[pa.Table], Cursor]:
        """What came since the last pass."""
        lines: list[bytes] = []
        while len(lines) < MOST_LINES:
            try:
                lines.append(self._lines.get_nowait())
            except queue.Empty:
                break
        content = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        if not content.strip():
            return [], cursor
        return read_snippet("stdin.jsonl", content, self._analyzer, self._rules, self._tell), cursor

    def _pump(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)
        self._ended.set()
