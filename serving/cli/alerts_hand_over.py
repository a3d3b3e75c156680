"""What ``alerts watch`` and ``replay`` do with messages: the outbox of channels, JSON lines."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.cli.common import say

if TYPE_CHECKING:
    from serving.alerts.delivery.notifier import Notifier as Delivery
    from serving.alerts.notifier import Notifier
    from serving.alerts.rules import Rules
    from serving.settings import Settings

_NONE: Final = (
    "--channels, --deliver: expected channels in alerts.channels, found none; see docs/channels.md"
)


def open_delivery(
    config: Settings, channels: Path | None, *, insist: bool, send: bool
) -> Delivery | None:
    """The way to the channels, or None where none are described.

    ``send``: secrets are read now, so that a missing one is told before the first incident.

    Raises:
        ChannelError: the description is wrong, no channel can be used, or with ``insist`` there
            is none.
    """
    from serving.alerts.delivery.errors import ChannelError
    from serving.alerts.delivery.load import delivery_config, outbox_path
    from serving.alerts.delivery.notifier import Notifier as Delivery

    described = delivery_config(config, channels)
    if not described.channels:
        if insist or channels is not None:
            raise ChannelError(_NONE)
        return None
    delivery = Delivery(described, outbox_path(config))
    for fault in delivery.prepare() if send else ():
        say(f"warning: {fault}")
    return delivery


def notifier_for(delivery: Delivery | None, out: Path | None) -> Notifier:
    """The outbox where there are channels; JSON lines to ``out``, or where there are none."""
    from serving.alerts.notifier import JsonlNotifier, Several

    ways: list[Notifier] = [delivery] if delivery is not None else []
    if out is not None or delivery is None:
        ways.append(JsonlNotifier(out))
    return Several(ways)


def whereto(delivery: Delivery | None, out: Path | None) -> str:
    """Where messages will go, for people."""
    if delivery is None:
        return f"no channels: messages go to {out or 'standard output'}"
    return f"messages go to {', '.join(delivery.names)}" + (f" and {out}" if out else "")


def history_notifier(delivery: Delivery | None, out: Path | None) -> Notifier:
    """The same for a replay: channels are told that it is the past, and nothing is printed."""
    from serving.alerts.notifier import History, JsonlNotifier, Several

    ways: list[Notifier] = [History(delivery)] if delivery is not None else []
    if out is not None:
        ways.append(JsonlNotifier(out))
    return Several(ways)


@contextmanager
def delivering(delivery: Delivery | None) -> Iterator[None]:
    """Sends beside the work, in threads; at its end what is due goes out once more."""
    if delivery is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=delivery.run, args=(stop,), name="delivery")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    deliver_now(delivery)


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does: what is being sent is finished and noted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def deliver_now(delivery: Delivery) -> None:
    """One pass over what is due; says what still waits."""
    report = delivery.deliver_due()
    if report.waiting:
        say(f"{report.waiting:,} deliveries wait; tingfeng alerts deliver sends them")


def with_link(rules: Rules, config: Settings) -> Rules:
    """The rules, with the address of the service as the link where they name none."""
    if rules.link or not config.public_url:
        return rules
    link = f"{config.public_url.rstrip('/')}/alerts/{{incident_id}}"
    return rules.model_copy(update={"link": link})
