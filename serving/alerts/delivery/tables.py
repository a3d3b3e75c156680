"""The outbox's tables and the one statement that puts a notice in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from serving.alerts.delivery import budget
from serving.alerts.delivery.codec import dump_json, notice_document
from serving.alerts.delivery.config import RANK
from serving.alerts.notice import Notice

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS alert_deliveries (
        delivery_id INTEGER PRIMARY KEY,
        channel TEXT NOT NULL,
        dedup_key TEXT NOT NULL,
        incident_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        urgency INTEGER NOT NULL,
        notice TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending'
            CHECK (state IN ('pending', 'sending', 'sent', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        withheld INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        due_at REAL NOT NULL,
        leased_until REAL,
        leased_by TEXT,
        sent_at REAL,
        code TEXT,
        message TEXT,
        UNIQUE (channel, dedup_key)
    )""",
    """CREATE INDEX IF NOT EXISTS alert_deliveries_open ON alert_deliveries (channel, incident_id)
        WHERE state IN ('pending', 'sending')""",
    *budget.TABLES,
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Makes the outbox's tables where absent; the database may hold others."""
    for statement in _TABLES:
        connection.execute(statement)


def offer_rows(
    connection: sqlite3.Connection, channels: Iterable[str], notice: Notice, now: float
) -> None:
    """Puts the notice in for each channel, once: one statement, in the caller's transaction."""
    shared = (
        notice.dedup_key,
        notice.incident_id,
        notice.kind,
        notice.severity,
        RANK[notice.severity],
        dump_json(notice_document(notice)),
        now,
        now,
    )
    rows = [(channel, *shared) for channel in channels]
    if not rows:
        return
    places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
    connection.execute(
        "INSERT OR IGNORE INTO alert_deliveries (channel, dedup_key, incident_id, kind, severity, "
        f"urgency, notice, created_at, due_at) VALUES {places}",
        [value for row in rows for value in row],
    )
