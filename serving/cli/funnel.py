"""``tingfeng funnel``, ``retention`` and ``paths``: events of the store or of a file, in steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import open_store, say, settings

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.funnel.funnel import Funnel, FunnelStep
    from profiles.funnel.paths import Paths
    from profiles.funnel.reasons import Reasons
    from profiles.funnel.relation import Relation
    from profiles.funnel.retention import Retention
    from profiles.funnel.spec import FunnelSpec

EventsOption = Annotated[
    Path | None,
    typer.Option(help="CSV, JSON lines or Parquet with person_id, event, time; else the store's."),
]
StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (funnel, retention, paths):
        app.command()(command)


def funnel(
    spec: Annotated[Path, typer.Option(help="The question as JSON, see docs/funnel.md.")],
    events: EventsOption = None,
    as_json: JsonOption = False,
    profiles: Annotated[
        Path | None, typer.Option(help="Fields and tags by person_id; else the store's users.")
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="What goes together with dropping out.")
    ] = False,
    trend: Annotated[str | None, typer.Option(help="Also by day or week of entry.")] = None,
    actors: Annotated[
        int | None, typer.Option(metavar="STEP", help="Write who reached this step, to --out.")
    ] = None,
    dropped: Annotated[
        int | None, typer.Option(metavar="STEP", help="Write who dropped before it, to --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help=".parquet .csv .jsonl .xlsx")] = None,
    store: StoreOption = None,
) -> None:
    """How far persons come along the steps of SPEC, how fast, and where they drop."""
    from profiles.funnel.funnel import read_funnel
    from profiles.funnel.reasons import find_reasons
    from serving.funnel import document, read_question, usage

    asked = read_question(spec)
    _check_funnel(len(asked.steps), trend, actors, dropped, out)
    with _opened(events, store) as (relation, known), usage():
        persons = _profiles(profiles, known, asked, reasons)
        found = read_funnel(relation, asked, persons)
        why = find_reasons(relation, asked, persons) if reasons else None
    if out is not None:
        _write_actors(found, actors, dropped, out)
    _say_rejected(found.rejected, found.rows_in)
    if as_json:
        _print(document(found, why, trend))
        return
    _tell_funnel(found, why, trend)


def retention(
    start: Annotated[str, typer.Option(help="The event that begins, * for any.")] = "*",
    back: Annotated[str, typer.Option(help="The event that is a return, * for any.")] = "*",
    unit: Annotated[str, typer.Option(help="day, week or month")] = "week",
    periods: Annotated[int, typer.Option(help="How many periods to follow.")] = 8,
    cohort: Annotated[
        str, typer.Option(help="first: of a person's first start; recurring: of each.")
    ] = "first",
    count: Annotated[
        str, typer.Option(help="exact: back in the n-th period; rolling: in it or later.")
    ] = "exact",
    events: EventsOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Who comes back, by the period of the start."""
    from profiles.funnel.retention import read_retention
    from profiles.funnel.spec import Match
    from serving.funnel import retention_document, usage

    first, again = (Match(events=() if one == "*" else (one,)) for one in (start, back))
    with _opened(events, store) as (relation, _), usage():
        found = read_retention(
            relation, first, again, unit=unit, periods=periods, cohort=cohort, count=count
        )
    _say_rejected(found.rejected, found.rows_in)
    if as_json:
        _print(retention_document(found))
        return
    _tell_retention(found)


def paths(
    start: Annotated[str | None, typer.Option(help="Paths begin at this event.")] = None,
    end: Annotated[str | None, typer.Option(help="Paths end at this event.")] = None,
    steps: Annotated[int, typer.Option(help="Events of a path, at most.")] = 5,
    gap_s: Annotated[float, typer.Option(help="Silence that ends a session, in seconds.")] = 1800,
    top: Annotated[int, typer.Option(help="Events by name at each place.")] = 8,
    events: EventsOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """The paths that people take: nodes and links of a Sankey diagram."""
    from profiles.funnel.paths import read_paths
    from serving.funnel import usage

    with _opened(events, store) as (relation, _), usage():
        found = read_paths(relation, start=start, end=end, steps=steps, gap_s=gap_s, top=top)
    _say_rejected(found.rejected, found.rows_in)
    if as_json:
        _print(asdict(found))
        return
    _tell_paths(found)


@contextmanager
def _opened(events: Path | None, store: str | None) -> Iterator[tuple[Relation, pa.Table | None]]:
    """The events of the file, or those of the store with what it knows of its persons."""
    from profiles.funnel.relation import open_events
    from profiles.funnel.stored import stored_events, stored_profiles

    if events is not None:
        with open_events(events) as relation:
            yield relation, None
        return
    with open_store(settings(store=store)) as opened:
        table, persons = stored_events(opened), stored_profiles(opened)
    with open_events(table) as relation:
        yield relation, persons


def _profiles(
    path: Path | None, known: pa.Table | None, spec: FunnelSpec, reasons: bool
) -> pa.Table | None:
    """What is known of persons, where the question needs it."""
    from profiles.funnel.relation import read_profiles
    from serving.errors import UsageError

    breakdown = spec.breakdown
    field = breakdown.name if breakdown is not None and breakdown.of_person else None
    if field is None and not reasons:
        return None
    table = read_profiles(path) if path is not None else known
    if field is not None and (table is None or field not in table.column_names):
        found = "none" if table is None else ", ".join(table.column_names)
        raise UsageError(
            f"breakdown: expected the profile field {field!r}, found {found}; give --profiles FILE"
        )
    return table


def _check_funnel(
    n: int, trend: str | None, actors: int | None, dropped: int | None, out: Path | None
) -> None:
    from serving.batch.writers import check_output

    if trend not in (None, "day", "week"):
        raise typer.BadParameter(f"--trend: expected day or week, found {trend!r}")
    for name, step, low in (("--actors", actors, 1), ("--dropped", dropped, 2)):
        if step is not None and not low <= step <= n:
            raise typer.BadParameter(f"{name}: expected a step from {low} to {n}, found {step}")
    if (actors is not None or dropped is not None) != (out is not None):
        raise typer.BadParameter("expected --actors or --dropped together with --out, found one")
    if actors is not None and dropped is not None:
        raise typer.BadParameter("expected --actors or --dropped, found both")
    if out is not None:
        check_output(out)


def _write_actors(found: Funnel, actors: int | None, dropped: int | None, out: Path) -> None:
    from serving.batch.writers import TableWriter
    from serving.funnel import actor_rows

    rows = actor_rows(found, reached=actors, dropped_before=dropped)
    with TableWriter(out, rows.schema) as writer:
        writer.write(rows)
    say(f"{rows.num_rows:,} persons: {out}")


def _say_rejected(rejected: int, rows_in: int) -> None:
    if rejected:
        say(
            f"{rejected:,} of {rows_in:,} rows left out: expected a person, an event and a time "
            "(epoch seconds or ISO 8601)"
        )


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))


def _tell_funnel(found: Funnel, why: Reasons | None, trend: str | None) -> None:
    from profiles.funnel.funnel import trend as by_period

    _tell_steps(found.steps)
    for value, steps in found.breakdown.items():
        typer.echo(f"\n{value if value is not None else '(no value)'}")
        _tell_steps(steps)
    if trend is not None:
        typer.echo("")
        for one in by_period(found.actors, len(found.steps), trend):
            typer.echo(f"{one.start}  {one.entered:>9,} {one.converted:>9,}  {one.share:7.1%}")
    if why is not None:
        typer.echo("")
        for reason in why.found:
            typer.echo(
                f"after step {reason.after_step}: {reason.name} = {reason.value}: "
                f"{reason.share_dropped:.1%} of who left, "
                f"{reason.share_went_on:.1%} of who went on "
                f"(q {reason.q_value:.2g})"
            )
        say(f"{len(why.found)} of {why.tested} values, false discoveries at most 5 %")
    if found.excluded:
        say(f"{found.excluded:,} persons left out by exclusions")


def _tell_steps(steps: tuple[FunnelStep, ...]) -> None:
    for at, step in enumerate(steps, 1):
        first, previous = step.conversion_from_first, step.conversion_from_previous
        median = "" if step.median_s is None else f"  median {step.median_s:,.0f} s"
        typer.echo(
            f"{at:>2} {step.event:<24} {step.persons:>10,} "
            f"{'' if first is None else f'{first:7.1%}':>7} "
            f"{'' if previous is None else f'{previous:7.1%}':>7}{median}"
        )


def _tell_retention(found: Retention) -> None:
    for one in found.cohorts:
        cells = [
            f"{share:6.1%}{' ' if whole else '*'}"
            for share, whole in zip(one.shares, one.complete, strict=True)
        ]
        typer.echo(f"{one.start}  {one.persons:>8,}  {' '.join(cells)}")
    mean = " ".join("      -" if one is None else f"{one:6.1%} " for one in found.mean)
    typer.echo(f"{'mean':<10}  {'':>8}  {mean}")
    say("* the period had not ended with the last event")


def _tell_paths(found: Paths) -> None:
    for link in found.links:
        wait = "" if link.median_s is None else f"  median {link.median_s:,.0f} s"
        typer.echo(f"{link.source} -> {link.target}: {link.sessions:,}{wait}")
    say(f"{found.sessions:,} sessions of {found.persons:,} persons")
