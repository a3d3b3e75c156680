"""The way in: incidents offer notices, the outbox keeps them, the sender delivers them."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from serving.alerts.delivery.channels.build import build_channels
from serving.alerts.delivery.config import DeliveryConfig
from serving.alerts.delivery.errors import ChannelError
from serving.alerts.delivery.outbox import Outbox
from serving.alerts.delivery.sender import POLL_S, Report, Sender, log
from serving.alerts.delivery.tables import offer_rows
from serving.alerts.notice import Notice


class Notifier:
    """Offers notices to the channels that take them and delivers them.

    ``path`` is the SQLite file of the outbox. Offering needs no secrets; they are read when the
    first message is sent.
    """

    def __init__(self, config: DeliveryConfig, path: Path) -> None:
        self._config = config
        self.outbox = Outbox(path)
        self.faults: tuple[str, ...] = ()  # channels that could not be made, and why
        self._sender: Sender | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The channels, in the order of their description."""
        return tuple(self._config.channels)

    def offer(self, notice: Notice, *, connection: sqlite3.Connection | None = None) -> None:
        """Puts the notice into the outbox once per channel and dedup key.

        With a ``connection`` (to the same file, or another database after ``create_tables``) it is
        one statement in the caller's transaction, so that an incident and its notices are saved
        together or not at all.
        """
        taking = [name for name, one in self._config.channels.items() if one.takes(notice)]
        if connection is None:
            self.outbox.offer(taking, notice, time.time())
        else:
            offer_rows(connection, taking, notice, time.time())

    def prepare(self) -> tuple[str, ...]:
        """Reads the secrets now; what is wrong with channels that cannot be used.

        Raises:
            ChannelError: no channel can be used.
        """
        self._ready()
        return self.faults

    def deliver_due(self, now: float | None = None) -> Report:
        """One pass over what is due; ``now`` are epoch seconds.

        Raises:
            ChannelError: no channel can be used. Where some can, the others stand in ``faults`` and
                their rows wait.
        """
        return self._ready().deliver_due(now)

    def run(self, stop: threading.Event, every_s: float = POLL_S) -> None:
        """Delivers until ``stop`` is set. Raises: ChannelError as above."""
        self._ready().run(stop, every_s)

    def _ready(self) -> Sender:
        if self._sender is None:
            channels, faults = build_channels(self._config)
            if faults and not channels:
                raise ChannelError("; ".join(faults))
            for fault in faults:
                log.error("%s", fault)
            self.faults = faults
            give_up = self._config.give_up_after_s
            self._sender = Sender(self.outbox, channels, give_up_after_s=give_up)
        return self._sender
