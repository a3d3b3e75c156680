"""What several commands share: settings, the analyzer, opening dumps, the store, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from data.readers import Dump
    from nlp.analyzer import Analyzer
    from profiles.store.duckdb_store import DuckDBStore
    from serving.settings import Settings

LOG_EVERY_S = 5.0


def settings(**given: Any) -> Settings:
    """The settings, with options of the command line that were given in front."""
    from serving.settings import Settings

    return Settings(**{k: v for k, v in given.items() if v is not None})


def make_analyzer(config: Settings) -> Analyzer:
    """The analyzer with the configured model and engine."""
    from nlp.analyzer import Analyzer
    from nlp.scorer import load_scorer

    scorer = load_scorer(
        config.model, engine=config.engine, threads=config.threads, precision=config.precision
    )
    return Analyzer(scorer)


def open_dumps(
    paths: list[str],
    *,
    format: str = "auto",
    text_column: str | None = None,
    mapping: list[str] | None = None,
    quiet: bool = False,
    **wanted: Any,
) -> list[Dump]:
    """Opens every input and says on standard error what each one is, unless ``quiet``.

    ``wanted`` are further arguments of ``data.readers.open_dump``. Raises: DumpError with the
    faults of every input.
    """
    from data.readers import DumpError, open_dump

    fields = dict(_pair(item, "--map field=column") for item in mapping or [])
    dumps, faults = [], []
    for path in paths:
        try:
            dump = open_dump(path, format=format, text_column=text_column, mapping=fields, **wanted)
        except DumpError as error:
            faults.append(error)
            continue
        if not quiet:
            say(f"{path}: {dump.format}, {dump.rows:,} rows, {dump.encoding} ({dump.why})")
        dumps.append(dump)
    if faults:
        raise DumpError("; ".join(map(str, faults))) from faults[0]
    return dumps


def own_sources(file: Path | None, config: Settings) -> dict[str, Any]:
    """Arguments of ``open_dumps`` for the user's sources: only those of ``--source``, or those of
    the folder of the settings before the shipped ones.
    """
    from data.readers.shapes import load_folder, load_shapes

    if file is not None:
        return {"shapes": load_shapes(file), "insist": True}
    return {"shapes": load_folder(config.sources_dir)} if config.sources_dir else {}


def pairs(items: list[str], usage: str) -> dict[str, str]:
    """``a=b`` arguments as a dictionary."""
    return dict(_pair(item, usage) for item in items)


def open_store(config: Settings, *, create: bool = False) -> DuckDBStore:
    """The configured store as a context manager; only ``create`` makes one that is not there."""
    from serving.stores import open_existing_store, open_or_create_store

    return open_or_create_store(config) if create else open_existing_store(config)


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal, a log line every few seconds elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(label, total=total, rate="")
            yield lambda rows: _advance(bar, task, rows)
        return
    yield _Lines(total, label)


class _Lines:
    """Progress as plain lines."""

    def __init__(self, total: int, label: str) -> None:
        import time

        self._clock = time.monotonic
        self._total, self._label, self._done = total, label, 0
        self._start = self._said = self._clock()

    def __call__(self, rows: int) -> None:
        self._done += rows
        now = self._clock()
        if now - self._said < LOG_EVERY_S:
            return
        self._said = now
        rate = max(self._done, 1) / (now - self._start)
        left_s = (self._total - self._done) / rate
        done = f"{self._done:,} of {self._total:,} rows"
        say(f"{self._label}: {done}, {rate:,.0f}/s, {left_s:,.0f} s left")


def _bar(console: Any) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _advance(bar: Any, task: Any, rows: int) -> None:
    bar.advance(task, rows)
    speed = bar.tasks[task].speed
    bar.update(task, rate=f"{speed:,.0f}/s" if speed else "")


def say(text: str) -> None:
    """A line for people, on standard error: standard output belongs to results."""
    typer.echo(text, err=True)


def say_repairs(dumps: Sequence[Dump]) -> None:
    """What was repaired or noticed in each dump that was just read."""
    for dump in dumps:
        for line in dump.repairs.lines():
            say(f"  {dump.path.name}: {line}")


def run_id(verb: str) -> str:
    """A name for a run that sorts by time."""
    return f"{verb}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"


def day(text: str | None) -> datetime:
    """A date or moment in ISO 8601 as an aware moment; a bare date is its end; none is now.

    A moment without a zone is UTC+8.
    """
    from datetime import timedelta, timezone

    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a date such as 2026-09-30, found {text!r}") from error
    if len(text) <= 10:
        moment += timedelta(days=1) - timedelta(milliseconds=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone(timedelta(hours=8)))


def _pair(item: str, usage: str) -> tuple[str, str]:
    name, mark, value = item.partition("=")
    if not mark or not name or not value:
        raise typer.BadParameter(f"expected {usage}, found {item!r}")
    return name, value


def existing(path: Path | None, what: str, variable: str) -> Path:
    """The folder, or a usage error that says how to name it."""
    if path is None or not path.is_dir():
        raise typer.BadParameter(f"expected the folder of {what}, found {path}; set {variable}")
    return path
