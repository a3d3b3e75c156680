"""``tingfeng fetch douyin …``: dumps from the Douyin Open Platform's own API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import pairs, say, settings

if TYPE_CHECKING:
    from serving.settings import Settings
    from serving.sources.douyin_client import DouyinClient
    from serving.sources.douyin_fetch import FetchSummary
    from serving.sources.douyin_sender import Sender

OutOption = Annotated[Path, typer.Option(help="FILE.jsonl")]
AccountOption = Annotated[str | None, typer.Option(help="The open id, where several log in.")]
ResumeOption = Annotated[bool, typer.Option(help="Go on where a broken fetch was.")]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A further parameter that the platform asks for."),
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Dumps from a platform's own API.", no_args_is_help=True)
    douyin = typer.Typer(help="The Douyin Open Platform.", no_args_is_help=True)
    for command in (authorize, login, status, comments, items, fans):
        douyin.command()(command)
    group.add_typer(douyin, name="douyin")
    app.add_typer(group, name="fetch")


def authorize(
    redirect_uri: Annotated[str, typer.Option(help="An address registered for the application.")],
    scope: Annotated[str, typer.Option(help="Names, with commas.")] = "item.comment",
) -> None:
    """Print the page on which the account's owner allows the access."""
    import secrets

    from serving.sources.douyin_login import connect_url

    state = secrets.token_urlsafe(12)
    typer.echo(connect_url(_sender(settings()), scope, redirect_uri, state))
    say(f"the address that it leads to must hold state={state}, and the code for: login --code")


def login(
    code: Annotated[str, typer.Option(help="The code; - reads it from standard input.")],
) -> None:
    """Exchange a code for a token and keep it in the home folder."""
    import sys
    import time

    from serving.sources.douyin_login import log_in
    from serving.sources.douyin_tokens import TokenStore

    config = settings()
    given = sys.stdin.readline().strip() if code == "-" else code
    token = log_in(_sender(config), TokenStore(config.home), given, time.time())
    say(f"account {token.open_id}: access until {_shown(token.expires_at)}, scope {token.scope}")


def status(
    check: Annotated[
        bool, typer.Option(help="Also ask the platform about key and secret.")
    ] = False,
) -> None:
    """Show the accounts that are logged in, without their tokens."""
    from serving.sources.douyin_login import check_credentials
    from serving.sources.douyin_tokens import TokenStore

    config = settings()
    for token in TokenStore(config.home).read().values():
        typer.echo(
            f"{token.open_id}\taccess until {_shown(token.expires_at)}\t"
            f"login until {_shown(token.refresh_expires_at)}\t{token.scope}"
        )
    if check:
        life_s = check_credentials(_sender(config))
        typer.echo(f"key and secret are accepted (client token of {life_s:,.0f} s)")


def comments(
    item: Annotated[list[str], typer.Option(metavar="ID", help="An item id; again for more.")],
    out: OutOption,
    replies: Annotated[bool, typer.Option(help="Also the replies to each comment.")] = False,
    count: Annotated[int | None, typer.Option(min=1, max=50, help="Rows a page.")] = None,
    param: ParamOption = None,
    account: AccountOption = None,
    resume: ResumeOption = True,
) -> None:
    """Fetch the comments of the account's items as JSON lines."""
    from serving.sources.douyin_fetch import CommentsQuery, clean_items, fetch_comments
    from serving.sources.resumable import ResumableOutput

    config = settings()
    query = CommentsQuery(
        items=clean_items(item),
        app=config.douyin_app,
        replies=replies,
        count=count,
        params=pairs(param or [], "--param name=value"),
    )
    _check_out(out)
    client = _client(config, account)
    with ResumableOutput(out, query.identity(client.open_id), resume=resume) as output:
        summary = fetch_comments(client, query, output, say)
        output.finish()
    _finish(summary, client, out)


def items(
    out: OutOption,
    item: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only these; without it all.")
    ] = None,
    account: AccountOption = None,
    resume: ResumeOption = True,
) -> None:
    """Fetch the account's items with their counts as JSON lines."""
    from serving.sources.douyin_fetch import clean_items, fetch_items
    from serving.sources.resumable import ResumableOutput

    _check_out(out)
    wanted = clean_items(item or [])
    client = _client(settings(), account)
    identity = {"kind": "items", "account": client.open_id, "items": wanted}
    with ResumableOutput(out, identity, resume=resume) as output:
        summary = fetch_items(client, wanted, output)
        output.finish()
    _finish(summary, client, out)


def fans(out: OutOption, param: ParamOption = None, account: AccountOption = None) -> None:
    """Fetch the account's audience (gender, age, region, …) as JSON lines."""
    from datetime import UTC, datetime

    from serving.sources.douyin_fetch import FetchSummary, fetch_fans
    from serving.sources.resumable import ResumableOutput

    _check_out(out)
    client = _client(settings(), account)
    as_of = datetime.now(UTC).isoformat(timespec="seconds")
    rows = fetch_fans(client, pairs(param or [], "--param name=value"), as_of)
    with ResumableOutput(out, {"kind": "fans"}, resume=False) as output:
        output.append(rows, {})
        output.finish()
    _finish(FetchSummary(rows=len(rows), pages=1), client, out)


def _sender(config: Settings) -> Sender:
    from serving.errors import UsageError
    from serving.sources.douyin_sender import App, Sender
    from serving.sources.http import check_base_url
    from serving.sources.pacing import Pacer

    key, secret = config.douyin_client_key, config.douyin_client_secret
    if not key or secret is None or not secret.get_secret_value():
        name = "CLIENT_SECRET" if key else "CLIENT_KEY"
        raise UsageError(
            f"expected the application's key and secret, found none in TINGFENG_DOUYIN_{name}; "
            "set both, as docs/douyin.md says"
        )
    app = App(
        base_url=check_base_url(config.douyin_base_url, "TINGFENG_DOUYIN_BASE_URL"),
        client_key=key,
        client_secret=secret.get_secret_value(),
    )
    return Sender(
        app=app,
        pacer=Pacer(per_s=config.douyin_requests_per_s),
        attempts=config.douyin_attempts,
        timeout_s=config.douyin_timeout_s,
    )


def _client(config: Settings, account: str | None) -> DouyinClient:
    from serving.sources.douyin_client import DouyinClient
    from serving.sources.douyin_tokens import TokenStore

    return DouyinClient(_sender(config), TokenStore(config.home), open_id=account, say=say)


def _check_out(out: Path) -> None:
    if out.suffix not in (".jsonl", ".ndjson"):
        raise typer.BadParameter(f"--out: expected a name ending in .jsonl, found {out.name!r}")
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"--out: expected an existing folder, found no {out.parent}")


def _finish(summary: FetchSummary, client: DouyinClient, out: Path) -> None:
    """The summary; exit code 1 where something could not be read to its end."""
    traffic = client.traffic
    say(
        f"{summary.rows:,} rows, {summary.resumed:,} of them from an earlier run; "
        f"{summary.duplicates:,} given twice; {summary.pages:,} pages, "
        f"{traffic.requests:,} requests, {traffic.retries:,} of them again"
    )
    typer.echo(str(out))
    for fault in summary.faults:
        say(f"not whole: {fault}")
    if summary.faults:
        say(f"error: expected every listing whole, found {len(summary.faults):,} that are not")
        raise typer.Exit(1)


def _shown(moment_s: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="minutes")
