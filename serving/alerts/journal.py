"""What alerts remember on disk: one SQLite file in write-ahead mode, one transaction per pass.

A pass reads the state, works, and writes watermark, detector state, incidents and the messages to
send together, so a kill leaves the pass done or not begun. Messages wait in ``notices`` until they
were handed over; a kill between handing over and marking repeats at most that message, under the
same dedup key. Several processes may use the file: a pass takes the write lock first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from serving.alerts.delivery.codec import dump_json, notice_document, notice_from
from serving.alerts.detection.state import decode_state, encode_state
from serving.alerts.dispatch import Silence
from serving.alerts.incidents import Incident, from_document, to_document
from serving.alerts.monitor import Monitor
from serving.alerts.notice import Notice
from serving.alerts.recent import Recent
from serving.alerts.triggers import Hit
from serving.errors import ServingError

FILE: Final = "alerts.sqlite"
SEEN_DAYS: Final = 7  # how long a comment id is remembered against duplicates
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB);
CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, opened_at INTEGER, closed_at INTEGER,
    live INTEGER, document TEXT);
CREATE INDEX IF NOT EXISTS live_incidents ON incidents (live);
CREATE INDEX IF NOT EXISTS opened_incidents ON incidents (opened_at);
CREATE TABLE IF NOT EXISTS silences (id TEXT PRIMARY KEY, ends INTEGER, document TEXT);
CREATE TABLE IF NOT EXISTS notices (dedup_key TEXT PRIMARY KEY, document TEXT, handed INTEGER);
CREATE INDEX IF NOT EXISTS waiting_notices ON notices (handed);
CREATE TABLE IF NOT EXISTS seen (id INTEGER PRIMARY KEY, at INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
"""


class UnknownIncidentError(ServingError):
    """There is no such incident, or the beginning of its id is another's too."""


class BusyError(ServingError):
    """Another process writes for longer than one waits."""


class Journal:
    """The file; use it as a context manager. Raises: ServingError when it is no such file."""

    def __init__(self, path: Path, *, wait_s: float = 60) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise ServingError(
                f"expected the alerts' file at {path}, found: {error}; check its rights or name "
                "another TINGFENG_HOME"
            ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, with the write lock from the start. Raises: BusyError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise BusyError(
                f"expected {self.path} free to write, found: {error}; try again"
            ) from error
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, name: str) -> Any:
        """A JSON value that ``put`` kept, or None."""
        row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        self._put_bytes(name, json.dumps(value, ensure_ascii=False).encode())

    def new_ids(self, ids: list[int], now: int) -> set[int]:
        """Those of the 64-bit ids that were not seen before; they are seen from now on."""
        fresh = set()
        for one in ids:
            done = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (one, now))
            if done.rowcount:
                fresh.add(one)
        self._db.execute("DELETE FROM seen WHERE at < ?", (now - SEEN_DAYS * 86_400,))
        return fresh

    def load(self, monitor: Monitor) -> None:
        """Fills a monitor with what the last pass left; open incidents always, the rest if new."""
        version = self.get("pass")
        if version is not None and version != monitor.counts["pass"]:
            self._load_state(monitor)
            monitor.counts["pass"] = version
        rows = self._db.execute(
            "SELECT document FROM incidents WHERE live = 1 ORDER BY opened_at, id"
        )
        found = [from_document(json.loads(row[0])) for row in rows]
        monitor.incidents = {one.id: one for one in found}

    def _load_state(self, monitor: Monitor) -> None:
        blobs = dict(self._db.execute("SELECT name, value FROM state WHERE name LIKE 'blob_%'"))
        keys = [tuple((name, value) for name, value in key) for key in self.get("keys")]
        monitor.restore(decode_state(blobs["blob_detector"]), keys)
        monitor.recent = Recent(pa.ipc.open_stream(blobs["blob_recent"]).read_all())
        monitor.triggered = [Hit(**one) for one in self.get("triggered")]

    def save(self, monitor: Monitor, notices: list[Notice]) -> None:
        """Writes everything of a pass; call it inside ``transaction``."""
        monitor.counts["pass"] += 1
        self.put("pass", monitor.counts["pass"])
        self.put("keys", monitor.keys)
        self.put("triggered", [hit.document() for hit in monitor.triggered])
        self._put_bytes("blob_detector", encode_state(monitor.state))
        self._put_bytes("blob_recent", _as_bytes(monitor.recent.table))
        every = dict(monitor.incidents)
        monitor.forget_closed()
        for incident in every.values():
            self.save_incident(incident, live=incident.id in monitor.incidents)
        for notice in notices:
            values = (notice.dedup_key, dump_json(notice_document(notice)))
            self._db.execute("INSERT OR IGNORE INTO notices VALUES (?, ?, 0)", values)

    def save_incident(self, incident: Incident, *, live: bool) -> None:
        document = json.dumps(to_document(incident), ensure_ascii=False)
        values = (incident.id, incident.opened_at, incident.closed_at, live, document)
        self._db.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)", values)

    def incidents(self, *, open_only: bool = False) -> list[Incident]:
        """Every incident, newest first."""
        return self.select_incidents("closed_at IS NULL" if open_only else "1", [], -1)

    def select_incidents(self, condition: str, values: list[Any], limit: int) -> list[Incident]:
        """Incidents that meet an SQL condition, newest first; a limit below 0 is none."""
        rows = self._db.execute(
            f"SELECT document FROM incidents WHERE {condition} ORDER BY opened_at DESC, id LIMIT ?",
            [*values, limit],
        )
        return [from_document(json.loads(row[0])) for row in rows]

    def incident(self, name: str) -> Incident:
        """One incident, by its id or an unambiguous beginning. Raises: UnknownIncidentError."""
        rows = self._db.execute(
            "SELECT document FROM incidents WHERE substr(id, 1, length(?)) = ? LIMIT 2",
            (name, name),
        ).fetchall()
        if len(rows) != 1:
            found = "none" if not rows else "several"
            raise UnknownIncidentError(
                f"expected an incident {name!r}, found {found}; see tingfeng alerts list"
            )
        return from_document(json.loads(rows[0][0]))

    @contextmanager
    def changed_incident(self, name: str) -> Iterator[Incident]:
        """One incident to change, under the write lock."""
        with self.transaction():
            incident = self.incident(name)
            query = "SELECT live FROM incidents WHERE id = ?"
            (live,) = self._db.execute(query, (incident.id,)).fetchone()
            yield incident
            self.save_incident(incident, live=bool(live))

    def silences(self) -> list[Silence]:
        rows = self._db.execute("SELECT document FROM silences ORDER BY ends")
        return [Silence(**json.loads(row[0])) for row in rows]

    def add_silence(self, silence: Silence) -> None:
        values = (silence.id, silence.ends, json.dumps(asdict(silence), ensure_ascii=False))
        self._db.execute("INSERT OR REPLACE INTO silences VALUES (?, ?, ?)", values)

    def waiting(self) -> list[Notice]:
        """Messages that were not handed over yet, oldest first."""
        rows = self._db.execute("SELECT document FROM notices WHERE handed = 0 ORDER BY rowid")
        return [notice_from(json.loads(row[0])) for row in rows]

    def handed(self, dedup_key: str) -> None:
        """Marks a message as handed over."""
        self._db.execute("UPDATE notices SET handed = 1 WHERE dedup_key = ?", (dedup_key,))

    def _put_bytes(self, name: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))


def _as_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
