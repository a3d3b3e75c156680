"""Conditions: both spellings, every fault named, in ibis the same persons as in plain Python."""

from __future__ import annotations

from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.conditions.compile import compiled
from profiles.conditions.text import parse
from profiles.conditions.tree import (
    Condition,
    ConditionError,
    FieldTest,
    Group,
    Kind,
    check,
    from_data,
    leaves_of,
    to_data,
)

KINDS: dict[str, Kind] = {
    "spending.orders": "number",
    "basic.city": "text",
    "basic.member": "bool",
    "basic.seen": "time",
    "interest.*": "number",
    "tag": "set",
}
PERSONS: list[dict[str, Any]] = [
    {"person_id": "a", "spending__orders": 3.0, "basic__city": "成都", "basic__member": True},
    {"person_id": "b", "spending__orders": 0.0, "basic__city": "北京", "basic__member": False},
    {"person_id": "c", "spending__orders": None, "basic__city": None, "basic__member": None},
]
TAGS = {"vip": {"a", "c"}, "new": {"b"}}


def chosen(condition: Condition) -> set[str]:
    schema = {
        "person_id": "string",
        "spending__orders": "float64",
        "basic__city": "string",
        "basic__member": "boolean",
    }
    persons = ibis.memtable(PERSONS, schema=ibis.schema(schema))

    def members(test: FieldTest) -> ibis.Table:
        assert test.field == "tag"
        ids = sorted(set().union(*(TAGS.get(str(n), set()) for n in test.values)))
        return ibis.memtable({"person_id": ids}, schema=ibis.schema({"person_id": "string"}))

    found = persons.filter(compiled(check(condition, KINDS), persons, members))
    return set(ibis.duckdb.connect().execute(found.person_id))


@pytest.mark.parametrize(
    ("text", "persons"),
    [
        ("spending.orders >= 3", "a"),
        ("spending.orders < 3", "b"),
        ("spending.orders != 3", "bc"),
        ("not spending.orders < 3", "ac"),
        ("spending.orders between 0 and 2", "b"),
        ("spending.orders in [0, 3]", "ab"),
        ("spending.orders known", "ab"),
        ("basic.city = 成都 or tag = new", "ab"),
        ("basic.city = 成都 且 非 tag = vip", ""),
        ("tag in [vip, new] and basic.member = 是", "a"),
        ('basic.city contains "都"', "a"),
        ("tag != vip", "b"),
        ("basic.city = 成都 or basic.city = 北京 and tag = new", "ab"),
        ("(basic.city = 成都 or basic.city = 北京) and tag = new", "b"),
    ],
)
def test_a_line_chooses_the_persons_it_says(text: str, persons: str) -> None:
    assert chosen(parse(text)) == set(persons)


def test_both_spellings_are_one_tree() -> None:
    data = {"all": [{"field": "spending.orders", "op": ">=", "value": 3}, {"not": "tag = vip"}]}
    assert check(from_data(data, parse), KINDS) == check(
        parse("spending.orders >= 3 and not tag = vip"), KINDS
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "expected a field, found the end"),
        ("spending.orders", "expected = !="),
        ("spending.orders >=", "expected a value, found the end"),
        ("(tag = vip", "expected ), found the end"),
        ("tag = vip tag = new", "expected and, or or the end, found 'tag' at character 11"),
        ("tag in vip", "expected [, found 'vip'"),
        ("and = 3", "expected a field, found 'and'"),
    ],
)
def test_a_line_that_means_nothing_says_where(text: str, part: str) -> None:
    with pytest.raises(ConditionError) as error:
        parse(text)
    assert part in str(error.value)


def test_all_faults_are_named_at_once() -> None:
    wrong = "spending.order >= 3 and basic.city > 5 and spending.orders = 多 and basic.member = 5"
    with pytest.raises(ConditionError) as error:
        check(parse(wrong), KINDS)
    text = str(error.value)
    assert "spending.order; did you mean spending.orders" in text
    assert "basic.city: expected one of =, !=, in, contains, known for a text, found >" in text
    assert "spending.orders =: expected a number, found '多'" in text
    assert "basic.member =: expected a bool, found '5'" in text


@pytest.mark.parametrize("data", [{}, [], 3, {"all": []}, {"field": "tag"}, {"all": 1, "any": 2}])
def test_data_of_another_shape_is_refused(data: Any) -> None:
    with pytest.raises(ConditionError):
        from_data(data, parse)


leaves = st.one_of(
    st.builds(
        lambda op, v: FieldTest(field="spending.orders", op=op, values=(v,)),
        st.sampled_from(["=", "!=", ">", "<", ">=", "<="]),
        st.sampled_from([0.0, 1.0, 3.0]),
    ),
    st.builds(
        lambda op, v: FieldTest(field="basic.city", op=op, values=(v,)),
        st.sampled_from(["=", "!="]),
        st.sampled_from(["成都", "北京"]),
    ),
    st.builds(
        lambda op, v: FieldTest(field="tag", op=op, values=(v,)),
        st.sampled_from(["=", "!="]),
        st.sampled_from(["vip", "new"]),
    ),
)
trees: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda how, parts: Group(how=how, parts=tuple(parts)),
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda part: Group(how="not", parts=(part,)), inner),
    ),
    max_leaves=6,
)


def holds(condition: Condition, person: dict[str, Any]) -> bool:
    """The meaning, restated without ibis."""
    if isinstance(condition, Group):
        each = [holds(part, person) for part in condition.parts]
        return (
            not each[0]
            if condition.how == "not"
            else (all if condition.how == "all" else any)(each)
        )
    if condition.op == "!=":
        same = FieldTest(field=condition.field, op="=", values=condition.values)
        return not holds(same, person)
    if condition.field == "tag":
        return person["person_id"] in TAGS[str(condition.values[0])]
    have, want = person[condition.field.replace(".", "__")], condition.values[0]
    if have is None:
        return False
    return bool(
        {"=": have == want, ">": have > want, "<": have < want}.get(condition.op)
        or (condition.op == ">=" and have >= want)
        or (condition.op == "<=" and have <= want)
    )


@settings(max_examples=40, deadline=None)
@given(trees)
def test_ibis_chooses_whom_the_meaning_chooses(condition: Condition) -> None:
    assert chosen(condition) == {p["person_id"] for p in PERSONS if holds(condition, p)}


@settings(max_examples=60, deadline=None)
@given(trees)
def test_writing_a_tree_out_and_reading_it_gives_the_tree(condition: Condition) -> None:
    assert from_data(to_data(condition), parse) == condition
    assert all(
        test.field in ("spending.orders", "basic.city", "tag") for test in leaves_of(condition)
    )
