"""The outbox: what must be delivered, to which channel, and how far it is; one SQLite file (WAL).

At least once: a row is put in once per channel and dedup key, leased while it is sent, and marked
after the answer. A sender that is killed in between leaves a lease that runs out; the row is then
sent again with the same dedup key.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from serving.alerts.delivery import budget
from serving.alerts.delivery.channels.base import Rate
from serving.alerts.delivery.database import connected, transaction
from serving.alerts.delivery.errors import DeliveryError
from serving.alerts.delivery.tables import create_tables, offer_rows
from serving.alerts.notice import Notice

FILE: Final = "alerts.db"
LEASE_S: Final = 60.0  # longer than any attempt may take (wire: 15 s, mail: 45 s)
KEEP_TEXTS_S: Final = 90 * 86_400.0
_COUNTS: Final = "SELECT state, count(*) FROM alert_deliveries GROUP BY state"
_OPEN: Final = "state IN ('pending', 'sending')"
# The most urgent row that is due or whose lease has run out, none of its incident before it.
_NEXT: Final = f"""
    SELECT delivery_id, notice, attempts, withheld FROM alert_deliveries AS row
    WHERE channel = :channel AND {_OPEN}
      AND CASE state WHEN 'pending' THEN due_at ELSE leased_until END <= :now
      AND NOT EXISTS (
        SELECT 1 FROM alert_deliveries AS before
        WHERE before.channel = row.channel AND before.incident_id = row.incident_id
          AND before.delivery_id < row.delivery_id AND before.{_OPEN})
    ORDER BY urgency DESC, delivery_id LIMIT 1"""
_SHOWN: Final = (
    "delivery_id, channel, dedup_key, incident_id, kind, severity, state, attempts, withheld, "
    "created_at, due_at, sent_at, code, message"
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A row that this process may send until ``leased_until``."""

    delivery_id: int
    token: str
    slot: int
    attempts: int  # this one included
    withheld: bool
    notice: str = field(repr=False)


class Outbox:
    """The outbox in a file; every call opens its own connection: threads and processes share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with connected(self.path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            create_tables(connection)

    def offer(self, channels: Iterable[str], notice: Notice, now: float) -> None:
        """Puts the notice in for each channel, once."""
        with transaction(self.path) as connection:
            offer_rows(connection, channels, notice, now)

    def claim(self, channel: str, target: str, rate: Rate, now: float) -> Claim | float | None:
        """The next row, leased; or when the receiver takes more; or None where nothing is due."""
        with transaction(self.path) as connection:
            row = connection.execute(_NEXT, {"channel": channel, "now": now}).fetchone()
            if row is None:
                return None
            slot = budget.take(connection, target, rate, now, until=now + LEASE_S)
            if isinstance(slot, float):
                return slot
            token = uuid.uuid4().hex
            connection.execute(
                "UPDATE alert_deliveries SET state = 'sending', attempts = attempts + 1, "
                "leased_until = ?, leased_by = ? WHERE delivery_id = ?",
                (now + LEASE_S, token, row["delivery_id"]),
            )
        return Claim(
            delivery_id=row["delivery_id"],
            token=token,
            slot=slot,
            attempts=row["attempts"] + 1,
            withheld=bool(row["withheld"]),
            notice=row["notice"],
        )

    def mark_sent(self, claim: Claim, code: str, message: str, now: float) -> None:
        """It arrived; also true where the lease has run out meanwhile."""
        with transaction(self.path) as connection:
            budget.settle(connection, claim.slot, now)
            connection.execute(
                "UPDATE alert_deliveries SET state = 'sent', sent_at = ?, code = ?, message = ?, "
                "leased_by = NULL WHERE delivery_id = ? AND state <> 'sent'",
                (now, code, message, claim.delivery_id),
            )

    def mark_failed(
        self,
        claim: Claim,
        code: str,
        message: str,
        now: float,
        *,
        due_at: float | None,
        withhold: bool = False,
    ) -> None:
        """It did not arrive: due again at ``due_at``, or dead where that is None.

        ``withhold``: the next attempt goes without the comments' words.
        """
        state = "dead" if due_at is None else "pending"
        with transaction(self.path) as connection:
            budget.settle(connection, claim.slot, now)
            connection.execute(
                "UPDATE alert_deliveries SET state = ?, due_at = coalesce(?, due_at), code = ?, "
                "message = ?, withheld = max(withheld, ?), leased_by = NULL "
                "WHERE delivery_id = ? AND leased_by = ?",
                (state, due_at, code, message, withhold, claim.delivery_id, claim.token),
            )

    def block(self, target: str, until: float) -> None:
        """Nothing goes to the target until then, whichever channel or process."""
        with transaction(self.path) as connection:
            budget.block(connection, target, until)

    def expire(self, now: float, give_up_after_s: float) -> int:
        """Makes rows dead that waited too long, forgets old texts; returns how many died."""
        with transaction(self.path) as connection:
            died = connection.execute(
                "UPDATE alert_deliveries SET state = 'dead', "
                "message = 'given up; ' || coalesce(message, 'never tried') "
                "WHERE state = 'pending' AND created_at < ?",
                (now - give_up_after_s,),
            ).rowcount
            connection.execute(
                "UPDATE alert_deliveries SET notice = '' "
                "WHERE notice <> '' AND state IN ('sent', 'dead') AND created_at < ?",
                (now - KEEP_TEXTS_S,),
            )
        return died

    def redeliver(self, delivery_id: int, now: float) -> None:
        """Makes a dead row due again. Raises: DeliveryError where it is not dead or has no text."""
        with transaction(self.path) as connection:
            changed = connection.execute(
                "UPDATE alert_deliveries SET state = 'pending', attempts = 0, withheld = 0, "
                "created_at = ?, due_at = ? WHERE delivery_id = ? AND state = 'dead' "
                "AND notice <> ''",
                (now, now, delivery_id),
            ).rowcount
        if not changed:
            raise DeliveryError(
                f"expected a dead delivery, found none with id {delivery_id}; "
                "list them: tingfeng alerts deliveries --state dead"
            )

    def rows(self, *, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The newest rows without their texts."""
        with connected(self.path) as connection:
            found = connection.execute(
                f"SELECT {_SHOWN} FROM alert_deliveries "
                "WHERE ? IS NULL OR state = ? ORDER BY delivery_id DESC LIMIT ?",
                (state, state, limit),
            )
            return [dict(row) for row in found]

    def counts(self) -> dict[str, int]:
        """Rows by state."""
        with connected(self.path) as connection:
            found = connection.execute(
                "SELECT state, count(*) FROM alert_deliveries GROUP BY state"
            )
            return dict(map(tuple, found))

    def take_slot(self, target: str, rate: Rate, now: float) -> int | float:
        """Room for one message outside the outbox: its number, or when there will be some."""
        with transaction(self.path) as connection:
            return budget.take(connection, target, rate, now, until=now + LEASE_S)

    def settle_slot(self, slot: int, now: float) -> None:
        """The message of that room went out at ``now`` at the latest."""
        with transaction(self.path) as connection:
            budget.settle(connection, slot, now)
