"""Events of the plainest questions, one 64-bit number each: person, time and step, sorted as such.

A question is plain where each step is one event's name, persons are whole numbers and times whole
seconds. The engine then makes the numbers itself (a join with the steps' names, so that what no
step names is dropped at once) and hands over one column; halves are sorted side by side, because
NumPy sorts without Python's lock. All else goes through ``events``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from profiles.funnel.events import Events, Ints, count_rows, ints, sort_keys
from profiles.funnel.relation import Relation
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.sql import literal, plain_names

KEY_BITS: Final = 63
SECONDS_BELOW: Final = 100_000_000_000  # as ``sql.time_ms_sql`` tells seconds from milliseconds
_PERSONS: Final = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
)


@dataclass(frozen=True, kw_only=True)
class PackedEvents:
    """Events in order, and how many rows there were, good and bad."""

    events: Events
    rows_in: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class _Packing:
    """How a key is made: ``person - low_person`` over ``time - low_time`` over the step."""

    low_person: int
    low_time: int
    time_bits: int
    rank_bits: int

    def sql(self) -> str:
        """The key, over columns ``person_id``, ``time`` and ``rank``."""
        person = f"(CAST(person_id AS BIGINT) - ({self.low_person}))"
        time = f"(CAST(time AS BIGINT) - ({self.low_time}))"
        return (
            f"({person} << {self.time_bits + self.rank_bits}) | ({time} << {self.rank_bits}) | rank"
        )


def read_packed(events: Relation, spec: FunnelSpec) -> PackedEvents | None:
    """The events that the question names, in order; None where the question is not plain, or the
    numbers do not fit.
    """
    names = plain_names(spec)
    if names is None or not _fits(events, spec):
        return None
    packing = _packing(events, len(names))
    if packing is None:
        return None
    steps = ", ".join(f"({literal(name)}, CAST({at} AS BIGINT))" for at, name in enumerate(names))
    table = events.connection.execute(
        f"""SELECT {packing.sql()} AS key
            FROM {events.name} JOIN (VALUES {steps}) AS named (name, rank) ON event = name
            WHERE person_id IS NOT NULL AND time IS NOT NULL AND event <> ''"""
    ).to_arrow_table()
    rows_in, rejected = count_rows(events)
    keys = sort_keys(ints(table["key"]))
    return PackedEvents(events=_unpacked(keys, packing), rows_in=rows_in, rejected=rejected)


def _fits(events: Relation, spec: FunnelSpec) -> bool:
    breakdown = spec.breakdown
    by_event = breakdown is not None and not breakdown.of_person
    asked = spec.reuse or spec.where or spec.hold_constant or by_event or spec.sees_all
    types = events.types
    plain = types["event"] == "VARCHAR" and {types["person_id"], types["time"]} <= _PERSONS
    return plain and not asked and spec.ties != "input"


def _packing(events: Relation, steps: int) -> _Packing | None:
    """The narrowest packing of all rows; from the file's own statistics where it has them."""
    found = events.connection.execute(
        f"SELECT min(person_id), max(person_id), min(time), max(time) FROM {events.name}"
    ).fetchone()
    if found is None or None in found:
        return None
    low, high, first, last = cast(tuple[int, int, int, int], found)
    if max(abs(first), abs(last)) >= SECONDS_BELOW:
        return None
    time_bits, rank_bits = (last - first).bit_length(), (steps - 1).bit_length()
    # the smallest number as well as the difference is to fit into a BIGINT
    if (high - low).bit_length() + time_bits + rank_bits > KEY_BITS or low < -(1 << 62):
        return None
    return _Packing(low_person=low, low_time=first, time_bits=time_bits, rank_bits=rank_bits)


def _unpacked(keys: Ints, packing: _Packing) -> Events:
    """Sorted keys taken apart."""
    person = keys >> (packing.time_bits + packing.rank_bits)
    new = np.ones(len(keys), dtype=bool)
    new[1:] = person[1:] != person[:-1]
    first = np.flatnonzero(new)
    seconds = keys >> packing.rank_bits & ((1 << packing.time_bits) - 1)
    rank = keys & ((1 << packing.rank_bits) - 1)
    return Events(
        group=np.cumsum(new, dtype=np.int64) - 1,
        first=first,
        time_ms=(seconds + packing.low_time) * 1000,
        code=np.left_shift(1, rank),
        row=None,
        person=person[first] + packing.low_person,
        held=np.zeros(len(first), np.int64),
    )
