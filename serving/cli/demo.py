"""``tingfeng demo``: the whole road on the bundled sample, from dumps to the report."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli.common import day, make_analyzer, open_dumps, open_store, progress, run_id, say, settings

if TYPE_CHECKING:
    from data.readers import Dump
    from data.sample.files import SampleFiles
    from nlp.analyzer import Analyzer
    from profiles.store.duckdb_store import DuckDBStore

AS_OF: Final = "2026-09-28"
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
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("tingfeng.duckdb*"):
        old.unlink()
    sample = build_sample(out / "dumps")
    config = settings(home=out)
    analyzer = make_analyzer(config)
    _score(sample, out, analyzer)
    with open_store(config) as store:
        _fill(sample, store, analyzer)
        html = build_report(store, out / "report.html", title=TITLE)
        xlsx = build_report_xlsx(store, out / "report.xlsx", title=TITLE)
    say(f"done in {time.perf_counter() - start:.1f} s; look at:")
    for path in (html, xlsx, out / "scored.parquet", out / "tingfeng.duckdb"):
        typer.echo(str(path.resolve()))


def _score(sample: SampleFiles, out: Path, analyzer: Analyzer) -> None:
    from serving.batch.score import score_dumps

    dumps = _open(sample.comments.values())
    target = out / "scored.parquet"
    with progress(sum(d.rows for d in dumps), "scoring") as advance:
        result = score_dumps(dumps, target, analyzer, resume=False, progress=advance)
    (out / "summary.json").write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1), "utf-8")
    say(
        f"{result.rows_in:,} rows in = {result.scored:,} scored + {result.empty:,} empty + "
        f"{result.rejected:,} rejected; {result.comments_per_s:,.0f} comments/s"
    )


def _fill(sample: SampleFiles, store: DuckDBStore, analyzer: Analyzer) -> None:
    from profiles.refresh import refresh
    from serving.ingest import ingest

    files = {
        "contents": sample.contents.values(),
        "comments": sample.comments.values(),
        "users": [sample.users],
        "events": [sample.events],
        "orders": [sample.orders],
    }
    make = functools.cache(lambda: analyzer)
    for kind, paths in files.items():
        for path in paths:
            constants = {"platform": "shop"} if path.name.startswith("shop") else {}
            ingest(kind, _open([path]), store, run=run_id("demo"), analyzer=make, constants=constants)
    result = refresh(store, day(AS_OF), run_id("demo"))
    say(f"profiles of {result.persons:,} persons and insights of {result.contents:,} contents")


def _open(paths: object) -> list[Dump]:
    return open_dumps([str(p) for p in paths], format="auto", text_column=None, mapping=[])  # type: ignore[attr-defined]
