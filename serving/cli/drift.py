"""``tingfeng drift``: who has moved from one interest to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import day, open_store, say, settings

if TYPE_CHECKING:
    from profiles.drift import DriftReport


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(drift)


def drift(
    as_of: Annotated[
        str | None,
        typer.Option(help="Date or moment; without it that of the last refresh, else now."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Every person tested: .parquet .csv .jsonl .xlsx"),
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")] = None,
) -> None:
    """List the persons whose interest has moved, with the evidence."""
    from profiles.bench import lent_for_reading
    from profiles.drift import read_drift
    from profiles.read import last_refresh
    from serving.batch.writers import TableWriter, check_output

    if out is not None:
        check_output(out)
    moment = None if as_of is None else day(as_of)
    with open_store(settings(store=store)) as opened:
        at = moment or last_refresh(opened) or day(None)
        with lent_for_reading(opened, ("comments", "events")) as here:
            found = read_drift(here, at)
    if out is not None:
        with TableWriter(out, found.table.schema) as writer:
            writer.write(found.table)
        say(f"{found.tested:,} persons: {out}")
    if as_json:
        typer.echo(json.dumps(_document(found), ensure_ascii=False, default=str))
        return
    _tell(found)


def _document(found: DriftReport) -> dict[str, Any]:
    """The report without the persons who stayed."""
    from profiles import drift as rule
    from profiles.drift_rows import drift_sentence
    from profiles.interest import LONG_HALF_LIFE_DAYS, SHORT_HALF_LIFE_DAYS
    from profiles.read import iso

    return {
        "as_of": iso(found.as_of),
        "half_life_days": {"short": SHORT_HALF_LIFE_DAYS, "long": LONG_HALF_LIFE_DAYS},
        "alpha": rule.ALPHA,
        "persons": found.persons,
        "too_few_days": found.too_few_days,
        "silent": found.silent,
        "tested": found.tested,
        "by_chance_at_most": round(found.by_chance, 2),
        "moved": found.moved,
        "movers": [{**row, "sentence": drift_sentence(row)} for row in found.movers()],
    }


def _tell(found: DriftReport) -> None:
    from profiles.drift import MIN_DAYS, RECENT_DAYS
    from profiles.drift_rows import drift_sentence

    for row in found.movers():
        typer.echo(f"{row['person_id']}  {drift_sentence(row)}")
    say(
        f"as of {found.as_of.isoformat()}: {found.persons:,} persons with signals = "
        f"{found.tested:,} tested + {found.too_few_days:,} with under {MIN_DAYS} days of them + "
        f"{found.silent:,} silent for {RECENT_DAYS} days; {found.moved:,} moved "
        f"(at most {found.by_chance:,.1f} by chance)"
    )
