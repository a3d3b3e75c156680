"""Funnels by PostHog's rules: small cases with expected counts.

``S``, ``P``, ``I`` and so on are events, ``x`` is one that is no step; without ``@`` they are an
hour apart.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from profiles.funnel.errors import SpecError
from profiles.funnel.funnel import Funnel, read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events

HOUR = 3600.0
DAY = 24 * HOUR


def ask(persons: list[str] | list[list[dict[str, Any]]], **spec: Any) -> Funnel:
    """The funnel of persons, each a text such as ``S@0 P@10`` or a list of events."""
    rows: list[dict[str, Any]] = []
    for number, events in enumerate(persons):
        one = _parsed(events) if isinstance(events, str) else events
        rows += [{"person_id": f"p{number + 1}", **event} for event in one]
    spec["steps"] = [{"event": step} if isinstance(step, str) else step for step in spec["steps"]]
    spec.setdefault("window_s", 14 * DAY)
    with open_events(pa.Table.from_pylist(rows)) as events:
        return read_funnel(events, parse_spec(spec))


def _parsed(text: str) -> list[dict[str, Any]]:
    found = []
    for at, item in enumerate(text.replace(">", " ").split()):
        name, _, moment = item.partition("@")
        found.append({"event": name, "time": float(moment) if moment else at * HOUR})
    return found


def counts(funnel: Funnel) -> list[int]:
    return [step.persons for step in funnel.steps]


def reached(funnel: Funnel, step: int) -> list[str]:
    return sorted(row["person_id"] for row in funnel.actors.to_pylist() if row["level"] >= step)


def test_p1_strict_takes_direct_successors_only() -> None:
    persons = ["S", "P>S", "S>P>x>I", "I>x>P>S", "P>S>x>P>I", "x>S>x>P", "x>S>P>I>x", "I>P"]
    funnel = ask(persons, steps=["S", "P", "I"], order="strict")
    assert counts(funnel) == [7, 2, 1]
    assert reached(funnel, 2) == ["p3", "p7"]


def test_p2_unordered_takes_steps_in_any_order() -> None:
    persons = ["A", "B", "C>A", "D>x>B", "B>A>C", "C>x>D>A", "D>C>B>A", "x>D"]
    funnel = ask(persons, steps=["A", "B", "C", "D"], order="unordered")
    assert counts(funnel) == [8, 5, 3, 1]


def test_p3_unordered_times_are_those_of_the_first_conversion() -> None:
    second = f"I@0 S@{2 * HOUR} P@{4 * HOUR} P@{DAY} I@{DAY + 3 * HOUR} S@{DAY + 6 * HOUR}"
    funnel = ask(
        ["S@0", f"P@0 S@{HOUR}", second], steps=["S", "P", "I"], order="unordered", window_s=DAY
    )
    assert counts(funnel) == [3, 2, 1]
    assert [step.mean_s for step in funnel.steps] == [None, 5400, 7200]


@pytest.mark.parametrize("order", ["ordered", "strict", "unordered"])
def test_p4_any_event_three_times_needs_three_events(order: str) -> None:
    persons = ["a", "a>b", "c>a", "b", "a>a>b"]
    assert counts(ask(persons, steps=["*", None, "*"], order=order)) == [5, 3, 1]


def test_p5_step_left_out_ends_the_way() -> None:
    assert counts(ask(["S>M"], steps=["S", "Pay", "M"])) == [1, 0, 0]


def _with(*events: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"event": name, "time": at * HOUR, "browser": value}
        for at, (name, value) in enumerate(events)
    ]


def test_p6_filter_of_all_events() -> None:
    persons = [
        _with(("S", "Safari"), ("Pay", "Safari")),
        _with(("S", "Chrome"), ("Pay", "Chrome")),
        _with(("S", "Safari"), ("Pay", "Chrome")),
    ]
    assert counts(ask(persons, steps=["S", "Pay"], where={"browser": "Safari"})) == [2, 1]


def test_p7_filters_of_steps() -> None:
    steps = [
        {"event": "S", "where": {"browser": "Safari"}},
        {"event": "Pay", "where": {"browser": ["Safari", "Edge"]}},
        {"event": "Pay", "where": {"browser": "Chrome"}},
    ]
    assert counts(ask([_with(("S", "Safari"), ("Pay", "Safari"))], steps=steps)) == [1, 1, 0]


def test_p8_merged_persons_count_once() -> None:
    apart = ask(["S>P>I", "S>P", "S@0", "S@9000"], steps=["S", "P", "I"])
    merged = ask(["S>P>I", "S>P", "S@0 S@9000"], steps=["S", "P", "I"])
    assert counts(apart) == [4, 2, 1]
    assert counts(merged) == [3, 2, 1]


def test_p9_wrong_order_does_not_convert() -> None:
    assert counts(ask(["M>S", "S>M", "S", "S>x"], steps=["S", "M"])) == [4, 1]


def test_p10_repeated_events_with_filters() -> None:
    steps = [{"event": "view", "where": {"browser": name}} for name in ("a", "b", "b", "c", "d")]
    ways = ["a", "ab", "abb", "abbc", "aabbcc"]
    persons = [_with(*(("view", letter) for letter in way)) for way in ways]
    assert counts(ask(persons, steps=steps)) == [5, 4, 3, 2, 0]


@pytest.mark.parametrize(("window_s", "near", "far"), [(7 * DAY, DAY, 9 * DAY), (15, 10, 20)])
def test_p11_p12_window_counts_from_the_first_step(
    window_s: float, near: float, far: float
) -> None:
    persons = [f"S@0 P@{near}"] * 10 + [f"S@0 P@{far}"] * 15
    assert counts(ask(persons, steps=["S", "P", "I"], window_s=window_s)) == [25, 10, 0]


@pytest.mark.parametrize(("after", "before"), [(1, 1), (1, 3), (2, 1), (0, 2)])
def test_p13_exclusion_between_no_steps_is_refused(after: int, before: int) -> None:
    with pytest.raises(SpecError, match=r"exclusions\[0\]: expected 1 <= after_step < before_step"):
        ask(["S"], steps=["S", "P"], exclusions=[_x(after, before)])


def _x(after: int = 1, before: int = 2) -> dict[str, Any]:
    return {"event": "x", "after_step": after, "before_step": before}


def test_p14_excluded_persons_leave_the_funnel() -> None:
    persons = ["S>Pay", "S>x>Pay", "S>x", f"S@0 x@{25 * HOUR}"]
    funnel = ask(persons, steps=["S", "Pay"], window_s=DAY, exclusions=[_x()])
    assert counts(funnel) == [2, 1]
    assert reached(funnel, 1) == ["p1", "p4"] and funnel.excluded == 2


@pytest.mark.parametrize(
    ("events", "window_s", "expected"),
    [
        ("S@0 x@1 S@31", 10, [1, 0]),  # P15: a new beginning clears
        ("S@0 S@31 x@32", 10, [1, 0]),  # P16: the first chain was over before the exclusion
        ("S@0 S@1 x@2", 10, [0, 0]),  # P17: both are spoilt
        ("S@0 x@11 P@12", 10, [1, 0]),  # P18: an exclusion after the window does not count
    ],
)
def test_p15_to_p18_exclusions_and_windows(
    events: str, window_s: float, expected: list[int]
) -> None:
    funnel = ask([events], steps=["S", "P"], window_s=window_s, exclusions=[_x()])
    assert counts(funnel) == expected


def test_p19_time_is_that_of_the_good_chain() -> None:
    events = f"S@0 x@1 P@31 S@{HOUR} P@{HOUR + 29}"
    funnel = ask([events], steps=["S", "P"], window_s=30, exclusions=[_x()])
    assert counts(funnel) == [1, 1]
    assert funnel.steps[1].mean_s == 29
