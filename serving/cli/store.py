"""``tingfeng store``, ``forget`` and ``consent``: the store's health, and what persons may ask."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import day, open_store, run_id, say, settings

if TYPE_CHECKING:
    from profiles.store.base import Store

StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Person = Annotated[
    str, typer.Argument(help="A person id, former ones too, TYPE:VALUE, or an account's id.")
]
Purpose = Annotated[str, typer.Option(help="What for, e.g. ads, analysis, export.")]
At = Annotated[str | None, typer.Option(help="Date or moment; without it now.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    store = typer.Typer(no_args_is_help=True, help="The store: check it, show what is in it.")
    store.command()(check)
    store.command()(info)
    app.add_typer(store, name="store")
    app.command()(forget)
    consent = typer.Typer(no_args_is_help=True, help="What persons allow: give, withdraw, show.")
    for verb in (give, withdraw, show, count):
        consent.command()(verb)
    app.add_typer(consent, name="consent")


def check(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Verify what must be true of the store; exit code 1 if anything is not."""
    from profiles.store.checks import check_store

    with open_store(settings(store=store)) as opened:
        found = check_store(opened)
        head = _head(opened)
    broken = [one for one in found if not one.ok]
    if as_json:
        checks = [
            {"name": one.name, "ok": one.ok, "violations": one.violations, "rule": one.rule}
            for one in found
        ]
        _print({**head, "ok": not broken, "checks": checks})
    else:
        for one in broken:
            typer.echo(f"{one.name}: {one.violations:,} violation(s); rule: {one.rule}")
        say(f"{len(found)} checks of {head['store']}, {len(broken)} broken")
    if broken:
        raise typer.Exit(1)


def info(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Show where the store is, its layout's version, rows of every table and the last refresh."""
    from profiles.store.tables import SCHEMA_VERSION

    with open_store(settings(store=store)) as opened:
        found = {
            **_head(opened),
            "release_schema_version": SCHEMA_VERSION,
            "last_refresh_as_of": _last_refresh(opened),
            "tables": {name: opened.count(name) for name in opened.tables()},
        }
    if as_json:
        _print(found)
        return
    for name, n in found.pop("tables").items():
        typer.echo(f"{name}\t{n:,}")
    for name, value in found.items():
        say(f"{name}: {value}")


def forget(
    person: Person,
    allow_return: Annotated[
        bool, typer.Option("--allow-return", help="A later load may bring the person back.")
    ] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Remove a person from every table, and show that nothing is left."""
    from dataclasses import replace

    from profiles.privacy import forget as remove
    from serving.alerts.forget import forget_comments

    config = settings(store=store)
    with open_store(config) as opened:
        done = remove(opened, person, run_id("forget"), day(None), allow_return=allow_return)
    quotes = forget_comments(config.home, done.comments)
    done = replace(done, tables={**done.tables, **quotes})
    if as_json:
        _print(
            {
                "person_id": done.person_id,
                "keys": done.keys,
                "complete": done.complete,
                "tombstones": done.tombstones,
                "tables": {name: dict(counts) for name, counts in done.tables.items()},
            }
        )
    else:
        for name, counts in done.tables.items():
            typer.echo(
                f"{name}: {counts['before']:,} rows before, {counts['after']:,} after"
                + (f", {counts['edited']:,} values edited" if counts["edited"] else "")
            )
        say("forgotten; tingfeng refresh recomputes the contents that quoted the person")
    if not done.complete:
        raise typer.Exit(1)


def give(
    person: Person,
    purpose: Purpose,
    basis: Annotated[str, typer.Option(help="Ground in law, e.g. consent, contract.")] = "consent",
    at: At = None,
    store: StoreOption = None,
) -> None:
    """Note that a person's data may be used for a purpose."""
    from profiles.privacy import give_consent

    moment = day(at)
    with open_store(settings(store=store)) as opened:
        given = give_consent(opened, person, purpose, run_id("consent"), moment, basis=basis)
    say(f"{given}: {purpose} allowed from {moment.isoformat()} ({basis})")


def withdraw(person: Person, purpose: Purpose, at: At = None, store: StoreOption = None) -> None:
    """Note that a person no longer allows a purpose."""
    from profiles.privacy import withdraw_consent

    moment = day(at)
    with open_store(settings(store=store)) as opened:
        found = withdraw_consent(opened, person, purpose, run_id("consent"), moment)
    say(f"{found}: {purpose} withdrawn from {moment.isoformat()}")


def show(person: Person, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Show what a person allows and has withdrawn."""
    from profiles.privacy import consents_of

    with open_store(settings(store=store)) as opened:
        rows = consents_of(opened, person)
    if as_json:
        _print({"consents": [{k: _iso(v) for k, v in row.items()} for row in rows]})
        return
    for row in rows:
        until = f" until {_iso(row['withdrawn_at'])}" if row["withdrawn_at"] else ""
        typer.echo(f"{row['purpose']}: {row['basis']}, from {_iso(row['given_at'])}{until}")


def count(at: At = None, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Count the persons who allow each purpose; purposes with too few are left out."""
    from profiles.privacy import consent_counts

    config = settings(store=store)
    with open_store(config) as opened:
        rows = consent_counts(opened, day(at), config.min_group).to_pylist()
    if as_json:
        _print({"min_group": config.min_group, "purposes": rows})
        return
    for row in rows:
        typer.echo(f"{row['purpose']}: {row['n_persons']:,} persons")
    say(f"purposes of fewer than {config.min_group} persons are left out (TINGFENG_MIN_GROUP)")


def _head(opened: Store) -> dict[str, Any]:
    return {
        "store": opened.url,
        "engine": opened.engine,
        "schema_version": int(opened.meta()["schema_version"]),
    }


def _last_refresh(opened: Store) -> str | None:
    runs = opened.rows_where("runs", "verb", ["refresh"]).to_pylist()
    return str(_iso(max(runs, key=lambda run: run["recorded_at"])["as_of"])) if runs else None


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))
