"""``tingfeng alerts``: replay history, watch, and work with incidents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli import alerts_channels
from serving.cli.common import make_analyzer, open_dumps, progress, say, settings

if TYPE_CHECKING:
    from nlp.analyzer import Analyzer
    from serving.alerts.incidents import Incident
    from serving.alerts.journal import Journal
    from serving.settings import Settings

app = typer.Typer(
    help="Crisis monitoring: watch, replay, list, show, ack, silence, assign.", no_args_is_help=True
)
RulesFile = Annotated[Path | None, typer.Option(help="YAML; without it the package's rules.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
alerts_channels.register(app)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="alerts")


@app.command()
def replay(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE…", help="Dumps of comments.")],
    rules: RulesFile = None,
    speed: Annotated[str, typer.Option(metavar="max", help="As fast as possible.")] = "max",
    format: Annotated[str, typer.Option(help="auto, or a format's name.")] = "auto",
    text_column: Annotated[str | None, typer.Option(help="The column of the comment.")] = None,
    map: Annotated[list[str] | None, typer.Option(metavar="FIELD=COLUMN")] = None,
    notices: Annotated[
        Path | None, typer.Option(help="Append every message, as JSON lines.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Run the rules over history; one JSON object per incident, on standard output."""
    from itertools import chain

    from serving.alerts.intake import watched_batches
    from serving.alerts.notifier import JsonlNotifier
    from serving.alerts.replay import incident_line
    from serving.alerts.replay import replay as run
    from serving.alerts.rules import load_rules

    if speed != "max":
        raise typer.BadParameter(f"--speed: expected max, found {speed!r}")
    loaded = load_rules(rules)
    dumps = open_dumps(inputs, format=format, text_column=text_column, mapping=map)
    analyzer = _lazy(model)
    batches = chain.from_iterable(watched_batches(d, analyzer, loaded.brands, say) for d in dumps)
    offer = JsonlNotifier(notices).offer if notices is not None else lambda _: None
    with progress(sum(d.rows for d in dumps), "reading") as advance:
        found = run(batches, loaded, offer, advance)
    for incident in found:
        typer.echo(json.dumps(incident_line(incident), ensure_ascii=False))
    say(f"{len(found):,} incidents in {sum(d.rows for d in dumps):,} rows")


@app.command()
def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="store, a folder of growing dumps, or - for JSON lines."
        ),
    ] = "store",
    rules: RulesFile = None,
    every: Annotated[float, typer.Option(help="Seconds between passes.")] = 30.0,
    passes: Annotated[int | None, typer.Option(help="End after so many passes.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Append messages to this file, as JSON lines.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics on this port.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store URL.")] = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Watch comments as they come; messages go to standard output or --out."""
    from serving.alerts.notifier import JsonlNotifier
    from serving.alerts.rules import load_rules
    from serving.alerts.sources import open_source
    from serving.alerts.watch import Watcher, run_watch

    if every <= 0:
        raise typer.BadParameter(f"--every: expected seconds above 0, found {every:g}")
    config, loaded = settings(store=store, model=model), load_rules(rules)
    opened = open_source(source, config, _lazy(model), loaded, say)
    with _journal(config) as journal:
        watcher = Watcher(journal, loaded, opened, JsonlNotifier(out))
        run_watch(watcher, every_s=every, passes=passes, metrics_port=metrics_port, tell=say)


@app.command("list")
def list_incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Only those not closed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List incidents, newest first."""
    from serving.alerts.postmortem import state_of
    from serving.alerts.replay import incident_line, iso

    with _journal(settings()) as journal:
        found = journal.incidents(open_only=open_only)
    if as_json:
        rows = [{**incident_line(one), "state": state_of(one)} for one in found]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for one in found:
        typer.echo(
            f"{one.id}  {iso(one.opened_at)}  {one.severity:8}  {state_of(one):12}  {_title(one)}  "
            f"{one.root.observed} / {one.root.expected:.1f}"
        )
    say(f"{len(found):,} incidents")


@app.command()
def show(
    incident: Annotated[str, typer.Argument(help="An id, or how it begins.")],
    as_json: AsJson = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the post-mortem here.")] = None,
) -> None:
    """Show one incident with its timeline; --markdown FILE writes a post-mortem."""
    from serving.alerts.postmortem import post_mortem, state_of
    from serving.alerts.replay import incident_line, iso

    with _journal(settings()) as journal:
        found = journal.incident(incident)
    if markdown is not None:
        markdown.write_text(post_mortem(found), "utf-8")
        say(str(markdown))
    if as_json:
        steps = [{"at": iso(at), "what": what, "detail": text} for at, what, text in found.timeline]
        line = {**incident_line(found), "state": state_of(found), "timeline": steps}
        typer.echo(json.dumps(line, ensure_ascii=False))
    elif markdown is None:
        typer.echo(post_mortem(found))


@app.command()
def ack(
    incident: Annotated[str, typer.Argument(help="An id, or how it begins.")],
    by: Annotated[str, typer.Option(help="Who.")] = "operator",
) -> None:
    """Acknowledge: no more reminders, no escalation; news still comes."""
    from serving.alerts.actions import acknowledge

    with _journal(settings()) as journal:
        say(f"{acknowledge(journal, incident, by, _now())} acknowledged by {by}")


@app.command()
def assign(
    incident: Annotated[str, typer.Argument(help="An id, or how it begins.")],
    to: Annotated[str, typer.Option(help="Whose it is.")],
) -> None:
    """Say whose the incident is."""
    from serving.alerts.actions import assign as give

    with _journal(settings()) as journal:
        say(f"{give(journal, incident, to, _now())} assigned to {to}")


@app.command()
def silence(
    matchers: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE…", help="e.g. content=7301, severity=info, incident=ID."
        ),
    ],
    minutes: Annotated[float, typer.Option(help="How long.")] = 60.0,
    by: Annotated[str, typer.Option(help="Who.")] = "operator",
    why: Annotated[str, typer.Option(help="The reason.")] = "",
) -> None:
    """No messages about what matches, for a while; it goes on being watched."""
    from serving.alerts.actions import add_silence
    from serving.cli.common import pairs

    wanted = pairs(matchers, "NAME=VALUE")
    with _journal(settings()) as journal:
        made = add_silence(journal, wanted, minutes=minutes, by=by, why=why, now=_now())
    say(f"{made.id}: silent for {minutes:g} minutes: {' '.join(matchers)}")


def _lazy(model: str | None) -> Callable[[], Analyzer]:
    """The analyzer, loaded when the first comment needs it."""
    loaded: list[Any] = []

    def analyzer() -> Analyzer:
        if not loaded:
            loaded.append(make_analyzer(settings(model=model)))
        found: Analyzer = loaded[0]
        return found

    return analyzer


def _journal(config: Settings) -> Journal:
    from serving.alerts.journal import FILE, Journal

    return Journal(config.home / FILE)


def _title(incident: Incident) -> str:
    from serving.alerts.monitor import title

    return title(incident)


def _now() -> int:
    import time

    return int(time.time())
