"""``tingfeng ingest``, ``profile`` and ``report``: the store from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import (
    make_analyzer,
    open_dumps,
    open_store,
    own_sources,
    pairs,
    run_id,
    say,
    say_repairs,
    settings,
)

if TYPE_CHECKING:
    from profiles.store.base import Store

StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (ingest, profile, report):
        app.command()(command)


def ingest(
    kind: Annotated[
        str,
        typer.Argument(
            help="comments contents users events orders relations campaigns feedback identifiers"
        ),
    ],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…")],
    format: Annotated[str, typer.Option(help="auto, or a format's name.")] = "auto",
    text_column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    map: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="Name an input column.")
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Fill a missing column, e.g. platform=shop."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Your own description of the file.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show how the files would be read; write nothing.")
    ] = False,
    keep_scores: Annotated[
        bool,
        typer.Option("--keep-scores", help="Keep a scored file's scores whatever model made them."),
    ] = False,
    allow_return: Annotated[
        bool, typer.Option("--allow-return", help="Load rows of forgotten persons too.")
    ] = False,
    store: StoreOption = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Load files into the store, comments scored; the same file twice changes nothing."""
    import functools

    from serving.batch.rejects import RejectsWriter
    from serving.ingest import check_kinds
    from serving.ingest import ingest as load
    from serving.preview import preview_dump, preview_lines

    _check_kind(kind, preview, source)
    config = settings(store=store, model=model)
    constants = pairs(set or [], "--set field=value")
    dumps = open_dumps(
        inputs,
        text_column=text_column,
        mapping=map,
        quiet=preview,
        **_reading(kind, format, constants, own_sources(source, config)),
    )
    if preview:
        for dump in dumps:
            for line in preview_lines(preview_dump(dump)):
                typer.echo(line)
        return
    check_kinds(kind, dumps)
    analyzer = functools.cache(lambda: make_analyzer(config))
    run = run_id("ingest")
    with (
        open_store(config, create=True) as opened,
        RejectsWriter(config.home / run) as rejected,
    ):
        result = load(
            kind,
            dumps,
            opened,
            run=run,
            analyzer=analyzer,
            constants=constants,
            rejects=rejected.write,
            keep_scores=keep_scores,
            allow_return=allow_return,
            tell=say,
        )
    say_repairs(dumps)
    for name, n in sorted(result.invalid.items()):
        say(f"{n:,} values left out that are no {name} (masked, malformed or a placeholder)")
    if result.consents:
        say(f"{result.consents:,} consents new or changed; see: tingfeng consent count")
    if result.forgotten:
        say(f"{result.forgotten:,} rows of forgotten persons left out; --allow-return loads them")
    if result.rejected:
        say(f"rejected rows, with reasons: {rejected.path}")
    say(
        f"{result.rows_in:,} rows in = {result.inserted:,} new + {result.updated:,} updated + "
        f"{result.unchanged:,} unchanged + {result.duplicates:,} given twice + "
        f"{result.rejected:,} rejected"
    )


def _reading(
    kind: str, format: str, constants: dict[str, str], sources: dict[str, Any]
) -> dict[str, Any]:
    """How files of a kind are opened: as its canonical columns, identifiers as they came."""
    if kind == "identifiers":
        return {"format": "table" if format == "auto" else format}
    return {"format": format, "kind": kind, "filled": constants, **sources}


def _check_kind(kind: str, preview: bool, source: Path | None) -> None:
    from data.columns import TABLES
    from serving.ingest import KINDS

    if kind == "identifiers" and (preview or source):
        raise typer.BadParameter(
            f"{'--preview' if preview else '--source'}: expected one of {', '.join(TABLES)}, "
            "found 'identifiers'; their columns go by name, see docs/formats.md"
        )
    if kind in KINDS or (preview and kind in TABLES):
        return
    known = ", ".join(TABLES if preview else KINDS)
    raise typer.BadParameter(f"KIND: expected one of {known}, found {kind!r}")


def profile(
    user: Annotated[
        str, typer.Argument(help="A user id as the platform gives it, or a person id.")
    ],
    platform: Annotated[str | None, typer.Option(help="Tells equal ids apart.")] = None,
    trace: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Every row behind a field, e.g. interest.food."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """Show the six dimensions of one person, or every row behind one of their fields."""
    from profiles.read import read_profile
    from serving.profile_text import profile_lines

    with open_store(settings(store=store)) as opened:
        if trace is not None:
            _show_trace(opened, user, trace, platform, as_json)
            return
        found = read_profile(opened, user, platform)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    for line in profile_lines(found):
        typer.echo(line)


def _show_trace(store: Store, user: str, field: str, platform: str | None, as_json: bool) -> None:
    from profiles.read import iso
    from profiles.trace import UnknownFieldError
    from profiles.trace import trace as rows_behind

    try:
        rows = rows_behind(store, user, field, platform)
    except UnknownFieldError as error:
        raise typer.BadParameter(f"--trace: {error}") from error
    for row in rows:
        row["time"] = iso(row["time"]) if row["time"] else None
    if as_json:
        typer.echo(json.dumps({"field": field, "n": len(rows), "rows": rows}, ensure_ascii=False))
        return
    typer.echo(f"{field}: {len(rows):,} 条")
    for row in rows:
        cells = (row["time"] or "", row["table"], row["platform"] or "", row["id"], row["what"])
        typer.echo("  ".join(str(cell) for cell in cells if cell))


def report(
    out: Annotated[Path, typer.Option(help="report.html or report.xlsx")],
    title: Annotated[str, typer.Option(help="The report's title.")] = "评论洞察报告",
    store: StoreOption = None,
) -> None:
    """Write the report of the refreshed store."""
    from profiles.bench import lent_for_reading
    from serving.report import READ_TABLES, build_report, build_report_xlsx

    builders = {".html": build_report, ".xlsx": build_report_xlsx}
    if out.suffix not in builders:
        raise typer.BadParameter(
            f"--out: expected a name ending in .html or .xlsx, found {out.name!r}"
        )
    with (
        open_store(settings(store=store)) as opened,
        lent_for_reading(opened, READ_TABLES) as here,
    ):
        typer.echo(str(builders[out.suffix](here, out, title=title)))
