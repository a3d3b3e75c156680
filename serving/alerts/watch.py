"""Watching: pass after pass, each one transaction, then the messages are handed over.

The watermark is the newest time that comments bear, less ``lateness_s``: time goes by the data, so
a crawler that comes hours late is judged as if it were on time. When nothing comes for
``IDLE_S``, it follows the clock at that distance, so that incidents end. It never goes back: a
clock set back changes nothing, comments stamped beyond now count as of now. Comments behind the
watermark still join the windows that hold their time (24 hours), and no later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.alerts.comments import with_tenant
from serving.alerts.heartbeat import check_heartbeat
from serving.alerts.intake import identity_hashes
from serving.alerts.journal import Journal
from serving.alerts.metrics import WatchMetrics
from serving.alerts.monitor import Monitor
from serving.alerts.notice import Notice
from serving.alerts.notifier import Notifier
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor, Source

IDLE_S: Final = 900
FUTURE_S: Final = 300  # a stamp so far ahead is a clock that runs differently


class Watcher:
    """One pass at a time over one source."""

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        source: Source,
        notifier: Notifier,
        metrics: WatchMetrics | None = None,
    ) -> None:
        self.journal, self.rules, self.source, self.notifier = journal, rules, source, notifier
        self.monitor = Monitor(rules)
        self.metrics = metrics or WatchMetrics()
        self.every_s = 0.0  # between passes; kept, so that others can tell a watch that has stopped

    def run_pass(self, now: int) -> list[Notice]:
        """Reads what is new, judges it, keeps it, and hands over what is due; ``now`` in seconds.

        Raises whatever the notifier raises: its message comes again with the next pass.
        """
        self.hand_over()
        cursors = self.journal.get("cursors") or {}
        tables, cursor = self.source.read(cursors.get(self.source.name, {}))
        try:
            told = self._judged(tables, cursors, cursor, now)
        except BaseException:
            self.monitor = Monitor(self.rules)  # ahead of what was kept: read again
            raise
        self.hand_over()
        return told

    def _judged(
        self, tables: list[pa.Table], cursors: Cursor, cursor: Cursor, now: int
    ) -> list[Notice]:
        """The pass's one transaction."""
        with self.journal.transaction():
            self.journal.load(self.monitor)
            came = self._feed(tables, now)
            watermark = self._watermark(came, now)
            self.monitor.advance(watermark)
            check_heartbeat(self.journal, self.monitor, bool(came), now)
            told = self.monitor.messages(self.journal.silences(), now)
            self.journal.put("watermark", watermark)
            self.journal.put("passed", now)
            self.journal.put("every_s", self.every_s)
            self.journal.put("cursors", {**cursors, self.source.name: cursor})
            self.metrics.observe(self.monitor, told, watermark, now)
            self.journal.save(self.monitor, told)
        return told

    def hand_over(self) -> None:
        """Offers every waiting message once and marks it."""
        for notice in self.journal.waiting():
            self.notifier.offer(notice)
            self.journal.handed(notice.dedup_key)
            self.metrics.handed.labels(kind=notice.kind).inc()

    def _feed(self, tables: list[pa.Table], now: int) -> list[int]:
        """Feeds comments not seen before; returns the newest time of each table."""
        newest = []
        for table in (with_tenant(one, self.rules.tenant) for one in tables):
            hashes = identity_hashes(table)
            fresh = self.journal.new_ids(hashes.tolist(), now)
            first = np.zeros(len(hashes), dtype=bool)
            for at, one in enumerate(hashes.tolist()):
                if one in fresh:
                    first[at] = True
                    fresh.discard(one)
            self.metrics.duplicates.inc(int((~first).sum()))
            table = table.filter(pa.array(first))
            if table.num_rows:
                newest.append(self._take(table, now))
        return newest

    def _take(self, table: pa.Table, now: int) -> int:
        ahead = pc.greater(table["at"], now + FUTURE_S)
        self.metrics.future.inc(pc.sum(ahead).as_py() or 0)
        place = table.schema.get_field_index("at")
        times = pc.min_element_wise(table["at"], pa.scalar(now))
        table = table.set_column(place, table.schema.field(place), times)
        self.monitor.feed(table)
        return int(pc.max(times).as_py())

    def _watermark(self, newest: list[int], now: int) -> int:
        """Where time stands after this pass; never before where it stood."""
        before = self.journal.get("watermark") or 0
        seen = self.journal.get("newest") or 0
        arrived = self.journal.get("arrived") or now
        if newest:
            seen, arrived = max(seen, *newest), now
            self.journal.put("newest", seen)
        self.journal.put("arrived", arrived)
        watermark = max(before, seen - self.rules.lateness_s)
        if seen and now - arrived >= IDLE_S:
            watermark = max(watermark, min(now, before + (now - arrived)) - IDLE_S)
        return watermark


def run_watch(
    watcher: Watcher,
    *,
    every_s: float,
    passes: int | None = None,
    metrics_port: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Passes until told to stop, or until the source has ended."""
    if metrics_port is not None:
        watcher.metrics.serve(metrics_port)
    watcher.every_s = every_s
    done = 0
    while passes is None or done < passes:
        begun = time.monotonic()
        ended = watcher.source.done()
        told = watcher.run_pass(int(clock()))
        done += 1
        watcher.metrics.seconds.observe(time.monotonic() - begun)
        for notice in told:
            tell(f"{notice.kind} {notice.incident_id} {notice.severity} {notice.title}")
        if ended:
            return
        if passes is None or done < passes:
            sleep(max(0.0, every_s - (time.monotonic() - begun)))
