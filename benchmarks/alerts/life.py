"""One life of a watch that is about to be killed: a prepared stream, the real journal and outbox.

It is forked from a warm server, so that a life costs milliseconds, and says where it is: ``read``
(a piece was asked for), ``judged`` (the pass writes the journal), ``kept`` (the journal is
committed), ``offered`` (a message is being handed over), ``due`` (the outbox is about to be sent).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather

from serving.alerts.delivery.config import DeliveryConfig
from serving.alerts.delivery.notifier import Notifier as Outbox
from serving.alerts.journal import FILE, Journal
from serving.alerts.monitor import Monitor
from serving.alerts.notice import Notice
from serving.alerts.notifier import JsonlNotifier, Notifier, Several
from serving.alerts.rules import Rules
from serving.alerts.watch import Watcher

STREAM, TOLD, OUTBOX = "stream.arrow", "told.jsonl", "alerts.db"
Mark = Callable[[str], None]


class Pieces:
    """A source that gives one piece of the stream a pass."""

    name = "pieces"

    def __init__(self, stream: pa.Table, rows: int, mark: Mark) -> None:
        self.all = [stream.slice(at, rows) for at in range(0, stream.num_rows, rows)]
        self._mark = mark

    def done(self) -> bool:
        return False

    def read(self, cursor: dict[str, Any]) -> tuple[list[pa.Table], dict[str, Any]]:
        self._mark("read")
        at = cursor.get("at", 0)
        return ([self.all[at]] if at < len(self.all) else []), {"at": at + 1}


class MarkedJournal(Journal):
    """Says when a pass begins to write."""

    mark: Mark

    def save(self, monitor: Monitor, notices: list[Notice]) -> None:
        self.mark("judged")
        super().save(monitor, notices)


class Marked:
    """Says when a message is handed over."""

    def __init__(self, notifier: Notifier, mark: Mark) -> None:
        self._notifier, self._mark = notifier, mark

    def offer(self, notice: Notice) -> None:
        self._mark("offered")
        self._notifier.offer(notice)


def live(
    folder: Path,
    rows: int,
    rules: Rules,
    channels: DeliveryConfig,
    ahead_s: float,
    marks: Connection,
) -> None:
    """Watches the stream from where the last life left off, to its end, and delivers.

    ``ahead_s`` puts the sender's clock forward, so that leases of lives before have run out.
    """
    mark: Mark = marks.send
    outbox = Outbox(channels, folder / OUTBOX)
    pieces = Pieces(feather.read_table(folder / STREAM), rows, mark)
    journal = MarkedJournal(folder / FILE)
    journal.mark = mark
    with journal:
        told = Marked(Several([outbox, JsonlNotifier(folder / TOLD)]), mark)
        watcher = Watcher(journal, rules, pieces, told)
        at = _cursor(journal)
        while at < len(pieces.all):
            watcher.run_pass(int(pieces.all[at]["at"][-1].as_py()))
            mark("due")
            outbox.deliver_due(time.time() + ahead_s)
            at = _cursor(journal)
        watcher.hand_over()
    outbox.deliver_due(time.time() + ahead_s)


def _cursor(journal: Journal) -> int:
    found: int = (journal.get("cursors") or {}).get("pieces", {}).get("at", 0)
    return found
