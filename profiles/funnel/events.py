"""The events of a question as arrays in order of person and time: what the matching works on.

One SELECT brings person, time and a code per event (see ``code_sql``); one sort puts them in order.
Person, time and rank of the code are packed into one 64-bit number where they fit, and sorted as
such; else they are sorted by three keys. Memory: some 40 bytes per event that the question
names, of all persons at once; ``engines`` brings them in parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread
from typing import Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.funnel.relation import Relation
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.sql import INTEGERS, code_sql, property_sql

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
MANY: Final = 1 << 18  # keys from which a second thread is worth its start
_SMALL: Final = 1 << 20  # a code below this is ranked by a table


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Events as they came: numbers of persons, milliseconds, codes, and named values.

    ``names`` gives the id of each person's number; it is an Arrow array, or None where the number
    is the id. ``values`` are dictionary arrays by property, aligned with the rows.
    """

    person: Ints
    time_ms: Ints
    code: Ints
    names: pa.Array | None
    values: dict[str, pa.DictionaryArray]
    rows_in: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Events:
    """Events in order of (group, time, tie rule); a group is one person, or one with what is held.

    ``code`` has the bits of ``code_sql``. ``group`` numbers groups from 0; ``first`` is the row at
    which each group starts. ``row`` leads back to the row as it came, where that is wanted.
    """

    group: Ints
    first: Ints
    time_ms: Ints
    code: Ints
    row: Ints | None
    person: Ints  # by group: the person's number
    held: Ints  # by group: the number of what is held constant, 0 where nothing is

    @property
    def groups(self) -> int:
        """How many there are."""
        return len(self.first)

    def group_first(self) -> Ints:
        """By row: the row at which its group starts."""
        return self.first[self.group]

    def new_instant(self) -> Flags:
        """By row: whether it is the first of its group at its moment."""
        new = np.ones(len(self.time_ms), dtype=bool)
        if len(new):
            new[1:] = (self.time_ms[1:] != self.time_ms[:-1]) | (self.group[1:] != self.group[:-1])
        return new


def read_rows(events: Relation, spec: FunnelSpec, further: tuple[str, ...] = ()) -> Rows:
    """The events that the question names (all of them where it is strict), as they came.

    ``further`` are properties whose values are wanted beside those of the question.
    """
    wanted = list(dict.fromkeys((*_value_names(spec), *further)))
    given = "".join(
        f", CAST({property_sql(name, events.columns)} AS VARCHAR) AS v{at}"
        for at, name in enumerate(wanted)
    )
    kept = "TRUE" if spec.sees_all else "code <> 0"
    table = events.connection.execute(
        f"""WITH coded AS (
                SELECT person_id, {events.time_ms} AS time_ms,
                    {code_sql(spec, events.columns)} AS code,
                    {events.usable} AS usable{given} FROM {events.name})
            SELECT * EXCLUDE (usable) FROM coded WHERE {kept} AND usable"""
    ).to_arrow_table()
    rows_in, rejected = count_rows(events)
    person, names = numbered(table["person_id"])
    return Rows(
        person=person,
        time_ms=ints(table["time_ms"]),
        code=ints(table["code"]),
        names=names,
        values={name: encoded(table[f"v{at}"]) for at, name in enumerate(wanted)},
        rows_in=rows_in,
        rejected=rejected,
    )


def count_rows(events: Relation) -> tuple[int, int]:
    """All rows, and those without a person, an event or a time that can be read."""
    run, name = events.connection.execute, events.name
    if events.types["person_id"] in INTEGERS and events.types["time"] in INTEGERS:
        # how many nulls there are a file's statistics tell without a scan
        counts = run(
            f"SELECT count(*), count(person_id), count(event), count(time) FROM {name}"
        ).fetchone()
        rows, *given = cast(tuple[int, ...], counts)
        if set(given) == {rows}:
            empty = run(f"SELECT count(*) FROM {name} WHERE event = ''").fetchone()
            return rows, cast(tuple[int], empty)[0]
    found = run(f"SELECT count(*), count(*) FILTER (NOT ({events.usable})) FROM {name}").fetchone()
    return cast(tuple[int, int], found)


def _value_names(spec: FunnelSpec) -> list[str]:
    names = list(spec.hold_constant)
    if spec.breakdown is not None and not spec.breakdown.of_person:
        names.append(spec.breakdown.name)
    return names


def ints(column: pa.ChunkedArray) -> Ints:
    """A column of whole numbers without nulls as one array."""
    return cast(Ints, column.cast(pa.int64()).to_numpy())


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column as one dictionary array."""
    one = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    return one.chunk(0) if isinstance(one, pa.ChunkedArray) else one


def numbered(column: pa.ChunkedArray) -> tuple[Ints, pa.Array | None]:
    """Persons as numbers; whole numbers stay what they are, and then there are no names."""
    if pa.types.is_integer(column.type):
        return ints(column), None
    one = encoded(column)
    return cast(Ints, one.indices.to_numpy().astype(np.int64)), one.dictionary


def in_order(rows: Rows, spec: FunnelSpec) -> Events:
    """The rows in order, grouped by person and by what the question holds constant.

    Rows without a value of what is held constant are left out.
    """
    at = np.arange(len(rows.code))
    held, code = np.zeros(len(at), np.int64), rows.code
    keys = spec.hold_constant or _all_events(spec)
    if keys:
        held = combine([rows.values[name] for name in keys])
        at = np.flatnonzero(held >= 0)
        held, code = held[at], code[at]
    if spec.reuse:
        place, code = _expanded(code, 2 * len(spec.steps))
        at, held = at[place], held[place]
    if not len(at):
        return _nothing()
    rank, by_rank = _ranked(code)
    if not keys and not rows.values and not spec.reuse and spec.ties != "input":
        packed = _packed(rows.person, rows.time_ms, rank, by_rank)
        if packed is not None:
            return _grouped(*packed, held=None, row=None)
    if spec.ties == "input":
        rank = np.zeros_like(rank)
    person, time_ms = rows.person[at], rows.time_ms[at]
    order = np.lexsort((rank, time_ms, held, person))
    return _grouped(person[order], time_ms[order], code[order], held=held[order], row=at[order])


def _nothing() -> Events:
    none = np.zeros(0, dtype=np.int64)
    return Events(group=none, first=none, time_ms=none, code=none, row=none, person=none, held=none)


def _grouped(
    person: Ints, time_ms: Ints, code: Ints, *, held: Ints | None, row: Ints | None
) -> Events:
    """Sorted rows with their groups numbered."""
    new = np.ones(len(person), dtype=bool)
    new[1:] = person[1:] != person[:-1]
    if held is not None:
        new[1:] |= held[1:] != held[:-1]
    first = np.flatnonzero(new)
    return Events(
        group=np.cumsum(new, dtype=np.int64) - 1,
        first=first,
        time_ms=time_ms,
        code=code,
        row=row,
        person=person[first],
        held=np.zeros(len(first), np.int64) if held is None else held[first],
    )


def _all_events(spec: FunnelSpec) -> tuple[str, ...]:
    breakdown = spec.breakdown
    return (breakdown.name,) if breakdown and breakdown.attribution == "all_events" else ()


def combine(values: list[pa.DictionaryArray]) -> Ints:
    """One number per row for the values of several columns; -1 where one is null."""
    total: Ints = np.zeros(len(values[0]), dtype=np.int64)
    missing = np.zeros(len(values[0]), dtype=bool)
    for value in values:
        index = value.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        missing |= index < 0
        total = total * (len(value.dictionary) + 1) + index
    return np.where(missing, -1, total)


def _expanded(code: Ints, bits: int) -> tuple[Ints, Ints]:
    """Places and codes of one row per event and step that it matches, so that one event may fill
    several.
    """
    parts = [np.flatnonzero(code >> bit & 1) for bit in range(bits)]
    ones = np.repeat(1 << np.arange(bits, dtype=np.int64), [len(part) for part in parts])
    return np.concatenate(parts), ones


def _ranked(code: Ints) -> tuple[Ints, Ints]:
    """By row the place of its code among codes in order of the first step they match; the codes in
    that order. What excludes comes after all steps, what matches nothing last.
    """
    small = int(code.max()) < _SMALL
    distinct = np.flatnonzero(np.bincount(code)) if small else np.unique(code)
    lowest = np.array([_lowest_bit(int(one)) for one in distinct])
    by_rank = distinct[np.lexsort((distinct, lowest))]
    if small:
        table = np.zeros(int(code.max()) + 1, dtype=np.int64)
        table[by_rank] = np.arange(len(by_rank))
        return table[code], by_rank
    order = np.argsort(by_rank)
    return order[np.searchsorted(by_rank[order], code)], by_rank


def sort_keys(keys: Ints) -> Ints:
    """The keys in order; many are sorted in two halves at a time and merged."""
    if not keys.flags.writeable:
        keys = keys.copy()
    if len(keys) < MANY:
        keys.sort()
        return keys
    half = len(keys) // 2
    beside = Thread(target=keys[:half].sort)
    beside.start()
    keys[half:].sort()
    beside.join()
    keys.sort(kind="stable")  # two runs in order: one merge
    return keys


def _lowest_bit(code: int) -> int:
    return (code & -code).bit_length() if code else 64


def _packed(
    person: Ints, time_ms: Ints, rank: Ints, by_rank: Ints
) -> tuple[Ints, Ints, Ints] | None:
    """Persons, times and codes sorted as one number each, or None where they do not fit into it."""
    low_person, low_time = int(person.min()), int(time_ms.min())
    unit = 1000 if not np.any((time_ms - low_time) % 1000) else 1
    span = (int(time_ms.max()) - low_time) // unit
    time_bits, rank_bits = span.bit_length(), (len(by_rank) - 1).bit_length()
    if (int(person.max()) - low_person).bit_length() + time_bits + rank_bits > 63:
        return None
    key = (person - low_person) << (time_bits + rank_bits)
    key |= ((time_ms - low_time) // unit if unit > 1 else time_ms - low_time) << rank_bits
    key |= rank
    key = sort_keys(key)
    times = (key >> rank_bits & ((1 << time_bits) - 1)) * unit + low_time
    codes = by_rank[key & ((1 << rank_bits) - 1)]
    return (key >> (time_bits + rank_bits)) + low_person, times, codes
