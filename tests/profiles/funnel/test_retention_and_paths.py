"""Retention and paths on events counted by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from profiles.funnel.errors import SpecError
from profiles.funnel.paths import Paths, read_paths
from profiles.funnel.relation import open_events
from profiles.funnel.retention import Retention, read_retention
from profiles.funnel.spec import Match

DAY = 86_400
ANY = Match(events=())


def table(*events: tuple[str, str, float]) -> pa.Table:
    rows = [{"person_id": who, "event": what, "time": when} for who, what, when in events]
    return pa.Table.from_pylist(rows)


def retention(*events: tuple[str, str, float], **asked: Any) -> Retention:
    with open_events(table(*events)) as opened:
        return read_retention(opened, asked.pop("start", ANY), ANY, unit="day", periods=2, **asked)


COMINGS = [
    ("a", "visit", 0 * DAY),
    ("a", "visit", 1 * DAY),
    ("a", "visit", 2 * DAY),
    ("b", "visit", 0 * DAY),
    ("b", "visit", 2 * DAY),
    ("c", "visit", 1 * DAY),
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"1970-01-01": (2, (2, 1, 2)), "1970-01-02": (1, (1, 0, 0))}),
        ({"count": "rolling"}, {"1970-01-01": (2, (2, 2, 2)), "1970-01-02": (1, (1, 0, 0))}),
        (
            {"cohort": "recurring"},
            {
                "1970-01-01": (2, (2, 1, 2)),
                "1970-01-02": (2, (2, 1, 0)),
                "1970-01-03": (2, (2, 0, 0)),
            },
        ),
    ],
)
def test_retention_counts_who_returns(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    found = retention(*COMINGS, **asked)
    assert {one.start: (one.persons, one.returned) for one in found.cohorts} == expected


def test_periods_that_have_not_ended_stay_out_of_the_mean() -> None:
    found = retention(*COMINGS)
    assert [one.complete for one in found.cohorts] == [(True, True, True), (True, True, False)]
    assert found.mean == (1.0, pytest.approx(1 / 3), 1.0)


def test_retention_equals_the_ands_of_clickhouse() -> None:
    """retention(c1, c2, c3): element i is c1 and ci."""
    found = retention(
        ("a", "s", 0), ("b", "x", DAY), ("a", "x", 2 * DAY), start=Match(events=("s",))
    )
    assert [(one.persons, one.returned) for one in found.cohorts] == [(1, (1, 0, 1))]


def test_unknown_words_are_refused() -> None:
    with pytest.raises(SpecError, match="cohort: expected first or recurring"):
        retention(*COMINGS, cohort="last")


def paths(**asked: Any) -> Paths:
    events = [
        ("a", "home", 0),
        ("a", "home", 5),
        ("a", "list", 10),
        ("a", "pay", 40),
        ("a", "home", 4000),
        ("b", "list", 0),
        ("b", "pay", 10),
        ("b", "home", 20),
    ]
    with open_events(table(*events)) as opened:
        return read_paths(opened, **asked)


def links(found: Paths) -> dict[tuple[str, str], int]:
    return {(one.source, one.target): one.sessions for one in found.links}


def test_paths_from_an_event_follow_sessions() -> None:
    found = paths(start="home", steps=3)
    assert found.sessions == 3 and found.persons == 2
    assert links(found) == {
        ("0:home", "1:list"): 1,
        ("0:home", "1:(end)"): 2,
        ("1:list", "2:pay"): 1,
    }
    assert found.links[1].median_s == 10 or found.links[0].median_s == 10


def test_paths_to_an_event_lead_there() -> None:
    found = paths(end="pay", steps=2)
    assert links(found) == {("-1:list", "0:pay"): 2}
    assert {node.id: node.sessions for node in found.nodes} == {"0:pay": 2, "-1:list": 2}


def test_what_enters_a_node_leaves_it() -> None:
    found = paths(steps=4, top=1)
    for node in found.nodes:
        out = sum(one.sessions for one in found.links if one.source == node.id)
        into = sum(one.sessions for one in found.links if one.target == node.id)
        assert node.depth == 0 or into == node.sessions
        assert node.depth == 3 or node.event == "(end)" or out == node.sessions
    assert any(node.event == "(others)" for node in found.nodes)
