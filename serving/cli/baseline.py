"""``tingfeng baseline``: key figures against what was to be expected of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import day, open_store, run_id, say, settings

if TYPE_CHECKING:
    from profiles.baselines.baseline import Baseline, Verdict


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(baseline)


def baseline(
    by: Annotated[str, typer.Option(help="all, content or segment")] = "all",
    unit: Annotated[str, typer.Option(help="day or week")] = "day",
    as_of: Annotated[str | None, typer.Option(help="Date or moment; without it now.")] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="metric, period, value (scope_id, n) of a file; else of the store."),
    ] = None,
    segments: Annotated[
        Path | None, typer.Option(help="person_id, segment; without it the region of users.")
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Also into the store's baselines.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")] = None,
) -> None:
    """Exposure, followers, interaction, conversion, repurchase and ROI, and what left its band."""
    from profiles.baselines.baseline import build_baseline
    from profiles.baselines.figures import SCOPES, read_figures
    from profiles.funnel.relation import read_profiles, read_table
    from serving.baselines import baseline_document, save_baseline

    for name, value, known in (("--by", by, SCOPES), ("--unit", unit, ("day", "week"))):
        if value not in known:
            raise typer.BadParameter(f"{name}: expected {', '.join(known)}, found {value!r}")
    if figures is not None and save:
        raise typer.BadParameter("expected --figures or --save, found both")
    moment = day(as_of)
    if figures is not None:
        found = build_baseline(read_table(figures), unit=unit)
    else:
        members = None if segments is None else read_profiles(segments)
        with open_store(settings(store=store)) as opened:
            rows = read_figures(opened, moment, scope=by, unit=unit, segments=members)
            found = build_baseline(rows, unit=unit)
            if save:
                n = save_baseline(opened, found, by, moment, run_id("baseline"))
                say(f"{n:,} values into the store's baselines")
    if as_json:
        typer.echo(json.dumps(baseline_document(found, by, moment), ensure_ascii=False))
        return
    _tell(found)


def _tell(found: Baseline) -> None:
    for one in found.latest:
        typer.echo(_line(one))
    if found.left:
        typer.echo("\nleft the band")
    for one in found.left:
        typer.echo(_line(one))
    say(f"{len(found.latest)} series over {found.periods} {found.unit}s")


def _line(one: Verdict) -> str:
    band = "no band yet"
    if one.low is not None and one.high is not None:
        band = f"expected {one.low:,.4g} … {one.high:,.4g}"
    value = "-" if one.value is None else f"{one.value:,.4g}"
    name = f"{one.scope_id or 'all':<16} {one.metric:<16}"
    return f"{one.period}  {name} {value:>10}  {band}  {one.state}"
