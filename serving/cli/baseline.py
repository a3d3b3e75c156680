"""``tingfeng baseline``: key figures against what was to be expected of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import day, open_store, run_id, say, settings

if TYPE_CHECKING:
    from profiles.baselines.baseline import Baseline, Verdict
    from profiles.store.duckdb_store import DuckDBStore


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
                _save(opened, found, by, moment)
    if as_json:
        typer.echo(json.dumps(_document(found, by, moment), ensure_ascii=False))
        return
    _tell(found)


def _save(store: DuckDBStore, found: Baseline, by: str, moment: Any) -> None:
    """Replaces what was expected of this scope and unit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = found.table.drop_columns(["seasonal"])
    table = table.set_column(
        table.column_names.index("period"),
        "period",
        pc.strptime(table["period"], format="%Y-%m-%d", unit="s").cast(pa.date32()),
    )
    constants = {"scope": by, "unit": found.unit, "run_id": run_id("baseline")}
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    stamp = pa.scalar(moment, pa.timestamp("us", tz="UTC"))
    table = table.append_column("as_of", pa.repeat(stamp, table.num_rows))
    with store.transaction():
        store.execute(
            "DELETE FROM baselines WHERE scope = $scope AND unit = $unit",
            {"scope": by, "unit": found.unit},
        )
        store.insert("baselines", table)
    say(f"{table.num_rows:,} values into the store's baselines")


def _document(found: Baseline, by: str, moment: Any) -> dict[str, Any]:
    from profiles.baselines.band import METHOD
    from profiles.read import iso

    return {
        "as_of": iso(moment),
        "by": by,
        "unit": found.unit,
        "method": METHOD,
        "periods": found.periods,
        "latest": [asdict(one) for one in found.latest],
        "left": [asdict(one) for one in found.left],
    }


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
