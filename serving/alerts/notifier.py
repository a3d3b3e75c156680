"""Where messages go: anything with ``offer``. JSON lines here, chat robots in ``delivery``.

A pass writes its messages into the journal in the transaction that writes their incidents; they
are offered afterwards, and marked. The outbox takes a message once per channel and dedup key, so
what is offered again after a kill is not sent again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from serving.alerts.delivery.codec import dump_json, notice_document
from serving.alerts.delivery.playbook import load_playbook
from serving.alerts.notice import Notice


class Notifier(Protocol):
    """Takes messages. A message may come again after a kill, under the same ``dedup_key``."""

    def offer(self, notice: Notice) -> None:
        """Takes responsibility for the message; raises if it cannot, then it comes again."""
        ...


class Several:
    """Offers to each in turn; those that may write twice belong at the end."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = notifiers

    def offer(self, notice: Notice) -> None:
        """Raises what the first that cannot take it raises."""
        for notifier in self._notifiers:
            notifier.offer(notice)


class History:
    """Marks messages of a replay, so that nobody takes them for news, nor they a live one's key."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def offer(self, notice: Notice) -> None:
        """The message with 历史回放 before its title."""
        marked = replace(
            notice, title=f"历史回放：{notice.title}", dedup_key=f"replay:{notice.dedup_key}"
        )
        self._notifier.offer(marked)


class JsonlNotifier:
    """One JSON object per line: appended to a file and synced, or to standard output."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def offer(self, notice: Notice) -> None:
        """The members of the notice, with what to do next of the shipped playbook."""
        told = replace(notice, playbook=tuple(load_playbook().steps(notice)))
        line = dump_json(notice_document(told)) + "\n"
        if self._path is None:
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
