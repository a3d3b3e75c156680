"""``tingfeng campaign``: what came of a campaign, against its holdout."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import day, open_dumps, open_store, run_id, say, settings

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.campaigns.report import CampaignReport

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's id or name.")]
StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(
        help="What came of campaigns: lift, cost, return, tags.", no_args_is_help=True
    )
    group.command("report")(report)
    group.command("tag")(tag)
    app.add_typer(group, name="campaign")


def report(
    name: NameArgument,
    feedback: Annotated[
        Path | None, typer.Option(help="A row per person; without it those of the store.")
    ] = None,
    orders_from: Annotated[
        str | None, typer.Option(help="Orders from this day on are the conversions.")
    ] = None,
    orders_to: Annotated[str | None, typer.Option(help="… up to the end of this day.")] = None,
    cost: Annotated[
        float | None, typer.Option(help="Cost in CNY; else the sum of its days.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """The arms of a campaign, the lift with its interval, and what it brought for its cost."""
    from profiles.campaigns.report import read_report
    from profiles.campaigns.report import report as of_rows

    if (orders_from is None) != (orders_to is None):
        raise typer.BadParameter("expected --orders-from together with --orders-to, found one")
    if cost is not None and cost < 0:
        raise typer.BadParameter(f"--cost: expected CNY from 0, found {cost}")
    if feedback is not None:
        if orders_from is not None:
            raise typer.BadParameter("--orders-from needs the store, found --feedback; drop one")
        found = of_rows(_rows_of(feedback, name), name, cost_cny=cost)
    else:
        first = None if orders_from is None else day(orders_from + "T00:00:00")
        last = None if orders_to is None else day(orders_to)
        with open_store(settings(store=store)) as opened:
            found = read_report(opened, name, orders_from=first, orders_to=last, cost_cny=cost)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, default=str))
        return
    _tell(found)


def tag(
    name: NameArgument,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: StoreOption = None,
) -> None:
    """Write what came of each person back as tags of the store."""
    from profiles.campaigns.report import read_report
    from profiles.campaigns.tags import write_tags

    with open_store(settings(store=store)) as opened:
        found = read_report(opened, name)
        n = write_tags(opened, found.campaign_id, day(None), run_id("campaign"))
    persons = sum(arm.persons for arm in found.arms)
    if as_json:
        typer.echo(json.dumps({"campaign_id": found.campaign_id, "tags": n, "persons": persons}))
        return
    say(f"{n:,} tags of {persons:,} persons")


def _rows_of(path: Path, name: str) -> pa.Table:
    """The campaign's rows of a file; a file without campaign ids is all of it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from data.columns import FEEDBACK
    from profiles.campaigns.errors import CampaignError

    dump = open_dumps([str(path)], quiet=True, kind="feedback", filled={"campaign_id": name})[0]
    table = pa.Table.from_batches([batch.records for batch in dump.batches()], FEEDBACK)
    ids = pc.fill_null(table["campaign_id"], name)
    rows = table.filter(pc.equal(ids, name))
    if not rows.num_rows:
        raise CampaignError(
            f"expected rows of the campaign {name!r} in {path}, found none among "
            f"{table.num_rows:,}; check the name"
        )
    return rows


def _tell(found: CampaignReport) -> None:
    typer.echo(f"{found.campaign_id}  {found.name or ''}".rstrip())
    for arm in found.arms:
        stages = ("sent", "matched", "shown", "clicked", "converted")
        told = [
            f"{stage} {getattr(arm, stage):,}"
            for stage in stages
            if getattr(arm, stage) is not None
        ]
        share = "" if arm.conversion is None else f"  {arm.conversion:.2%}"
        typer.echo(f"  {arm.arm:<10} {arm.persons:>9,} persons  {', '.join(told)}{share}")
    if found.lift is not None:
        lift = found.lift
        typer.echo(
            f"  lift {lift.difference:+.2%} ({lift.low:+.2%} … {lift.high:+.2%}), "
            f"p {lift.p_value:.3g} ({lift.test})"
        )
    if found.returns is not None:
        back = found.returns
        typer.echo(
            f"  brought {back.conversions:,.1f} conversions "
            f"({back.conversions_low:,.1f} … {back.conversions_high:,.1f})"
        )
        if back.roi is not None:
            bounds = (
                "" if back.roi_low is None else f" ({back.roi_low:+.1%} … {back.roi_high:+.1%})"
            )
            typer.echo(f"  cost {back.cost_cny:,.2f} CNY, return {back.roi:+.1%}{bounds}")
    for note in found.notes:
        say(note)
