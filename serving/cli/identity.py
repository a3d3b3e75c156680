"""``tingfeng identity``: how persons were put together, and taking them apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import open_store, run_id, say, settings

if TYPE_CHECKING:
    from profiles.cuts import CutResult
    from profiles.store.duckdb_store import DuckDBStore

StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Person = Annotated[
    str, typer.Argument(help="A person id, former ones too, TYPE:VALUE, or an account's id.")
]
Identifiers = Annotated[
    list[str], typer.Argument(metavar="IDENTIFIER…", help="TYPE:VALUE or a key of `show`.")
]


def register(app: typer.Typer) -> None:
    """Adds the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Who is who: audit, show, split, rejoin.")
    for command in (audit, show, split, rejoin):
        group.command()(command)
    app.add_typer(group, name="identity")


def audit(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Count persons, their sizes, refused links; list the largest."""
    from profiles.audit import audit_identity

    with _resolved(store) as opened:
        _show(audit_identity(opened), as_json=as_json)


def show(person: Person, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Show one person's identifiers, refused links, cuts and lineage."""
    from profiles.audit import show_person

    with _resolved(store) as opened:
        _show(show_person(opened, person), as_json=as_json)


def split(person: Person, identifiers: Identifiers, store: StoreOption = None) -> None:
    """Take identifiers out of a person; later links between the two are refused."""
    from profiles.cuts import split as cut

    with _resolved(store) as opened:
        _say(cut(opened, person, identifiers, run_id("split")), "split")


def rejoin(person: Person, identifiers: Identifiers, store: StoreOption = None) -> None:
    """Undo a split between a person and identifiers."""
    from profiles.cuts import rejoin as lift

    with _resolved(store) as opened:
        _say(lift(opened, person, identifiers, run_id("rejoin")), "lifted")


@contextmanager
def _resolved(store: str | None) -> Iterator[DuckDBStore]:
    from profiles.persons import resolve_if_stale

    with open_store(settings(store=store)) as opened:
        with opened.transaction():
            resolve_if_stale(opened, run_id("resolve"))
        yield opened


def _say(result: CutResult, done: str) -> None:
    for person in result.persons:
        typer.echo(person)
    say(
        f"{done}: {', '.join(result.cuts)}; {len(result.persons)} persons now; "
        "tingfeng refresh recomputes their profiles"
    )


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            typer.echo(f"{name}:")
            for row in value:
                typer.echo("  " + "  ".join(f"{k}={v}" for k, v in row.items()))
        else:
            text = json.dumps(value, ensure_ascii=False, default=str)
            typer.echo(f"{name}: {text if isinstance(value, list | dict) else value}")
