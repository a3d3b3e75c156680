"""How the segment commands show and take things: days, tables on a terminal, one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from serving.cli.common import say

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.rfm.purchases import OrderCounts

CHINA: Final = timezone(timedelta(hours=8))
StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")]
OutOption = Annotated[
    Path | None, typer.Option(help="One row per person: .parquet .csv .jsonl .xlsx")
]

_KEEP: Final = "Keep each person's segment in the store, for rules such as: segment = 重要价值."
SaveOption = Annotated[bool, typer.Option("--save", "--save-segments", help=_KEEP)]
SaveSegmentsOption = Annotated[bool, typer.Option("--save-segments", help=_KEEP)]


def a_day(text: str | None, option: str) -> date | None:
    """A day such as 2026-09-30, or None; a moment is taken as its day in China."""
    if text is None:
        return None
    from serving.cli.common import day

    try:
        if len(text) <= 10:
            return datetime.strptime(text, "%Y-%m-%d").date()
        return day(text).astimezone(CHINA).date()
    except (ValueError, typer.BadParameter) as error:
        raise typer.BadParameter(
            f"{option}: expected a day such as 2026-09-30, found {text!r}"
        ) from error


def today() -> date:
    """The day it is in China."""
    return datetime.now(CHINA).date()


def one_of(value: str, known: Sequence[str], option: str) -> Any:
    """The value, or a usage error that names what is known."""
    if value not in known:
        raise typer.BadParameter(f"{option}: expected one of {', '.join(known)}, found {value!r}")
    return value


def order_rows(file: Path | None, store: str | None) -> pa.Table:
    """Order rows of a file, or of the store with accounts put together to persons."""
    from serving.segment_rows import ORDER_COLUMNS, read_rows

    if file is not None:
        return read_rows(file, ORDER_COLUMNS, optional=frozenset({"order_id"}))
    from serving.cli.common import open_store, settings
    from serving.stored_rows import stored_orders

    with open_store(settings(store=store)) as opened:
        return stored_orders(opened)


def write_table(out: Path | None, table: pa.Table) -> None:
    """Writes the rows where a file was asked for, and says so."""
    if out is None:
        return
    from serving.batch.writers import TableWriter, check_rows

    check_rows(out, table.num_rows)
    with TableWriter(out, table.schema) as writer:
        writer.write(table)
    say(f"{table.num_rows:,} persons: {out}")


def check_out(out: Path | None) -> None:
    """Refuses a file that cannot be written, before anything is computed."""
    if out is not None:
        from serving.batch.writers import check_output

        check_output(out)


def check_save(save: bool, file: Path | None, option: str) -> None:
    """Refuses to keep segments of persons whom the store does not know."""
    if save and file is not None:
        raise typer.BadParameter(
            f"--save-segments: expected the store's persons, found {option} {file}; drop one of "
            "the two"
        )


def keep_segments(
    table: pa.Table, schemes: Mapping[str, str], as_of: date, store: str | None, verb: str
) -> None:
    """Writes the segments into the store, as of the end of a day in China, and says so."""
    from profiles.segments import save_segments
    from serving.cli.common import open_store, run_id, settings

    moment = datetime.combine(as_of, time.max, CHINA).astimezone(UTC)
    with open_store(settings(store=store)) as opened:
        n = save_segments(opened, table, schemes, moment, run_id(verb))
    say(f"{n:,} segments of {table.num_rows:,} persons kept ({', '.join(schemes)})")


def show_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output; numbers that are not finite are null."""
    from serving.numbers import finite

    text = json.dumps(finite(document), ensure_ascii=False, default=str, allow_nan=False)
    typer.echo(text)


def show_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with the first column to the left and the others to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if at else "left", no_wrap=at == 0)
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(table)


def say_counts(counts: OrderCounts) -> None:
    """What became of the order rows, and the first thing to look at."""
    say(
        f"{counts.rows:,} rows = {counts.used:,} used + {counts.given_twice:,} given twice + "
        f"{counts.future:,} later + {counts.no_person:,} without person + "
        f"{counts.bad_time:,} with an unreadable time + {counts.bad_amount:,} with an unreadable "
        f"amount; {counts.refunds:,} refunds, {counts.refund_only_persons:,} persons with refunds "
        "only left out"
    )


def shown(value: float | None, digits: int = 2) -> str:
    """A number for people, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"
