"""``tingfeng refresh``: once, or again and again until told to stop."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli.common import day, open_store, run_id, say, settings

if TYPE_CHECKING:
    from serving.settings import Settings

UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(refresh)


def refresh(
    as_of: Annotated[str | None, typer.Option(help="Date or moment; without it now.")] = None,
    every: Annotated[
        str | None, typer.Option(metavar="10m", help="Again and again, until stopped.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute everybody, not what changed.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Recompute the profiles and insights that changed."""
    config = settings(store=store)
    if every is None:
        say(_once(config, day(as_of), full=full))
        return
    if as_of is not None:
        raise typer.BadParameter(
            "--every: expected no --as-of beside it, since each round is as of its own moment; "
            "leave one of them out"
        )
    _again_and_again(config, _seconds(every), full=full)


def _once(config: Settings, moment: datetime, *, full: bool) -> str:
    """One refresh; the line that tells of it."""
    from profiles.refresh import refresh as recompute

    with open_store(config) as opened:
        result = recompute(opened, moment, run_id("refresh"), full=full, work=config.home)
        persons, contents = (opened.count(name) for name in ("persons", "content_insights"))
    return (
        f"as of {result.as_of.isoformat()}: {persons:,} persons, {contents:,} contents; "
        f"recomputed {result.persons:,} and {result.contents:,}, "
        f"{result.changed:,} profiles changed"
    )


def _again_and_again(config: Settings, every_s: float, *, full: bool) -> None:
    """Refreshes until a signal comes; the store is closed in between, so that others can load.

    A round that fails is told in one line and does not end the rounds. A round that has begun when
    the signal comes is finished first.
    """
    with _stopped_by_signals() as stopped:
        while True:
            now = datetime.now(UTC)
            try:
                line = _once(config, now, full=full)
            except Exception as error:
                line = f"error: refresh failed, next one in {every_s:g} s: " + _reason(error)
            say(f"{now:%Y-%m-%dT%H:%M:%SZ} {line}")
            if stopped.wait(every_s):
                say("stopped")
                return


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    stopped = threading.Event()
    names = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(name, lambda *_: stopped.set()) for name in names]
    try:
        yield stopped
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or float(found[1]) <= 0:
        raise typer.BadParameter(
            f"--every: expected a time such as 30s, 10m, 2h or 1d, found {text!r}; correct it"
        )
    return float(found[1]) * UNITS_S[found[2]]
