"""Where messages go: anything with ``offer``. Chat robots are one way, JSON lines another."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Protocol

from serving.alerts.journal import notice_document
from serving.alerts.notice import Notice


class Notifier(Protocol):
    """Takes messages. A message may come again after a kill, under the same ``dedup_key``."""

    def offer(self, notice: Notice) -> None:
        """Takes responsibility for the message; raises if it cannot, then it comes again."""
        ...


class JsonlNotifier:
    """One JSON object per line: appended to a file and synced, or to standard output."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def offer(self, notice: Notice) -> None:
        line = json.dumps(notice_document(notice), ensure_ascii=False) + "\n"
        if self._path is None:
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
