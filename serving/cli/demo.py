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

AS_OF: Final = "2026-09-28"
MARK: Final = ".tingfeng-demo"  # the demo clears only folders that it made
TITLE: Final = "雾坞茶饮 · 九月评论洞察"


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
    for name in ("tingfeng.duckdb", "tingfeng.duckdb.wal", "report.html", "report.xlsx"):
        (out / name).unlink(missing_ok=True)


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
