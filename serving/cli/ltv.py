"""``tingfeng ltv``: how much more each person will buy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.segment_tables import (
    JsonOption,
    OutOption,
    StoreOption,
    a_day,
    check_out,
    one_of,
    order_rows,
    say_counts,
    show_json,
    show_table,
    shown,
    today,
    write_table,
)

if TYPE_CHECKING:
    from profiles.ltv.report import LtvReport

UNITS = ("day", "week", "month")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ltv)


def ltv(
    orders: Annotated[
        Path | None,
        typer.Option(help="person_id, date or time, amount; without it the store's orders."),
    ] = None,
    end: Annotated[str | None, typer.Option(help="Last day of the orders; without it today.")] = (
        None
    ),
    unit: Annotated[str, typer.Option(help="Unit of time: day, week or month.")] = "week",
    horizon: Annotated[float, typer.Option(help="Units to look ahead.")] = 52.0,
    calibration_end: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Fit up to this day; judge by the time up to --end."),
    ] = None,
    season: Annotated[
        str | None, typer.Option(metavar="auto|FILE.yaml", help="Calendar effect.")
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, max=10_000, help="Resamples for intervals; 0 is none.")
    ] = 0,
    discount: Annotated[
        float, typer.Option(min=0.0, help="Per month, of the value; 0.01 is 1 %.")
    ] = 0.0,
    out: OutOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Fit lifetime models and forecast purchases and their worth."""
    one_of(unit, UNITS, "--unit")
    until, cut = a_day(end, "--end"), a_day(calibration_end, "--calibration-end")
    check_out(out)
    from profiles.ltv.calendar_effect import load_season
    from profiles.ltv.report import build_ltv
    from serving.errors import UsageError
    from serving.segment_documents import ltv_document

    until = until or today()
    if not horizon > 0:
        raise UsageError(f"--horizon: expected more than 0, found {horizon}; give a longer time")
    if cut and cut >= until:
        raise UsageError(
            f"--calibration-end: expected a day before {until}, found {cut}; give an earlier one"
        )
    found = build_ltv(
        order_rows(orders, store),
        until,
        unit=one_of(unit, UNITS, "--unit"),
        horizon=horizon,
        calibration_end=cut,
        season="auto" if season == "auto" else load_season(Path(season)) if season else None,
        resamples=bootstrap,
        monthly_discount=discount,
    )
    write_table(out, found.table)
    say_counts(found.summary.counts)
    if as_json:
        show_json(ltv_document(found))
        return
    _tell(found)


def _tell(found: LtvReport) -> None:
    units = {"day": "天", "week": "周", "month": "月"}
    ahead = f"{found.horizon:g} {units[found.unit]}"
    rows = []
    for name, model in found.models.items():
        row = [name, shown(model.log_likelihood), shown(found.expected_total[name], 1)]
        held = found.holdouts.get(name)
        if held:
            row += [shown(one, 4) for one in (held.mae, held.mae_median, held.rmse)]
            row.append(shown(held.top_decile_capture, 3))
        rows.append(row)
    heads = ["模型", "对数似然", f"未来 {ahead} 购买"]
    heads += ["MAE", "MAE（中位数）", "RMSE", "前 10% 占比"] if found.holdouts else []
    show_table(f"生命周期价值，截至 {found.end}，{len(found.summary):,} 人", heads, rows)
    for name, model in found.models.items():
        values = {k: v for k, v in asdict(model).items() if k != "log_likelihood"}
        told = "  ".join(f"{key} {value:.5f}" for key, value in values.items())
        typer.echo(f"{name}：{told}")
    if found.holdouts:
        held = found.holdouts[found.chosen]
        typer.echo(
            f"留出期 {found.end} 至 {found.summary.until}：实际 {held.actual:,} 次，"
            f"校准期内选定的模型 {found.chosen} 预测 {held.expected:,.1f} 次"
        )
    worth = found.gamma_gamma
    if worth:
        typer.echo(
            f"客单价 Gamma-Gamma：p {worth.p:.4f}  q {worth.q:.4f}  v {worth.v:.4f}，"
            f"{worth.persons:,} 名复购者；次数与金额相关 {shown(worth.spend_correlation, 3)}"
        )
        typer.echo(f"未来 {ahead} 预期价值合计：{shown(found.value_total_cny)} 元")
    else:
        typer.echo(f"客单价：{found.no_gamma_gamma}")
    for name, (low, high) in found.intervals.items():
        typer.echo(f"  {name}：95% 区间 {low:,.4f} 至 {high:,.4f}（{found.resamples} 次重抽样）")
