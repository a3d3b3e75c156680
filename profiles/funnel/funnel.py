"""A funnel's answer: persons and times by step, who dropped where, apart by value and over time.

``read_funnel`` asks one relation of events. The table of persons (``actors``) is enough for every
number here, so that engines which match in parts come to the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.funnel.actors import read_actors, step_column
from profiles.funnel.events import Ints
from profiles.funnel.relation import Relation
from profiles.funnel.spec import FunnelSpec
from profiles.intervals import wilson_interval

MAX_VALUES: Final = 25  # of a breakdown, the most frequent; the others are counted together
MAX_BINS: Final = 60
OTHERS: Final = "(others)"
DAY_MS: Final = 86_400_000
_SHANGHAI_MS: Final = 8 * 3_600_000  # days are those of UTC+8, weeks begin on Monday
_MONDAY_MS: Final = 3 * DAY_MS  # 1970-01-01 was a Thursday


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """One step: persons who reached it, and how long they took since the step before.

    Shares and times are None where there is nobody to take them from; ``low`` and ``high`` are the
    95 % Wilson bounds of ``conversion_from_previous``.
    """

    event: str
    persons: int
    conversion_from_first: float | None
    conversion_from_previous: float | None
    low: float | None
    high: float | None
    mean_s: float | None
    median_s: float | None
    mean_from_first_s: float | None
    median_from_first_s: float | None


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Persons who took from ``from_s`` to less than ``to_s`` (the last bin: or equal)."""

    from_s: float
    to_s: float
    persons: int


@dataclass(frozen=True, kw_only=True)
class TimeToConvert:
    """From the first to the last step, of those who came to it."""

    persons: int
    mean_s: float
    median_s: float
    histogram: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class Period:
    """Persons by the day or week in which their furthest chain began; each is in one period."""

    start: str
    entered: int
    converted: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """The answer; ``actors`` is the table of persons (see ``profiles.funnel.actors``)."""

    spec: FunnelSpec
    steps: tuple[FunnelStep, ...]
    excluded: int
    time_to_convert: TimeToConvert | None
    breakdown: Mapping[str | None, tuple[FunnelStep, ...]]
    actors: pa.Table
    rows_in: int
    rejected: int


def read_funnel(events: Relation, spec: FunnelSpec, profiles: pa.Table | None = None) -> Funnel:
    """The answer to one question; ``profiles`` has ``person_id`` and a breakdown's profile field.

    Raises:
        EventsError: the events lack a property that the question names.
        SpecError: the steps overlap too much for an unordered funnel.
    """
    actors, rows_in, rejected = read_actors(events, spec)
    return put_together(actors, spec, profiles, rows_in=rows_in, rejected=rejected)


def put_together(
    actors: pa.Table,
    spec: FunnelSpec,
    profiles: pa.Table | None = None,
    *,
    rows_in: int,
    rejected: int,
) -> Funnel:
    """The answer from the table of persons."""
    whole = one_per_person(actors, spec)
    return Funnel(
        spec=spec,
        steps=count_steps(whole, spec),
        excluded=int(pc.sum(whole["spoilt"]).as_py() or 0),
        time_to_convert=time_to_convert(whole, len(spec.steps)),
        breakdown=_by_value(actors, spec, profiles),
        actors=whole,
        rows_in=rows_in,
        rejected=rejected,
    )


def one_per_person(actors: pa.Table, spec: FunnelSpec) -> pa.Table:
    """Of several rows of a person (one per value) the furthest."""
    breakdown = spec.breakdown
    if breakdown is None or breakdown.attribution != "all_events":
        return actors
    ordered = actors.sort_by([("person_id", "ascending"), ("level", "descending")])
    person = ordered["person_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    new = np.ones(len(person), dtype=bool)
    new[1:] = person[1:] != person[:-1]
    return ordered.filter(pa.array(new))


def count_steps(actors: pa.Table, spec: FunnelSpec) -> tuple[FunnelStep, ...]:
    """Persons and times by step."""
    level = actors["level"].to_numpy()
    counts = [int((level >= at + 1).sum()) for at in range(len(spec.steps))]
    times = [_step_ms(actors, at + 1) for at in range(len(spec.steps))]
    found = []
    for at, step in enumerate(spec.steps):
        here, previous = counts[at], counts[at - 1] if at else counts[0]
        reached = level >= at + 1
        low, high = wilson_interval(here, previous)
        found.append(
            FunnelStep(
                event=step.name,
                persons=here,
                conversion_from_first=_share(here, counts[0]),
                conversion_from_previous=_share(here, previous),
                low=_number(low),
                high=_number(high),
                **_times_taken(times, at, reached),
            )
        )
    return tuple(found)


def _step_ms(actors: pa.Table, step: int) -> Ints:
    """Milliseconds of a step, 0 where it was not reached."""
    return cast(Ints, actors[step_column(step)].fill_null(0).to_numpy())


def _times_taken(times: list[Ints], at: int, reached: Any) -> dict[str, float | None]:
    names = ("mean_s", "median_s", "mean_from_first_s", "median_from_first_s")
    if at == 0 or not reached.any():
        return dict.fromkeys(names)
    before = (times[at] - times[at - 1])[reached] / 1000
    first = (times[at] - times[0])[reached] / 1000
    values = (before.mean(), np.median(before), first.mean(), np.median(first))
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def time_to_convert(actors: pa.Table, n: int, bins: int | None = None) -> TimeToConvert | None:
    """Mean, median and histogram of the whole way; None where nobody came to its end.

    Bins are whole seconds wide, as many as the cube root of the persons unless given.
    """
    done = actors["level"].to_numpy() == n
    if not done.any() or n < 2:
        return None
    took = (_step_ms(actors, n) - _step_ms(actors, 1))[done] / 1000
    number = bins or min(max(int(np.ceil(np.cbrt(len(took)))), 1), MAX_BINS)
    width = max(float(np.ceil((took.max() - took.min()) / number)), 1.0)
    low = float(np.floor(took.min()))
    place = np.minimum(((took - low) // width).astype(np.int64), number - 1)
    counts = np.bincount(place, minlength=number)
    return TimeToConvert(
        persons=len(took),
        mean_s=float(took.mean()),
        median_s=float(np.median(took)),
        histogram=tuple(
            Bin(from_s=low + width * at, to_s=low + width * (at + 1), persons=int(count))
            for at, count in enumerate(counts)
        ),
    )


def _by_value(
    actors: pa.Table, spec: FunnelSpec, profiles: pa.Table | None
) -> dict[str | None, tuple[FunnelStep, ...]]:
    """The steps apart by value, most persons first; rare values together."""
    breakdown = spec.breakdown
    if breakdown is None:
        return {}
    if breakdown.of_person and profiles is not None:
        actors = with_field(actors, profiles, breakdown.name)
    entered = actors.filter(pc.greater(actors["level"], 0))
    ranked = entered.group_by("value").aggregate([([], "count_all")])
    ranked = ranked.sort_by([("count_all", "descending"), ("value", "ascending")])
    values = ranked["value"].to_pylist()
    named = [value for value in values if value is not None][:MAX_VALUES]
    found: dict[str | None, tuple[FunnelStep, ...]] = {}
    for value in named:
        found[value] = count_steps(entered.filter(pc.equal(entered["value"], value)), spec)
    rest = [value for value in values if value is not None and value not in set(named)]
    if rest:
        some = pc.is_in(entered["value"], pa.array(rest, entered["value"].type))
        found[OTHERS] = count_steps(entered.filter(some), spec)
    if None in values:
        found[None] = count_steps(entered.filter(pc.is_null(entered["value"])), spec)
    return found


def with_field(actors: pa.Table, profiles: pa.Table, name: str) -> pa.Table:
    """The actors with a field of their profiles as ``value``, null for who has none."""
    ids = profiles["person_id"].cast(actors["person_id"].type).combine_chunks()
    at = pc.index_in(actors["person_id"], ids)
    values = profiles[name].cast(pa.string()).combine_chunks().take(at.combine_chunks())
    return actors.append_column("value", values)


def trend(actors: pa.Table, n: int, unit: str = "day") -> tuple[Period, ...]:
    """Who entered and who came to the end, by the day or week in which their chain began."""
    level = actors["level"].to_numpy()
    inside = level > 0
    local = _step_ms(actors, 1)[inside] + _SHANGHAI_MS
    length, shift = (7 * DAY_MS, _MONDAY_MS) if unit == "week" else (DAY_MS, 0)
    starts, place = np.unique((local + shift) // length, return_inverse=True)
    entered = np.bincount(place, minlength=len(starts))
    converted = np.bincount(place, weights=level[inside] == n, minlength=len(starts))
    return tuple(
        Period(
            start=str(np.datetime64(int(start * length - shift), "ms").astype("datetime64[D]")),
            entered=int(here),
            converted=int(done),
            share=float(done / here),
        )
        for start, here, done in zip(starts, entered, converted, strict=True)
    )
