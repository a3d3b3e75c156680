"""The same funnel on PostgreSQL, Spark and every engine that ibis reads, by the same matching.

An engine delivers the columns that the question needs as Arrow, in parts by a hash of the person so
that a person is whole in one part; each part goes through ``profiles.funnel.events`` and
``chains``. On Spark the parts are matched on the executors (``mapInArrow``) and only the persons
come back. So no rule of matching is written twice, and answers are equal to the last digit.

Growth: memory is one part; choose ``parts`` so that some 20 M events are in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from profiles.funnel.actors import read_actors, step_column
from profiles.funnel.funnel import Funnel, put_together
from profiles.funnel.relation import open_events
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.sql import JSON_COLUMN


def ibis_funnel(
    table: Any, spec: FunnelSpec, *, parts: int = 1, profiles: pa.Table | None = None
) -> Funnel:
    """The funnel of an ibis table with ``person_id``, ``event``, ``time`` and properties.

    Raises:
        EventsError: the table lacks a property that the question names.
    """
    found: list[pa.Table] = []
    for part in ibis_parts(table, spec, parts):
        with open_events(part) as events:
            found.append(read_actors(events, spec)[0])
    good = table.person_id.notnull() & table.event.notnull() & table.time.notnull()
    rows_in = int(table.count().execute())
    rejected = rows_in - int(table.filter(good).count().execute())
    actors = pa.concat_tables(found, promote_options="permissive")
    return put_together(actors, spec, profiles, rows_in=rows_in, rejected=rejected)


def ibis_parts(table: Any, spec: FunnelSpec, parts: int) -> Iterator[pa.Table]:
    """The rows and columns that the question needs, in parts by person."""
    chosen = table.select(*needed(spec, list(table.columns)))
    names = _event_names(spec)
    if names is not None:
        chosen = chosen.filter(chosen.event.isin(names))
    place = chosen.person_id.hash() % parts if parts > 1 else None
    for part in range(parts):
        rows = chosen
        if place is not None:  # a remainder below zero is that of a negative hash
            rows = chosen.filter((place == part) | (place == part - parts))
        yield rows.to_pyarrow()


def spark_funnel(frame: Any, spec: FunnelSpec, *, profiles: pa.Table | None = None) -> Funnel:
    """The funnel of a Spark DataFrame with ``person_id``, ``event``, ``time`` and properties.

    Times are whole seconds or timestamps. The executors need this package.
    """
    chosen = frame.select(*needed(spec, list(frame.columns)))
    rows_in = chosen.count()
    rejected = rows_in - chosen.dropna(subset=["person_id", "event", "time"]).count()
    schema = ", ".join(
        ["person_id string", "level int", "spoilt boolean"]
        + [f"{step_column(at + 1)} bigint" for at in range(len(spec.steps))]
        + ["value string"]
    )
    matched = chosen.repartition("person_id").mapInArrow(_matcher(spec, chosen.columns), schema)
    actors = matched.toArrow()
    return put_together(actors, spec, profiles, rows_in=rows_in, rejected=rejected)


def _matcher(
    spec: FunnelSpec, columns: list[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What each executor does with the rows of its persons."""

    def match(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        some = list(batches)
        if not some:
            return
        given = pa.Table.from_batches(some).select(columns)
        with open_events(given) as events:
            actors = read_actors(events, spec)[0]
        if "value" not in actors.column_names:
            actors = actors.append_column("value", pa.nulls(actors.num_rows, pa.string()))
        fields = [pa.field("person_id", pa.string()), pa.field("level", pa.int32())]
        rest = [actors.schema.field(at) for at in range(2, actors.num_columns)]
        yield from actors.cast(pa.schema([*fields, *rest])).to_batches()

    return match


def needed(spec: FunnelSpec, columns: list[str]) -> list[str]:
    """The columns of a table of events that the question needs."""
    properties = [name for name in spec.properties() if name in columns]
    further = len(properties) < len(spec.properties()) and JSON_COLUMN in columns
    named = ["person_id", "event", "time", *properties, *([JSON_COLUMN] if further else [])]
    return list(dict.fromkeys(named))


def _event_names(spec: FunnelSpec) -> list[str] | None:
    """The events that matter, None where all do."""
    matches = [*spec.steps, *(one.match for one in spec.exclusions)]
    if spec.sees_all or any(not one.events for one in matches):
        return None
    return sorted({name for one in matches for name in one.events})
