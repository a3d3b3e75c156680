"""The passes against the same rules written event by event, on random events with many ties."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import groupby, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.funnel.funnel import Funnel

ROWS = st.lists(
    st.tuples(st.sampled_from("pq"), st.sampled_from("ABCxn"), st.integers(0, 12)), max_size=14
)
EXCLUSION = {"event": "x", "after_step": 1, "before_step": 2}


class Chain:
    """A chain at one step: when it began (None where none is), its times, whether it is spoilt."""

    def __init__(self, start: int | None = None, times: tuple[int, ...] = (), bad: bool = False):
        self.start, self.times, self.bad = start, times, bad


def furthest(
    rows: list[tuple[str, int]], steps: list[str], order: str, window: int, excluded: bool
) -> tuple[int, tuple[int, ...]]:
    """Steps reached and their times, one event after the other."""
    n = len(steps)
    codes = [
        ([k for k in range(n) if steps[k] == name], name == "x" and excluded) for name, _ in rows
    ]
    sees_all = order == "strict"
    items = [(t, *code) for code, (_, t) in zip(codes, rows, strict=True) if sees_all or any(code)]
    items.sort(key=lambda item: item[0])
    at, best = [Chain() for _ in range(n)], (0, Chain())
    for _, same in groupby(items, key=lambda item: item[0]):
        group = list(same)
        even = all(item[1:] == group[0][1:] for item in group)
        for t, matches, harms in sorted(group, key=lambda item: min(item[1], default=n)):
            for k in reversed(matches):
                if k == 0:
                    if at[0].start != t:
                        at[0] = Chain(t, (t,))
                        if best[0] == 0 or (best[0] == 1 and best[1].bad):
                            best = (1, Chain(t, (t,)))
                    continue
                last = at[k - 1]
                if last.start is None or t - last.start > window or at[k].start == last.start:
                    continue
                chain = Chain(last.start, (*last.times, t), last.bad)
                if not last.bad:
                    at[k] = chain
                if k + 1 > best[0] or (k + 1 == best[0] and best[1].bad):
                    best = (k + 1, Chain(chain.start, chain.times, chain.bad))
            one = at[0]
            reached = n > 1 and at[1].start == one.start
            if harms and even and one.start is not None and t - one.start <= window and not reached:
                one.bad = True
                if best[0] == 1 and t - best[1].start <= window:
                    best[1].bad = True
            if order == "strict" and even:
                for k in range(n):
                    if k not in matches:
                        at[k] = Chain()
    return (0, ()) if best[1].bad else (best[0], best[1].times)


def answer(funnel: Funnel) -> dict[str, tuple[int, tuple[int, ...]]]:
    found = {}
    for row in funnel.actors.to_pylist():
        times = [row[f"step_{k + 1}_ms"] for k in range(row["level"])]
        found[row["person_id"]] = (row["level"], tuple(t // 1000 for t in times))
    return found


def table(rows: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
    return [{"person_id": who, "event": what, "time": when} for who, what, when in rows]


@pytest.mark.parametrize("steps", ["AB", "ABC", "AA", "ABA", "ABB"])
@pytest.mark.parametrize("order", ["ordered", "strict"])
@pytest.mark.parametrize("excluded", [False, True])
def test_passes_equal_the_rules_event_by_event(
    ask: Callable[..., Funnel], steps: str, order: str, excluded: bool
) -> None:
    dice = random.Random(f"{steps}{order}{excluded}")
    persons = {
        f"p{at}": [(dice.choice("ABCxn"), dice.randrange(13)) for _ in range(dice.randrange(14))]
        for at in range(400)
    }
    rows = [(who, what, when) for who, events in persons.items() for what, when in events]
    exclusions = [EXCLUSION] if excluded else []
    for window in (3, 8):
        asked = {"steps": list(steps), "order": order, "window_s": window}
        found = answer(ask(table(rows), **asked, exclusions=exclusions))
        for who, events in persons.items():
            expected = furthest(events, list(steps), order, window, excluded)
            assert found.get(who, (0, ())) == expected, (events, window)


@settings(max_examples=15, deadline=None)
@given(rows=ROWS.filter(bool), window=st.integers(0, 8))
def test_unordered_is_the_best_assignment_within_any_window(
    ask: Callable[..., Funnel], rows: list[tuple[str, str, int]], window: int
) -> None:
    steps = [{"event": ["A", "B"]}, {"event": ["B", "C"]}, {"event": "C"}]
    found = answer(ask(table(rows), steps=steps, order="unordered", window_s=window))
    wanted = [set("AB"), set("BC"), set("C")]
    for who in {row[0] for row in rows}:
        events = [(what, when) for person, what, when in rows if person == who]
        best = 0
        for end in {when for _, when in events}:
            inside = [what for what, when in events if end - window <= when <= end]
            for order in permutations(range(3)):
                left, level = list(inside), 0
                for step in order:
                    fit = next((name for name in left if name in wanted[step]), None)
                    if fit is not None:
                        left.remove(fit)
                        level += 1
                best = max(best, level)
        assert found.get(who, (0, ()))[0] >= best  # greedy by order finds at most the best
        assert found.get(who, (0, ()))[0] <= min(3, len(events))


@settings(max_examples=15, deadline=None)
@given(rows=ROWS.filter(bool), window=st.integers(0, 12))
def test_windows_of_steps_find_a_chain_where_there_is_one(
    ask: Callable[..., Funnel], rows: list[tuple[str, str, int]], window: int
) -> None:
    funnel = ask(
        table(rows),
        steps=["A", "B", "C"],
        window_s=window,
        step_windows_s=[None, 5, 3],
        ties="later",
    )
    found = answer(funnel)
    for who in {row[0] for row in rows}:
        times = {name: [t for p, n, t in rows if p == who and n == name] for name in "ABC"}
        whole = any(
            a < b < c and b - a <= 5 and c - b <= 3 and c - a <= window
            for a in times["A"]
            for b in times["B"]
            for c in times["C"]
        )
        assert (found.get(who, (0, ()))[0] == 3) == whole
