"""``tingfeng rfm``: who bought how lately, how often and for how much, in named segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.segment_tables import (
    JsonOption,
    OutOption,
    SaveOption,
    StoreOption,
    a_day,
    check_out,
    check_save,
    keep_segments,
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
    from profiles.rfm.report import RfmReport, SegmentSummary

METHODS = ("ties", "ntile")
CUTS = ("mean", "median", "score")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(rfm)


def rfm(
    orders: Annotated[
        Path | None,
        typer.Option(help="person_id, date or time, amount; without it the store's orders."),
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Day; without it today.")] = None,
    method: Annotated[
        str, typer.Option(help="ties (equal persons, equal scores) or ntile (five equal classes).")
    ] = "ties",
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Your own thresholds.")
    ] = None,
    segments: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Your own tables of segments.")
    ] = None,
    cut: Annotated[
        str, typer.Option(help="Where the eight segments part: mean, median or score.")
    ] = "mean",
    compare_to: Annotated[
        str | None, typer.Option(metavar="DAY", help="An earlier day: who moved where.")
    ] = None,
    save: SaveOption = False,
    out: OutOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Score persons by recency, frequency and spend, and name them."""
    one_of(method, METHODS, "--method")
    one_of(cut, CUTS, "--cut")
    moment, earlier = a_day(as_of, "--as-of"), a_day(compare_to, "--compare-to")
    check_out(out)
    check_save(save, orders, "--orders")
    from profiles.rfm.report import build_rfm, migration
    from profiles.rfm.rules import load_rules
    from profiles.rfm.segments import load_segments
    from serving.errors import UsageError
    from serving.segment_documents import rfm_document

    moment = moment or today()
    if earlier and earlier > moment:
        raise UsageError(
            f"--compare-to: expected a day up to {moment}, found {earlier}; give an earlier one"
        )
    given: dict[str, Any] = {
        "method": method,
        "rules": load_rules(rules) if rules else None,
        "cut_by": cut,
        "segments": load_segments(segments),
    }
    rows = order_rows(orders, store)
    found = build_rfm(rows, moment, **given)
    before = build_rfm(rows, earlier, **given) if earlier else None
    write_table(out, found.table)
    if save:
        from profiles.segments import RFM

        keep_segments(found.table, RFM, moment, store, "rfm")
    say_counts(found.counts)
    if as_json:
        show_json(rfm_document(found, before))
        return
    _tell(found, migration(before, found, "segment8") if before else None)


def _tell(found: RfmReport, moves: dict[str, dict[str, int]] | None) -> None:
    heads = ["分层", "人数", "占比", "金额", "金额占比", "天数", "次数", "人均"]
    units = "金额为元；天数、次数、人均为中位数"
    title = f"RFM 八分层，截至 {found.as_of}，{found.persons:,} 人（{units}）"
    show_table(title, heads, map(_row, found.eight))
    show_table("RFM 十一分层", heads, map(_row, found.eleven))
    if moves:
        keys = list(next(iter(moves.values())))
        rows = ([source, *(f"{moves[source][key]:,}" for key in keys)] for source in moves)
        show_table("迁移（行：之前，列：之后）", ["", *keys], rows)
    ties = found.ties
    typer.echo(
        f"并列：{ties['any']:.1%} 的人若按等分取分，其分数只由并列时的排序决定"
        f"（R {ties['r']:.1%}，F {ties['f']:.1%}，M {ties['m']:.1%}；"
        f"最大一组相同的人占 {ties['largest']:.1%}）"
    )


def _row(row: SegmentSummary) -> list[str]:
    share = "–" if row.revenue_share is None else f"{row.revenue_share:.1%}"
    return [
        row.name, f"{row.persons:,}", f"{row.share:.1%}", shown(row.revenue_cny, 0), share,
        shown(row.median_recency_days, 0), shown(row.median_frequency, 0),
        shown(row.median_spend_cny, 0),
    ]  # fmt: skip
