"""``tingfeng alerts test-channel | deliver | deliveries | redeliver``: where alerts go."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from serving.cli.common import say, settings

if TYPE_CHECKING:
    from serving.alerts.delivery.sender import Report
    from serving.alerts.delivery.trial import Trial

ChannelsOption = Annotated[
    Path | None, typer.Option("--channels", help="YAML or TOML file with alerts: channels: …")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
_NEXT_STEP: Final = {
    "final": "check the address, the secret and the robot's security settings",
    "limited": "wait, then try again",
    "retry": "check the network and the receiver, then try again",
    "shorten": "the receiver refuses what the message says",
    "uncertain": "look the code up in the robot's documentation",
}


class State(StrEnum):
    """States of a delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


def register(group: typer.Typer) -> None:
    """Adds the commands to ``tingfeng alerts``."""
    group.command("test-channel")(test_channel)
    for command in (deliver, deliveries, redeliver):
        group.command()(command)


def test_channel(
    name: Annotated[str, typer.Argument(help="The channel's name in alerts.channels.")],
    channels: ChannelsOption = None,
    show: Annotated[bool, typer.Option(help="Print the message instead of sending it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send a test message to one channel and say what the receiver answered."""
    from datetime import UTC, datetime

    from serving.alerts.delivery.channels.build import build_channel
    from serving.alerts.delivery.load import delivery_config, outbox_path
    from serving.alerts.delivery.outbox import Outbox
    from serving.alerts.delivery.trial import sample_notice, try_channel

    config = settings()
    channel = build_channel(name, delivery_config(config, channels))
    if show:
        typer.echo(channel.render(sample_notice(datetime.now(UTC))))
        return
    with _messages_apart(as_json):
        trial = try_channel(channel, Outbox(outbox_path(config)))
    _tell_trial(trial, as_json=as_json)


def deliver(
    channels: ChannelsOption = None,
    forever: Annotated[bool, typer.Option(help="Go on until stopped.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Deliver what is due in the outbox."""
    from serving.alerts.delivery.errors import ChannelError
    from serving.alerts.delivery.load import delivery_config, outbox_path
    from serving.alerts.delivery.notifier import Notifier

    config = settings()
    described = delivery_config(config, channels)
    if not described.channels:
        raise ChannelError("expected channels in alerts.channels, found none; see docs/channels.md")
    notifier = Notifier(described, outbox_path(config))
    if forever:
        _forever(notifier.run)
        return
    with _messages_apart(as_json):
        report = notifier.deliver_due()
    _tell_report(report, notifier.faults, as_json=as_json)
    if notifier.faults:
        raise typer.Exit(1)


def deliveries(
    state: Annotated[State | None, typer.Option(help="Only these; dead: given up.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    from serving.alerts.delivery.load import outbox_path
    from serving.alerts.delivery.outbox import Outbox

    outbox = Outbox(outbox_path(settings()))
    rows = [_shown(row) for row in outbox.rows(state=state and state.value, limit=limit)]
    if as_json:
        document = {"deliveries": rows, "counts": outbox.counts()}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    for row in rows:
        told = " ".join(str(row[name]) for name in ("code", "message") if row[name])
        typer.echo(
            f"{row['delivery_id']}  {row['created_at']}  {row['state']}  {row['channel']}  "
            f"{row['incident_id']} {row['kind']}  attempts={row['attempts']}  {told}".rstrip()
        )
    say(", ".join(f"{n:,} {name}" for name, n in outbox.counts().items()) or "no deliveries yet")


def redeliver(
    delivery_id: Annotated[int, typer.Argument(help="Id of a dead delivery.")],
) -> None:
    """Make a dead delivery due again."""
    import time

    from serving.alerts.delivery.load import outbox_path
    from serving.alerts.delivery.outbox import Outbox

    Outbox(outbox_path(settings())).redeliver(delivery_id, time.time())
    say(f"delivery {delivery_id} is due; tingfeng alerts deliver sends it")


def _messages_apart(as_json: bool) -> AbstractContextManager[Any]:
    """With --json, messages of channels to standard output go to standard error instead."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def _tell_trial(trial: Trial, *, as_json: bool) -> None:
    from serving.alerts.delivery.errors import DeliveryError

    outcome = trial.outcome
    if as_json:
        document = {
            "channel": trial.channel,
            "kind": trial.kind,
            "ok": trial.arrived,
            "result": outcome.result,
            "code": outcome.code,
            "message": outcome.message,
            "seconds": round(trial.seconds, 3),
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        if not trial.arrived:
            raise typer.Exit(1)
        return
    if not trial.arrived:
        raise DeliveryError(
            f"channel {trial.channel}: expected that the receiver takes the message, found "
            f"{outcome.code} ({outcome.message}); {_NEXT_STEP[outcome.result]}"
        )
    note = f" ({outcome.message})" if outcome.message else ""
    say(f"channel {trial.channel}: {trial.kind} took the message in {trial.seconds:.1f} s{note}")


def _tell_report(report: Report, faults: tuple[str, ...], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps({**asdict(report), "faults": list(faults)}, ensure_ascii=False))
        return
    say(
        f"{report.sent:,} sent, {report.retried:,} to be tried again, {report.dead:,} dead, "
        f"{report.waiting:,} waiting"
    )


def _forever(run: Any) -> None:
    """Runs until SIGINT or SIGTERM; what is being sent is finished."""
    import signal
    import threading

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    say("delivering; stop with Ctrl-C")
    run(stop)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times in ISO 8601."""
    from datetime import UTC, datetime

    def iso(seconds: float | None) -> str | None:
        if seconds is None:
            return None
        at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
        return at.replace("+00:00", "Z")

    times = {name: iso(row[name]) for name in ("created_at", "due_at", "sent_at")}
    return {**row, **times, "withheld": bool(row["withheld"])}
