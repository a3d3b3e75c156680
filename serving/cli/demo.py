"""``tingfeng demo``: the whole road on the bundled sample, from dumps to the report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli.common import day, make_analyzer, open_dumps, open_store, run_id, say, settings
from serving.errors import UsageError

if TYPE_CHECKING:
    from data.sample.generate import SampleFiles
    from nlp.analyzer import Analyzer
    from profiles.store.duckdb_store import DuckDBStore
    from serving.settings import Settings

AS_OF: Final = "2026-09-28"
MARK: Final = ".tingfeng-demo"  # the demo clears only folders that it made
TITLE: Final = "雾坞茶饮 · 九月评论洞察"
AUDIENCES: Final = {
    "下过单又抱怨": "emotion.negative >= 1 and spending.orders >= 1",
    "爱聊美食": "interest.food > 0.4 and social.comments >= 3",
    "满意的回头客": "spending.orders >= 2 and emotion.mean_score > 0",
}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Where to put everything.")] = Path("var/demo"),
) -> None:
    """Score the bundled sample, build the profile store, write the report."""
    from data.sample.generate import build_sample
    from serving.report import build_report, build_report_xlsx

    start = time.perf_counter()
    _make_room(out)
    sample = build_sample(out / "dumps")
    config = settings(home=out, store=str(out / "tingfeng.duckdb"))
    analyzer = make_analyzer(config)
    scored = _score(sample, out / "scored", analyzer)
    with open_store(config, create=True) as store:
        _fill(sample, scored, store, lambda: analyzer)
        html = build_report(store, out / "report.html", title=TITLE)
        xlsx = build_report_xlsx(store, out / "report.xlsx", title=TITLE)
        _audiences(store, config)
    _alerts(scored, out, lambda: analyzer)
    say(f"done in {time.perf_counter() - start:.1f} s; look at")
    for path in (html, xlsx, out / "scored", out / "tingfeng.duckdb"):
        typer.echo(f"  {path}")


def _make_room(out: Path) -> None:
    """An empty folder, or one of an earlier demo without that one's files; no other is touched."""
    mark = out / MARK
    if out.exists() and not mark.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"--out: expected an empty folder or one of an earlier demo, found {out} with other "
            "files; name another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for name in ("dumps", "scored"):
        shutil.rmtree(out / name, ignore_errors=True)
    for pattern in ("tingfeng.duckdb*", "alerts.sqlite*", "report.html", "report.xlsx"):
        for path in out.glob(pattern):
            path.unlink()


def _score(sample: SampleFiles, folder: Path, analyzer: Analyzer) -> list[Path]:
    from serving.batch.score import score_dumps

    folder.mkdir()
    scored = []
    for platform, path in sample.comments.items():
        target = folder / f"{platform}.parquet"
        result = score_dumps(open_dumps([str(path)]), target, analyzer, resume=False)
        say(
            f"  {result.rows_in:,} rows in = {result.scored:,} scored + {result.empty:,} empty + "
            f"{result.rejected:,} rejected: {target}"
        )
        scored.append(target)
    return scored


def _fill(
    sample: SampleFiles, scored: list[Path], store: DuckDBStore, analyzer: Callable[[], Analyzer]
) -> None:
    from profiles.refresh import refresh
    from serving.ingest import TABLE_KINDS, ingest

    files: dict[str, Iterable[Path]] = {
        "contents": sample.contents.values(),
        "comments": scored,
        "users": [sample.users],
        "events": [sample.events],
        "orders": [sample.orders],
    }
    for kind, paths in files.items():
        for path in paths:
            plain = kind in TABLE_KINDS or path.name == "shop_products.csv"
            dumps = open_dumps([str(path)], format="table" if plain else "auto", quiet=True)
            constants = {"platform": "shop"} if path.stem == "shop" else {}
            ingest(kind, dumps, store, run=run_id("demo"), analyzer=analyzer, constants=constants)
    result = refresh(store, day(AS_OF), run_id("demo"))
    say(f"{result.persons:,} persons and {result.contents:,} contents in the store")


def _audiences(store: DuckDBStore, config: Settings) -> None:
    """A few audiences, so that there is something to look at and to compare."""
    from profiles.audiences.saved import save_audience
    from profiles.conditions.text import parse
    from serving.people import open_people

    people, as_of = open_people(store, config)
    for name, rule in AUDIENCES.items():
        save_audience(people, name, parse(rule), as_of=as_of, run=run_id("demo"), holdout=0.1)
    say(f"{len(AUDIENCES)} audiences kept")


def _alerts(scored: list[Path], home: Path, analyzer: Callable[[], Analyzer]) -> None:
    """The month as if it had been watched: its incidents, for the pages of the dashboard."""
    from itertools import chain

    from serving.alerts.intake import watched_batches
    from serving.alerts.journal import FILE, Journal
    from serving.alerts.replay import replay
    from serving.alerts.rules import load_rules

    rules = load_rules(None)
    dumps = open_dumps([str(path) for path in scored], quiet=True)
    batches = chain.from_iterable(watched_batches(d, analyzer, rules.brands, _quiet) for d in dumps)
    found = replay(batches, rules)
    with Journal(home / FILE) as journal, journal.transaction():
        for incident in found:
            journal.save_incident(incident, live=False)
    say(f"{len(found)} incident{'s' * (len(found) != 1)} in the alerts' history")


def _quiet(_: str) -> None:
    """Says nothing."""
