"""How many messages a receiver gets, counted in the outbox's database so that processes share it.

A slot counts from when it was taken until its message had surely arrived, and for a minute from
then: so no minute on the receiver's clock sees more than the rate, whatever the network's delay. A
killed sender leaves its slot at the end of its lease, the latest moment it could have sent at.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from serving.alerts.delivery.channels.base import Rate

MINUTE_S: Final = 60.0
_BOGUS_S: Final = 600.0  # a slot further ahead was taken before the clock was set back
TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS alert_slots (
        slot_id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, until REAL NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS alert_slots_target ON alert_slots (target, until)",
    """CREATE TABLE IF NOT EXISTS alert_blocks (
        target TEXT PRIMARY KEY, until REAL NOT NULL
    ) WITHOUT ROWID""",
)


def take(
    connection: sqlite3.Connection, target: str, rate: Rate, now: float, *, until: float
) -> int | float:
    """A slot's number, or the time from which there may be one. Inside a write transaction."""
    connection.execute(
        "DELETE FROM alert_slots WHERE target = ? AND (until <= ? OR until > ?)",
        (target, now - MINUTE_S, now + _BOGUS_S),
    )
    free_at = max(
        _blocked_until(connection, target, now),
        _free_at(connection, target, rate.per_minute, MINUTE_S, now),
        _free_at(connection, target, rate.per_second, 1.0, now),
    )
    if free_at > now:
        return free_at
    found = connection.execute(
        "INSERT INTO alert_slots (target, until) VALUES (?, ?)", (target, until)
    )
    return int(found.lastrowid or 0)


def settle(connection: sqlite3.Connection, slot: int, now: float) -> None:
    """The slot's message arrived, or failed, at ``now`` at the latest."""
    connection.execute("UPDATE alert_slots SET until = ? WHERE slot_id = ?", (now, slot))


def block(connection: sqlite3.Connection, target: str, until: float) -> None:
    """No message for the target until then."""
    connection.execute(
        "INSERT INTO alert_blocks VALUES (?, ?) "
        "ON CONFLICT (target) DO UPDATE SET until = max(until, excluded.until)",
        (target, until),
    )


def _blocked_until(connection: sqlite3.Connection, target: str, now: float) -> float:
    row = connection.execute(
        "SELECT until FROM alert_blocks WHERE target = ?", (target,)
    ).fetchone()
    until = float(row[0]) if row else now
    return until if until <= now + 2 * 3600 else now  # further ahead: the clock was set back


def _free_at(
    connection: sqlite3.Connection, target: str, limit: int | None, window_s: float, now: float
) -> float:
    """When the window has room: as the limit-th newest slot leaves it."""
    if limit is None:
        return now
    row = connection.execute(
        "SELECT until FROM alert_slots WHERE target = ? AND until > ? "
        "ORDER BY until DESC LIMIT 1 OFFSET ?",
        (target, now - window_s, limit - 1),
    ).fetchone()
    return float(row[0]) + window_s if row else now
