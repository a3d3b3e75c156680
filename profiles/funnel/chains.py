"""Ordered and strict funnels: chains of steps found by one pass per step over sorted events.

The rules, those of PostHog's funnels (and, without exclusions, of ClickHouse's ``windowFunnel``):

* an event that matches step k prolongs the newest chain that has reached step k-1, if it lies
  within the window from the chain's first event (inclusive); of two chains at one step the one that
  began later lives on, and a chain that reaches a step again without a new beginning changes
  nothing;
* a person's result is the furthest step of any chain, with the times of the first that got there;
* strict: an event that does not match a step ends the chains that stand at it; they may begin anew;
* an event that excludes, within the window, spoils the chain; who got furthest on a spoilt chain
  leaves the funnel altogether, unless a new beginning gets as far;
* events of one moment are taken in order of their steps, and what is strict or excludes does not
  count among them, unless they all match the same.

With a window of its own for the next step, the newest event of a step counts instead of the first.

Growth: a few passes over arrays per step; the loop in ``_undo_spoilt`` runs as often as one person
begins anew after being excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from profiles.funnel.events import Events, Flags, Ints
from profiles.funnel.spec import FunnelSpec

NONE = -1


@dataclass(frozen=True, kw_only=True)
class Step:
    """The chains that reached one step, in order of rows: the event's row, when the chain began,
    and its place among the chains of the step before. ``tried`` are rows that would have reached
    it, spoilt or not.
    """

    rows: Ints
    start_ms: Ints
    before: Ints
    tried: Ints


@dataclass(frozen=True, kw_only=True)
class Reached:
    """By group: steps reached (0 for who is not in the funnel) and the row of each step's event,
    -1 where not reached; ``rows`` is groups x steps. ``spoilt`` are those left out by exclusions.
    """

    level: Ints
    rows: Ints
    spoilt: Flags


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What all passes share."""

    events: Events
    spec: FunnelSpec
    group_first: Ints
    instant_first: Ints | None  # where only later moments follow
    even: Flags | None  # rows of moments whose events all match the same

    def window_ms(self, step: int) -> float:
        """The longest time from the step before."""
        limit = self.spec.step_window_s(step) if step < len(self.spec.steps) else None
        return float("inf") if limit is None else limit * 1000

    def breaks(self, step: int) -> Ints:
        """By row: the last row up to it that ends the chains at ``step``, -1 where none does."""
        if self.spec.order != "strict" or self.even is None:
            return np.full(len(self.events.code), NONE)
        ends = ((self.events.code >> step & 1) == 0) & self.even
        at = np.where(ends, np.arange(len(ends)), NONE)
        return cast(Ints, np.maximum.accumulate(at)) if len(at) else at


def find_chains(events: Events, spec: FunnelSpec) -> Reached:
    """How far each group got."""
    n = len(spec.steps)
    if not events.groups:
        none = np.zeros(0, np.int64)
        return Reached(level=none, rows=none.reshape(0, n), spoilt=none.astype(bool))
    scene = _scene(events, spec)
    steps = [_first_step(scene)]
    for step in range(1, n):
        steps.append(_next_step(scene, step, steps[-1]))
    chosen, level = _furthest(events, steps)
    spoilt = np.zeros(events.groups, dtype=bool)
    if spec.exclusions:
        level, spoilt = _undo_spoilt(scene, steps, chosen, level)
    return Reached(level=level, rows=_walk_back(steps, chosen, level), spoilt=spoilt)


def _scene(events: Events, spec: FunnelSpec) -> _Scene:
    later = events.new_instant() if spec.ties == "later" else None
    even = None
    if spec.order == "strict" or spec.exclusions:
        even = _even(events) if spec.ties == "by_step" else np.ones(len(events.code), dtype=bool)
    return _Scene(
        events=events,
        spec=spec,
        group_first=events.group_first(),
        instant_first=None if later is None else _start_of(later),
        even=even,
    )


def _start_of(new: Flags) -> Ints:
    """By row: the last row up to it that is ``new``."""
    return cast(Ints, np.maximum.accumulate(np.where(new, np.arange(len(new)), 0)))


def _even(events: Events) -> Flags:
    """By row: whether the events of its group and moment all have one code."""
    new = events.new_instant()
    starts = np.flatnonzero(new)
    instant = np.cumsum(new) - 1
    differs = events.code != events.code[starts][instant]
    return cast(Flags, np.bincount(instant, weights=differs)[instant] == 0)


def _first_step(scene: _Scene) -> Step:
    """Every event of the first step begins a chain."""
    rows = np.flatnonzero(scene.events.code & 1)
    start = scene.events.time_ms[rows]
    rows = rows[_changed(scene, 0, rows, start)]
    return Step(
        rows=rows,
        start_ms=scene.events.time_ms[rows],
        before=np.full(len(rows), NONE),
        tried=rows,
    )


def _next_step(scene: _Scene, step: int, last: Step) -> Step:
    events = scene.events
    rows = np.flatnonzero(events.code >> step & 1)
    if len(last.rows) == 0:
        rows = rows[:0]
    limit = rows if scene.instant_first is None else scene.instant_first[rows]
    before = np.searchsorted(last.rows, limit) - 1
    kept = before >= 0
    rows, before = rows[kept], before[kept]
    near = _within(scene, step, rows, last.rows[before], last.start_ms[before])
    rows, before = rows[near], before[near]
    if scene.spec.order == "strict":
        alive = scene.breaks(step - 1)[np.maximum(rows - 1, 0)] < last.rows[before]
        rows, before = rows[alive], before[alive]
    new = _changed(scene, step, rows, last.start_ms[before])
    rows, before = rows[new], before[new]
    good = ~_spoilt_between(scene, step - 1, last.rows[before], rows)
    return Step(
        rows=rows[good],
        start_ms=last.start_ms[before[good]],
        before=before[good],
        tried=rows,
    )


def _within(scene: _Scene, step: int, rows: Ints, last: Ints, start_ms: Ints) -> Flags:
    """Whether rows follow ``last`` in the same group and within the windows."""
    time_ms = scene.events.time_ms[rows]
    good = last >= scene.group_first[rows]
    if scene.spec.window_s is not None:
        good &= time_ms - start_ms <= scene.spec.window_s * 1000
    if scene.spec.step_window_s(step) is not None:
        good &= time_ms - scene.events.time_ms[last] <= scene.window_ms(step)
    return good


def _changed(scene: _Scene, step: int, rows: Ints, start_ms: Ints) -> Flags:
    """Whether a row brings a chain to ``step`` that did not stand there already."""
    new = np.ones(len(rows), dtype=bool)
    if step + 1 < len(scene.spec.steps) and scene.spec.step_window_s(step + 1) is not None:
        return new  # the newest counts
    same = (start_ms[1:] == start_ms[:-1]) & (rows[:-1] >= scene.group_first[rows[1:]])
    if scene.spec.order == "strict":
        same &= scene.breaks(step)[np.maximum(rows[1:] - 1, 0)] <= rows[:-1]
    new[1:] = ~same
    return new


def _excluding(scene: _Scene, step: int) -> Ints:
    """Rows that spoil chains which stand at ``step``."""
    if scene.even is None or not scene.spec.exclusions:
        return np.zeros(0, np.int64)
    return np.flatnonzero((scene.events.code >> (len(scene.spec.steps) + step) & 1) & scene.even)


def _spoilt_between(scene: _Scene, step: int, after: Ints, before: Ints) -> Flags:
    """Whether an excluding event lies between two rows of a group."""
    rows = _excluding(scene, step)
    if not len(rows):
        return np.zeros(len(before), dtype=bool)
    at = np.searchsorted(rows, before) - 1
    return (at >= 0) & (rows[at] > after)


def _furthest(events: Events, steps: list[Step]) -> tuple[Ints, Ints]:
    """By group: the first chain at its furthest step, and the number of steps reached."""
    level = np.zeros(events.groups, np.int64)
    chosen = np.full(events.groups, NONE)
    for number, step in enumerate(steps, 1):
        group = events.group[step.rows]
        new = np.ones(len(group), dtype=bool)
        new[1:] = group[1:] != group[:-1]
        at = np.flatnonzero(new)
        level[group[at]], chosen[group[at]] = number, at
    return chosen, level


def _undo_spoilt(scene: _Scene, steps: list[Step], chosen: Ints, level: Ints) -> tuple[Ints, Flags]:
    """Takes out who got furthest on spoilt chains only; moves ``chosen`` to later good chains."""
    events = scene.events
    tried = np.zeros_like(level)
    for number, step in enumerate(steps, 1):
        tried[events.group[step.tried]] = number
    spoilt = tried > level
    for number, step in enumerate(steps[:-1], 1):
        harm = _harm(scene, number - 1, step)
        active = np.flatnonzero((level == number) & ~spoilt)
        while len(active) and len(harm):
            hit, at = _hit(scene, step, harm, chosen[active], active)
            active, at = active[hit], at[hit]
            after = np.searchsorted(step.rows, harm[at])
            row = step.rows[np.minimum(after, len(step.rows) - 1)]
            renewed = (after < len(step.rows)) & (events.group[row] == active)
            spoilt[active[~renewed]] = True
            active = active[renewed]
            chosen[active] = after[renewed]
    return np.where(spoilt, 0, level), spoilt


def _harm(scene: _Scene, step: int, chains: Step) -> Ints:
    """The excluding rows that meet a living chain at ``step`` within the window."""
    rows = _excluding(scene, step)
    if not len(rows) or not len(chains.rows):
        return rows[:0]
    at = np.searchsorted(chains.rows, rows) - 1
    rows, at = rows[at >= 0], at[at >= 0]
    met = chains.rows[at] >= scene.group_first[rows]
    if scene.spec.window_s is not None:
        age = scene.events.time_ms[rows] - chains.start_ms[at]
        met &= age <= scene.spec.window_s * 1000
    if scene.spec.order == "strict":
        met &= scene.breaks(step)[np.maximum(rows - 1, 0)] < chains.rows[at]
    return rows[met]


def _hit(scene: _Scene, step: Step, harm: Ints, chosen: Ints, group: Ints) -> tuple[Flags, Ints]:
    """Whether the chosen chain of each group is harmed, and by which of ``harm``."""
    at = np.searchsorted(harm, step.rows[chosen], side="right")
    inside = np.minimum(at, len(harm) - 1)
    row = harm[inside]
    hit = (at < len(harm)) & (scene.events.group[row] == group)
    if scene.spec.window_s is not None:
        age = scene.events.time_ms[row] - step.start_ms[chosen]
        hit &= age <= scene.spec.window_s * 1000
    return hit, inside


def _walk_back(steps: list[Step], chosen: Ints, level: Ints) -> Ints:
    """The rows of every group's chosen chain, groups x steps."""
    rows = np.full((len(level), len(steps)), NONE)
    current = np.full(len(level), NONE)
    for at in range(len(steps) - 1, -1, -1):
        ends = level == at + 1
        current[ends] = chosen[ends]
        inside = np.flatnonzero(level > at)
        rows[inside, at] = steps[at].rows[current[inside]]
        current[inside] = steps[at].before[current[inside]]
    return rows
