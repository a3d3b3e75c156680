"""Who got how far: one row per person with the furthest step and the time of each step.

Columns: ``person_id``, ``level`` (steps reached, 0 for who is not in the funnel), ``spoilt`` (left
out by an exclusion), ``step_1_ms`` … (the events of the person's furthest chain, null where not
reached), and ``value`` where the question has a breakdown by a property. With the attribution
``all_events`` there is a row per person and value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from profiles.funnel.chains import NONE, Reached, find_chains
from profiles.funnel.events import Events, Flags, Ints, Rows, in_order, read_rows
from profiles.funnel.packed import read_packed
from profiles.funnel.relation import Relation
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.unordered import find_unordered


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What matching found: the events in order, who reached what, and the table of persons.

    ``reached`` is by group; ``best`` are the groups that became rows of ``table``, in its order.
    """

    events: Events
    reached: Reached
    best: Ints
    table: pa.Table


def step_column(step: int) -> str:
    """The column with the time of a step (from 1)."""
    return f"step_{step}_ms"


def read_actors(events: Relation, spec: FunnelSpec) -> tuple[pa.Table, int, int]:
    """Who of a relation's persons got how far; the rows there were, and those without a person, an
    event or a time.

    Raises:
        EventsError: the events lack a property that the question names.
    """
    packed = read_packed(events, spec)
    if packed is not None:
        return match_events(packed.events, spec).table, packed.rows_in, packed.rejected
    rows = read_rows(events, spec)
    return match_rows(rows, spec).table, rows.rows_in, rows.rejected


def match_rows(rows: Rows, spec: FunnelSpec) -> Matched:
    """Who of the rows' persons got how far, ordered by the person's number."""
    return match_events(in_order(rows, spec), spec, rows)


def match_events(events: Events, spec: FunnelSpec, rows: Rows | None = None) -> Matched:
    """The same for events in order; ``rows`` where persons have names, or values are asked for."""
    find = find_unordered if spec.order == "unordered" else find_chains
    reached = find(events, spec)
    apart = spec.breakdown is not None and spec.breakdown.attribution == "all_events"
    best = np.arange(events.groups) if apart else _best_groups(events, reached)
    columns: dict[str, pa.Array] = {
        "person_id": _ids(events.person[best], rows.names if rows else None),
        "level": pa.array(reached.level[best].astype(np.int8)),
        "spoilt": pa.array(reached.spoilt[best]),
    }
    for at in range(len(spec.steps)):
        columns[step_column(at + 1)] = _times(events, reached.rows[best, at])
    if rows is not None and spec.breakdown is not None and not spec.breakdown.of_person:
        columns["value"] = _values(events, reached, rows, spec, best)
    return Matched(events=events, reached=reached, best=best, table=pa.table(columns))


def _ids(numbers: Ints, names: pa.Array | None) -> pa.Array:
    return pa.array(numbers) if names is None else names.take(pa.array(numbers))


def _times(events: Events, rows: Ints) -> pa.Array:
    missing = rows == NONE
    if not len(events.time_ms):
        return pa.nulls(len(rows), pa.int64())
    return pa.array(events.time_ms[np.where(missing, 0, rows)], mask=missing)


def _best_groups(events: Events, reached: Reached) -> Ints:
    """One group per person: the furthest, of those the one that got there first."""
    if not events.groups:
        return np.zeros(0, np.int64)
    new = np.ones(events.groups, dtype=bool)
    new[1:] = events.person[1:] != events.person[:-1]
    if new.all():
        return np.arange(events.groups)
    last = reached.rows.max(axis=1)
    when = np.where(last >= 0, events.time_ms[np.maximum(last, 0)], np.iinfo(np.int64).max)
    order = np.lexsort((when, ~reached.spoilt, -reached.level, events.person))
    return order[new]


def _values(events: Events, reached: Reached, rows: Rows, spec: FunnelSpec, best: Ints) -> pa.Array:
    breakdown = spec.breakdown
    if breakdown is None or events.row is None:
        return pa.nulls(len(best), pa.string())
    values = rows.values[breakdown.name]
    if breakdown.attribution == "all_events":
        at = events.first
    elif breakdown.attribution == "step":
        at = reached.rows[:, breakdown.step - 1]
    else:
        known = values.is_valid().to_numpy(zero_copy_only=False)[events.row]
        at = _touch(events, known, last=breakdown.attribution == "last_touch", n=len(spec.steps))
    chosen = at[best]
    origin = np.where(chosen == NONE, 0, events.row[np.maximum(chosen, 0)])
    return values.take(pa.array(origin, mask=chosen == NONE)).cast(pa.string())


def _touch(events: Events, known: Flags, *, last: bool, n: int) -> Ints:
    """By group: the first or last event of a step whose value is known; -1 where none is."""
    at = np.flatnonzero(known & (events.code & ((1 << n) - 1) > 0))
    found = np.full(events.groups, NONE)
    if last:
        found[events.group[at]] = at
    else:
        found[events.group[at[::-1]]] = at[::-1]
    return found
