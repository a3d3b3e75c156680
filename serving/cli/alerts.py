"""``tingfeng alerts``: work with incidents; the other verbs are in the modules beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli import alerts_channels, alerts_run
from serving.cli.common import say, settings

if TYPE_CHECKING:
    from serving.alerts.incidents import Incident
    from serving.alerts.journal import Journal
    from serving.settings import Settings

app = typer.Typer(
    help="Crisis monitoring: watch, replay, list, show, ack, silence, assign.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
alerts_run.register(app)
alerts_channels.register(app)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="alerts")


@app.command("list")
def list_incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Only those not closed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List incidents, newest first."""
    from serving.alerts.documents import incident_document, state_of
    from serving.alerts.replay import iso

    with _journal(settings()) as journal:
        found = journal.incidents(open_only=open_only)
    if as_json:
        typer.echo(json.dumps(list(map(incident_document, found)), ensure_ascii=False))
        return
    for one in found:
        typer.echo(
            f"{one.id}  {iso(one.opened_at)}  {one.severity:8}  {state_of(one):12}  {_title(one)}  "
            f"{one.root.observed} / {one.root.expected:.1f}"
        )
    say("1 incident" if len(found) == 1 else f"{len(found):,} incidents")


@app.command()
def show(
    incident: Annotated[str, typer.Argument(help="An id, or how it begins.")],
    as_json: AsJson = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the post-mortem here.")] = None,
) -> None:
    """Show one incident with its timeline; --markdown FILE writes a post-mortem."""
    from serving.alerts.documents import incident_document
    from serving.alerts.postmortem import post_mortem

    with _journal(settings()) as journal:
        found = journal.incident(incident)
    if markdown is not None:
        markdown.write_text(post_mortem(found), "utf-8")
        say(str(markdown))
    if as_json:
        typer.echo(json.dumps(incident_document(found), ensure_ascii=False))
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


@app.command()
def silences(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List silences, the first to end first."""
    from serving.alerts.documents import silence_document

    with _journal(settings()) as journal:
        found = [one for one in journal.silences() if every or one.ends > _now()]
    rows = list(map(silence_document, found))
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        matchers = " ".join(f"{name}={value}" for name, value in row["matchers"].items())
        told = (
            f"{row['silence_id']}  until {row['ends_at']}  {matchers}  by {row['by']}  {row['why']}"
        )
        typer.echo(told.rstrip())
    say(f"{len(rows):,} silences")


@app.command()
def unsilence(
    silence: Annotated[str, typer.Argument(help="Its id; see silences.")],
) -> None:
    """End a silence now: what still fires under it is told."""
    from serving.alerts.actions import end_silence

    with _journal(settings()) as journal:
        end_silence(journal, silence, _now())
    say(f"{silence}: ended")


def _journal(config: Settings) -> Journal:
    from serving.alerts.journal import FILE, Journal

    return Journal(config.home / FILE)


def _title(incident: Incident) -> str:
    from serving.alerts.monitor import title

    return title(incident)


def _now() -> int:
    import time

    return int(time.time())
