"""Ties, reuse, what is held constant, breakdowns, times, trends and bad rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.funnel.errors import EventsError, SpecError
from profiles.funnel.events import MANY, read_rows, sort_keys
from profiles.funnel.funnel import Funnel, read_funnel, time_to_convert, trend
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events

Ask = Callable[..., Funnel]


def rows(*events: tuple[str, float], person: str = "p", **further: Any) -> list[dict[str, Any]]:
    return [{"person_id": person, "event": name, "time": t, **further} for name, t in events]


def counts(funnel: Funnel) -> list[int]:
    return [step.persons for step in funnel.steps]


@pytest.mark.parametrize(
    ("ties", "expected"), [("by_step", [1, 1, 1]), ("later", [1, 0, 0]), ("input", [1, 1, 0])]
)
def test_events_of_one_moment_follow_the_rule_for_ties(
    ask: Ask, ties: str, expected: list[int]
) -> None:
    given = rows(("C", 1), ("A", 1), ("B", 1))
    assert counts(ask(given, steps=["A", "B", "C"], window_s=10, ties=ties)) == expected


def test_one_event_fills_two_steps_only_when_asked(ask: Ask) -> None:
    given = rows(("A", 1))
    assert counts(ask(given, steps=["A", "A"], window_s=10)) == [1, 0]
    assert counts(ask(given, steps=["A", "A"], window_s=10, reuse=True)) == [1, 1]


def test_held_property_must_be_the_same_along_the_way(ask: Ask) -> None:
    given = rows(("A", 1), item="x") + rows(("B", 2), item="y") + rows(("B", 3), item=None)
    assert counts(ask(given, steps=["A", "B"], window_s=10)) == [1, 1]
    assert counts(ask(given, steps=["A", "B"], window_s=10, hold_constant="item")) == [1, 0]
    given += rows(("B", 9), item="x")
    held = ask(given, steps=["A", "B"], window_s=10, hold_constant="item")
    assert counts(held) == [1, 1] and held.steps[1].mean_s == 8
    twice = ask(given, steps=["A", "A", "B"], window_s=10, hold_constant=["item"], reuse=True)
    assert counts(twice) == [1, 1, 1]


@pytest.mark.parametrize(
    ("attribution", "expected"),
    [
        ({"attribution": "first_touch"}, {"ad": [1, 1]}),
        ({"attribution": "last_touch"}, {"mail": [1, 1]}),
        ({"attribution": "step", "step": 2}, {"mail": [1, 1]}),
        ({"attribution": "all_events"}, {"ad": [1, 0]}),
    ],
)
def test_breakdown_follows_its_attribution(
    ask: Ask, attribution: dict[str, Any], expected: dict[str, list[int]]
) -> None:
    given = rows(("A", 1), c="ad") + rows(("B", 2), c="mail") + rows(("x", 3), c="late")
    funnel = ask(given, steps=["A", "B"], breakdown={"property": "c", **attribution})
    found = {value: [one.persons for one in steps] for value, steps in funnel.breakdown.items()}
    assert found == expected
    if attribution["attribution"] != "all_events":
        assert counts(funnel) == [1, 1]


def test_breakdown_by_a_field_of_the_person() -> None:
    profiles = pa.table({"person_id": ["p", "q"], "region": ["浙江", None]})
    given = rows(("A", 1), ("B", 2)) + rows(("A", 1), person="q")
    spec = parse_spec({"steps": ["A", "B"], "breakdown": {"profile": "region"}})
    with open_events(pa.Table.from_pylist(given)) as events:
        found = read_funnel(events, spec, profiles)
    by_value = {value: [one.persons for one in steps] for value, steps in found.breakdown.items()}
    assert by_value == {"浙江": [1, 1], None: [1, 0]}


def test_times_histogram_and_trend(ask: Ask) -> None:
    day = 86_400
    given = []
    for number, wait in enumerate([10, 20, 90]):
        given += rows(("A", number * day), ("B", number * day + wait), person=f"p{number}")
    given += rows(("A", 16 * 3600), person="late")  # the next day in UTC+8
    funnel = ask(given, steps=["A", "B"], window_s=day)
    assert (funnel.steps[1].mean_s, funnel.steps[1].median_s) == (40, 20)
    told = time_to_convert(funnel.actors, 2, bins=2)
    assert told is not None
    assert [(one.from_s, one.to_s, one.persons) for one in told.histogram] == [
        (10, 50, 2),
        (50, 90, 1),
    ]
    days = trend(funnel.actors, 2)
    assert [(one.start, one.entered, one.converted) for one in days] == [
        ("1970-01-01", 1, 1),
        ("1970-01-02", 2, 1),
        ("1970-01-03", 1, 1),
    ]
    assert [one.start for one in trend(funnel.actors, 2, "week")] == ["1969-12-29"]


def test_filters_compare_numbers_as_numbers_and_text_as_text(ask: Ask) -> None:
    given = rows(("A", 1), v="1.50") + rows(("A", 1), person="q", v="abc")
    given += rows(("A", 1), person="r", v=None)
    for where, expected in [
        ({"v": 1.5}, 1),
        ({"v": "1.5"}, 0),
        ({"v": ["1.50", "abc"]}, 2),
        ({"v": {"not": "abc"}}, 2),
        ({"v": {"min": 1, "max": 2}}, 1),
        ({"v": {"contains": "b"}}, 1),
        ({"v": None}, 1),
        ({"v": {"set": True}}, 2),
        ({"v": "it's"}, 0),
    ]:
        assert counts(ask(given, steps=[{"event": "A", "where": where}])) == [expected], where


def test_filters_read_members_of_json_properties(ask: Ask) -> None:
    given = rows(("A", 1), properties='{"page": "a", "n": 3}') + rows(("A", 2), properties=None)
    assert counts(ask(given, steps=[{"event": "A", "where": {"page": "a", "n": 3}}])) == [1]


@pytest.mark.parametrize("name", ["e.csv", "e.tsv", "e.jsonl", "e.json", "e.parquet"])
def test_every_kind_of_file_gives_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    stamps = ["2026-09-01T10:00:00+08:00", "2026-09-01T02:01:00Z", "2026-09-01 10:02:00"]
    events = [("007", "A"), ("007", "B"), ("7", "B")]
    table = pa.table(
        {
            "person_id": [who for who, _ in events],
            "event": [what for _, what in events],
            "time": stamps,
        }
    )
    mark = "\t" if name.endswith("tsv") else ","
    lines = [mark.join(map(str, row.values())) for row in table.to_pylist()]
    documents = [
        f'{{"person_id": "{w}", "event": "{e}", "time": "{t}"}}'
        for (w, e), t in zip(events, stamps, strict=True)
    ]
    if name.endswith("parquet"):
        pq.write_table(table, path)
    elif name.endswith("json"):
        path.write_text(f"[{', '.join(documents)}]", "utf-8")
    else:
        text = documents if name.endswith("l") else [mark.join(table.column_names), *lines]
        path.write_text("\n".join(text), "utf-8")
    with open_events(path) as opened:
        funnel = read_funnel(opened, parse_spec({"steps": ["A", "B"], "window_s": 60}))
    assert counts(funnel) == [1, 1] and funnel.steps[1].mean_s == 60


def test_rows_without_person_event_or_time_are_counted(ask: Ask) -> None:
    given = [
        *rows(("A", 1)),
        {"person_id": None, "event": "A", "time": 1},
        {"person_id": "", "event": "A", "time": 1},
        {"person_id": "r", "event": None, "time": 1},
        {"person_id": "r", "event": "A", "time": None},
    ]
    funnel = ask(given, steps=["A"])
    assert (counts(funnel), funnel.rows_in, funnel.rejected) == ([1], 5, 4)


def test_no_events_at_all_is_an_answer(ask: Ask) -> None:
    empty = pa.table({"person_id": pa.array([], pa.string()), "event": [], "time": []})
    empty = empty.cast(
        pa.schema([("person_id", pa.string()), ("event", pa.string()), ("time", pa.int64())])
    )
    for order in ("ordered", "strict", "unordered"):
        funnel = ask(empty, steps=["A", "B"], order=order, breakdown=None)
        assert counts(funnel) == [0, 0] and funnel.steps[1].conversion_from_first is None


def test_wide_numbers_are_sorted_as_well_as_packed_ones(ask: Ask) -> None:
    events = {"event": ["A", "B", "A", "B"], "time": [1.001, 5e9, 2, 3]}
    wide = pa.table({"person_id": [-(2**62), -(2**62), 2**62, 2**62], **events})
    assert counts(ask(wide, steps=["A", "B"], window_s=10)) == [2, 1]
    assert counts(ask(wide, steps=["A", "B"])) == [2, 2]


EVENTS = ["A", "B", "C", "n", "", None]
MESSY = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-3, 3)),
        st.sampled_from(EVENTS),
        st.one_of(st.none(), st.integers(-5, 40)),
    ),
    max_size=60,
)


@given(MESSY, st.sampled_from(["ordered", "unordered"]), st.sampled_from(["by_step", "later"]))
@settings(max_examples=25, deadline=None)
def test_numbered_persons_are_matched_as_named_ones(
    ask: Ask, found: list[tuple[int | None, str | None, int | None]], order: str, ties: str
) -> None:
    person, event, time = zip(*found, strict=True) if found else ((), (), ())
    numbers = pa.array(person, pa.int64())
    rest = {"event": pa.array(event, pa.string()), "time": pa.array(time, pa.int64())}
    spec: dict[str, Any] = {"steps": ["A", "B", "C"], "order": order, "window_s": 12}
    if order == "ordered":
        spec["ties"] = ties
    packed = ask(pa.table({"person_id": numbers, **rest}), **spec)
    named = ask(pa.table({"person_id": numbers.cast(pa.string()), **rest}), **spec)
    assert packed.steps == named.steps
    assert (packed.rows_in, packed.rejected) == (named.rows_in, named.rejected)
    key = [("person_id", "ascending")]
    apart = named.actors.set_column(0, "person_id", named.actors["person_id"].cast(pa.int64()))
    assert packed.actors.sort_by(key).to_pylist() == apart.sort_by(key).to_pylist()


@pytest.mark.parametrize("n", [0, 1, 1000, MANY, MANY + 1])
def test_keys_in_halves_are_sorted_as_whole(n: int) -> None:
    keys = np.random.default_rng(n).integers(0, 1 << 62, n)
    keys.flags.writeable = False
    assert (sort_keys(keys) == np.sort(keys)).all()


def test_missing_columns_and_properties_are_named(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(EventsError, match=r"found no person_id, no time among who, event"):
        ask([{"who": 1, "event": "A"}], steps=["A"])
    with pytest.raises(EventsError, match="expected the property 'c'"):
        ask(rows(("A", 1)), steps=[{"event": "A", "where": {"c": 1}}])
    with (
        pytest.raises(EventsError, match="found none; check the path"),
        open_events(tmp_path / "no.csv"),
    ):
        pass


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ([], "expected an object"),
        ({}, "steps: expected a list of 1 to 31 steps"),
        ({"steps": []}, "found 0 of them"),
        ({"steps": [{"where": {}}]}, r"steps\[0\].event: is missing"),
        ({"steps": ["A"], "order": "any"}, "order: expected ordered or strict or unordered"),
        ({"steps": ["A"], "window_s": -1}, "window_s: expected seconds from 0"),
        ({"steps": ["A", "B"], "step_windows_s": [None, 5, 5]}, "one entry per step"),
        ({"steps": ["A"], "windows": 1}, "windows: expected one of steps"),
        ({"steps": ["A"], "breakdown": {"property": "c", "step": 2}}, "breakdown.step"),
        ({"steps": ["A"], "order": "unordered", "reuse": True}, "reuse: "),
    ],
)
def test_questions_that_cannot_be_asked_say_why(spec: Any, fault: str) -> None:
    with pytest.raises(SpecError, match=fault):
        parse_spec(spec)


def test_all_faults_of_a_question_are_named_at_once() -> None:
    with pytest.raises(SpecError, match=r"3 fault\(s\).*order.*window_s.*reuse"):
        parse_spec({"steps": ["A"], "order": "x", "window_s": "y", "reuse": 1})


def test_properties_in_quotes_are_data_not_sql(ask: Ask) -> None:
    given = [{"person_id": "p", "event": "A'); --", "time": 1, 'a"b': "x"}]
    assert counts(ask(given, steps=[{"event": "A'); --", "where": {'a"b': "x"}}])) == [1]


def test_strict_reads_every_event_and_ordered_only_those_named() -> None:
    given = pa.Table.from_pylist(rows(("A", 1), ("n", 2), ("B", 3)))
    for order, expected in (("strict", 3), ("ordered", 2)):
        with open_events(given) as events:
            found = read_rows(events, parse_spec({"steps": ["A", "B"], "order": order}))
        assert len(found.code) == expected
