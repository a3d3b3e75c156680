"""``tingfeng key``: make, list, revoke and rotate the keys of the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import say, settings

if TYPE_CHECKING:
    from serving.api.keys import KeyFile, KeyRecord

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="See tingfeng key list.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Keys of the API.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("list", list_keys),
        ("revoke", revoke),
        ("rotate", rotate),
    ):
        group.command(name)(command)
    app.add_typer(group, name="key")


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            "--scopes",
            help="analyze, profiles or admin (all); repeat it, or use commas.",
        ),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Jobs are seen by keys of one tenant.")] = "default",
    expires_days: Annotated[
        float | None, typer.Option(min=0.001, help="Without it the key does not expire.")
    ] = None,
    requests_per_min: Annotated[
        int | None, typer.Option(min=1, help="Default: TINGFENG_KEY_REQUESTS_PER_MIN.")
    ] = None,
    texts_per_day: Annotated[
        int | None, typer.Option(min=1, help="Quota from 00:00 UTC; without it none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    record, token = _keys().create(
        name,
        [part for given in scope or ["analyze"] for part in given.split(",") if part],
        tenant=tenant,
        lifetime=timedelta(days=expires_days) if expires_days else None,
        requests_per_min=requests_per_min,
        texts_per_day=texts_per_day,
    )
    _print(record, token, as_json)


def list_keys(as_json: AsJson = False) -> None:
    """Every key with its scopes and state, without the keys themselves."""
    now = datetime.now(UTC)
    rows = [record.shown(now) for record in _keys().records()]
    if as_json:
        typer.echo(json.dumps({"keys": rows}, ensure_ascii=False))
        return
    for row in rows:
        scopes = ",".join(map(str, row["scopes"] if isinstance(row["scopes"], list) else []))
        ends = row["expires_at"] or "never"
        typer.echo(
            f"{row['id']}  {row['state']:<8} {scopes:<24} {row['tenant']}  {row['name']}  "
            f"expires {ends}"
        )
    if not rows:
        say("no keys yet; make one with: tingfeng key create NAME --scope analyze")


def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """End a key now; a running service refuses it from the next call on."""
    record = _keys().revoke(key_id)
    if as_json:
        typer.echo(json.dumps(record.shown(datetime.now(UTC)), ensure_ascii=False))
    else:
        say(f"{record.id} ({record.name}) is revoked")


def rotate(
    key_id: KeyId,
    grace_hours: Annotated[
        float, typer.Option(min=0, help="How long the old key stays valid beside the new one.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a successor with the same rights and print it, this once."""
    record, token = _keys().rotate(key_id, grace=timedelta(hours=grace_hours))
    _print(record, token, as_json)


def _print(record: KeyRecord, token: str, as_json: bool) -> None:
    if as_json:
        shown = record.shown(datetime.now(UTC)) | {"key": token}
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    say(f"{record.id}: {record.name}, {','.join(record.scopes)}; keep the key, it is not stored")
    typer.echo(token)


def _keys() -> KeyFile:
    from serving.api.keys import KeyFile

    return KeyFile(settings().home)
