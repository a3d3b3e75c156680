"""``tingfeng alerts replay | watch``: comments in, incidents and messages out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import make_analyzer, open_dumps, progress, say, settings

if TYPE_CHECKING:
    from nlp.analyzer import Analyzer

RulesFile = Annotated[Path | None, typer.Option(help="YAML; without it the package's rules.")]
Tenant = Annotated[
    str | None, typer.Option(help="Whose comments these are, where they do not say.")
]
ChannelsFile = Annotated[
    Path | None,
    typer.Option("--channels", help="YAML or TOML file of channels; without it the settings'."),
]


def register(group: typer.Typer) -> None:
    """Adds the commands to ``tingfeng alerts``."""
    group.command()(replay)
    group.command()(watch)


def replay(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE…", help="Dumps of comments.")],
    rules: RulesFile = None,
    tenant: Tenant = None,
    speed: Annotated[str, typer.Option(metavar="max", help="As fast as possible.")] = "max",
    format: Annotated[str, typer.Option(help="auto, or a format's name.")] = "auto",
    text_column: Annotated[str | None, typer.Option(help="The column of the comment.")] = None,
    map: Annotated[list[str] | None, typer.Option(metavar="FIELD=COLUMN")] = None,
    notices: Annotated[
        Path | None, typer.Option(help="Append every message, as JSON lines.")
    ] = None,
    channels: ChannelsFile = None,
    deliver: Annotated[
        bool | None,
        typer.Option(
            help="Send messages about the past to the channels, marked so; with --channels on."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Run the rules over history; one JSON object per incident, on standard output."""
    from itertools import chain

    from serving.alerts.intake import watched_batches
    from serving.alerts.replay import incident_line
    from serving.alerts.replay import replay as run
    from serving.alerts.rules import load_rules
    from serving.cli import alerts_hand_over as hand_over

    if speed != "max":
        raise typer.BadParameter(f"--speed: expected max, found {speed!r}")
    config = settings(model=model)
    loaded = hand_over.with_link(load_rules(rules, tenant=tenant), config)
    asked = deliver if deliver is not None else channels is not None
    delivery = hand_over.open_delivery(config, channels, insist=True, send=True) if asked else None
    dumps = open_dumps(inputs, format=format, text_column=text_column, mapping=map)
    analyzer = _lazy(model)
    batches = chain.from_iterable(watched_batches(d, analyzer, loaded.brands, say) for d in dumps)
    offer = hand_over.history_notifier(delivery, notices).offer
    with progress(sum(d.rows for d in dumps), "reading") as advance:
        found = run(batches, loaded, offer, advance)
    for incident in found:
        typer.echo(json.dumps(incident_line(incident), ensure_ascii=False))
    counted = "1 incident" if len(found) == 1 else f"{len(found):,} incidents"
    say(f"{counted} in {sum(d.rows for d in dumps):,} rows")
    if delivery is not None:
        with redirect_stdout(sys.stderr):  # standard output is for incidents
            hand_over.deliver_now(delivery)


def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="store, a folder of growing dumps, or - for JSON lines."
        ),
    ] = "store",
    rules: RulesFile = None,
    tenant: Tenant = None,
    every: Annotated[float, typer.Option(help="Seconds between passes.")] = 30.0,
    passes: Annotated[int | None, typer.Option(help="End after so many passes.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Append messages to this file, as JSON lines.")
    ] = None,
    channels: ChannelsFile = None,
    deliver: Annotated[
        bool | None,
        typer.Option(help="Send to the channels from here; --no-deliver leaves that to others."),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics on this port.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store URL.")] = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Watch comments as they come; messages go to the channels, or out as JSON lines."""
    from serving.alerts.journal import FILE, Journal
    from serving.alerts.rules import load_rules
    from serving.alerts.sources import open_source
    from serving.alerts.watch import Watcher, run_watch
    from serving.cli import alerts_hand_over as hand_over

    if every <= 0:
        raise typer.BadParameter(f"--every: expected seconds above 0, found {every:g}")
    config = settings(store=store, model=model)
    loaded = hand_over.with_link(load_rules(rules, tenant=tenant), config)
    send = deliver is not False
    delivery = hand_over.open_delivery(config, channels, insist=bool(deliver), send=send)
    opened = open_source(source, config, _lazy(model), loaded, say)
    sent = hand_over.delivering(delivery if send else None)
    with hand_over.stoppable(), Journal(config.home / FILE) as journal, sent:
        say(f"watching {source}; {hand_over.whereto(delivery, out)}; stop with Ctrl-C")
        watcher = Watcher(journal, loaded, opened, hand_over.notifier_for(delivery, out))
        run_watch(watcher, every_s=every, passes=passes, metrics_port=metrics_port, tell=say)


def _lazy(model: str | None) -> Callable[[], Analyzer]:
    """The analyzer, loaded when the first comment needs it."""
    loaded: list[Any] = []

    def analyzer() -> Analyzer:
        if not loaded:
            loaded.append(make_analyzer(settings(model=model)))
        found: Analyzer = loaded[0]
        return found

    return analyzer
