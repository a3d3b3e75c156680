"""Standard output for people, and JSON lines for programs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.codec import dump_json, notice_document
from serving.alerts.delivery.message.brief import Limits
from serving.alerts.delivery.message.escape import clean
from serving.alerts.delivery.message.text import plain_text
from serving.alerts.delivery.outcome import Outcome
from serving.alerts.notice import Notice

STDOUT: Final = "-"
_MODE: Final = 0o600  # comments are people's words


@dataclass(frozen=True, kw_only=True)
class Local(Channel):
    """A terminal or a file; a line is written whole."""

    path: str = STDOUT

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """Text for people, or one line of JSON."""
        del withheld
        if self.kind == "jsonl":
            told = {**notice_document(notice), "playbook": list(self.playbook.steps(notice))}
            return dump_json({**told, "channel": self.name})
        brief = self.brief(notice, clean, Limits())
        return plain_text(brief, brief.footer) + "\n"

    def send(self, notice: Notice, *, now: float, withheld: bool = False) -> Outcome:
        """What became of one attempt."""
        del now
        try:
            self._write((self.render(notice, withheld=withheld) + "\n").encode("utf-8", "replace"))
        except OSError as error:
            return Outcome(result="retry", code="write", message=str(error))
        return Outcome(result="sent", code="0")

    def _write(self, line: bytes) -> None:
        if self.path == STDOUT:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            return
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            with os.fdopen(handle, "ab", closefd=False) as file:
                file.write(line)
            os.fsync(handle)
        finally:
            os.close(handle)
