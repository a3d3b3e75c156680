"""Unordered funnels: the most steps that any stretch of the window's length holds.

At each event the stretch ends there. Of a step that occurs several times the newest events count,
each for one step. Where steps overlap (one event could be either), the number is that of the
best assignment: by Hall's theorem the smallest, over sets of steps, of the steps outside the set
plus the events that fit into it. An event that excludes empties the stretch; what was reached
before stays. A person's result is the first stretch with the most steps, its times those of the
events in it in order of time.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np

from profiles.funnel.chains import NONE, Reached
from profiles.funnel.errors import SpecError
from profiles.funnel.events import Events, Flags, Ints
from profiles.funnel.spec import FunnelSpec

MAX_OVERLAP: Final = 6  # steps that one event may match; the sets of them are gone through


def find_unordered(events: Events, spec: FunnelSpec) -> Reached:
    """How far each group got, in any order.

    Raises:
        SpecError: more than ``MAX_OVERLAP`` different steps overlap.
    """
    n = len(spec.steps)
    none_spoilt = np.zeros(events.groups, dtype=bool)
    if not events.groups:
        none = np.zeros(0, np.int64)
        return Reached(level=none, rows=none.reshape(0, n), spoilt=none_spoilt)
    masks = events.code & ((1 << n) - 1)
    open_from = _open_from(events, spec)
    parts = _parts(masks, n)
    levels = [_most(events, spec, masks, part, open_from) for part in parts]
    total = np.where(masks > 0, np.sum(levels, axis=0), 0)
    level, row = _first_best(events, total)
    found = np.full((events.groups, n), NONE)
    in_it = np.flatnonzero(level > 0)
    filled = np.zeros(events.groups, np.int64)
    for part, counts in zip(parts, levels, strict=True):
        rows = np.flatnonzero(masks & sum(1 << step for step in part))
        last = np.searchsorted(rows, row[in_it], side="right") - 1
        for back in range(len(part)):
            has = counts[row[in_it]] > back
            group = in_it[has]
            found[group, filled[group]] = rows[last[has] - back]
            filled[group] += 1
    return Reached(level=level, rows=_by_time(found), spoilt=none_spoilt)


def _open_from(events: Events, spec: FunnelSpec) -> Ints:
    """By row: the first row that may count with it, in its group and after the last exclusion."""
    start = events.group_first()
    if not spec.exclusions:
        return start
    excludes = (events.code >> len(spec.steps)) > 0
    alone = excludes & ((events.code & ((1 << len(spec.steps)) - 1)) == 0) & ~_shared(events)
    last = np.maximum.accumulate(np.where(alone, np.arange(len(alone)) + 1, 0))
    return cast(Ints, np.maximum(start, last))


def _shared(events: Events) -> Flags:
    """By row: whether another code is at the same moment of its group."""
    new = events.new_instant()
    instant = np.cumsum(new) - 1
    differs = events.code != events.code[np.flatnonzero(new)][instant]
    return cast(Flags, np.bincount(instant, weights=differs)[instant] > 0)


def _parts(masks: Ints, n: int) -> list[list[int]]:
    """The steps in groups that share events, directly or over others."""
    parts = [1 << step for step in range(n)]
    for mask in np.unique(masks):
        if mask & (mask - 1):
            meets = [part for part in parts if part & mask]
            parts = [part for part in parts if not part & mask]
            parts.append(int(np.bitwise_or.reduce(meets)))
    return [[step for step in range(n) if part >> step & 1] for part in parts]


def _most(events: Events, spec: FunnelSpec, masks: Ints, part: list[int], open_from: Ints) -> Ints:
    """By row: the steps of ``part`` that the stretch ending there can fill."""
    whole = sum(1 << step for step in part)
    equal = not np.any((masks & whole > 0) & (masks & whole != whole))
    if equal:
        return _count(events, spec, masks & whole > 0, len(part), open_from)
    if len(part) > MAX_OVERLAP:
        raise SpecError(
            f"expected at most {MAX_OVERLAP} unordered steps that one event could fill, found "
            f"{len(part)}; make their filters exclude each other"
        )
    best = np.full(len(masks), len(part))
    for subset in range(1, 1 << len(part)):
        steps = [step for at, step in enumerate(part) if subset >> at & 1]
        fits = masks & sum(1 << step for step in steps) > 0
        count = _count(events, spec, fits, len(steps), open_from)
        best = np.minimum(best, len(part) - len(steps) + count)
    return best


def _count(events: Events, spec: FunnelSpec, fits: Flags, limit: int, open_from: Ints) -> Ints:
    """By row: how many of the newest ``limit`` fitting events are in the stretch ending there."""
    rows = np.flatnonzero(fits)
    total = np.zeros(len(fits), np.int64)
    if not len(rows):
        return total
    last = np.cumsum(fits) - 1
    for back in range(limit):
        at = last - back
        row = rows[np.maximum(at, 0)]
        inside = (at >= 0) & (row >= open_from)
        if spec.window_s is not None:
            inside &= events.time_ms - events.time_ms[row] <= spec.window_s * 1000
        total += inside
    return total


def _first_best(events: Events, total: Ints) -> tuple[Ints, Ints]:
    """By group: the highest total and the first row that has it."""
    level = np.maximum.reduceat(total, events.first)
    best = np.flatnonzero(total == level[events.group])
    group = events.group[best]
    new = np.ones(len(best), dtype=bool)
    new[1:] = group[1:] != group[:-1]
    return level, best[new]


def _by_time(rows: Ints) -> Ints:
    """Each group's rows in order, absent ones last."""
    last = np.iinfo(np.int64).max
    ordered = np.sort(np.where(rows == NONE, last, rows), axis=1)
    return np.where(ordered == last, NONE, ordered)
