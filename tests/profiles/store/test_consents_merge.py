"""Consents follow persons into a merge and out of it, on DuckDB and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.audiences.export import Contact, platform
from profiles.audiences.saved import save_audience
from profiles.conditions.text import parse
from profiles.consents import keep_decisions
from profiles.cuts import rejoin, split
from profiles.decisions import consents_sql
from profiles.errors import ProfilesError
from profiles.people import People, refresh_people
from profiles.persons import resolve_if_stale
from profiles.privacy import consenting, consents_of, give_consent, withdraw_consent
from profiles.refresh import refresh
from profiles.store.base import Store
from profiles.store.checks import check_store
from profiles.store.duckdb_store import DuckDBStore
from serving.audiences import export_members

KEY = bytes(range(32))
DAY = datetime(2026, 5, 1, tzinfo=UTC)
A, B = "platform_uid:douyin:a", "platform_uid:shop:b"
both = pytest.mark.parametrize("open_store", ["duckdb", "postgres"], indirect=True)


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def accounts(store: Store) -> None:
    table = pa.table({"user_id": ["a", "b"], "platform": ["douyin", "shop"], "age": [20, 30]})
    store.load("users", table, "r1")


def merge(store: Store, run: str = "m") -> None:
    ids = {"user_id": ["a", "b"], "platform": ["douyin", "shop"], "phone": ["13900000001"] * 2}
    store.load("identifiers", pa.table(ids), run)
    with store.transaction():
        resolve_if_stale(store, run)


def told(store: Store, who: str) -> list[tuple[str, datetime, datetime | None]]:
    """Purpose, since when, until when."""
    return [
        (row["purpose"], row["given_at"], row["withdrawn_at"]) for row in consents_of(store, who)
    ]


def allowing(store: Store, at: datetime, purpose: str = "ads") -> list[str]:
    found = store.fetch(consenting(store.table("consents"), purpose, at))
    return sorted(found["person_id"].to_pylist())


@both
def test_refusal_of_one_account_is_that_of_the_merged_person_until_they_are_split(
    store: Store,
) -> None:
    accounts(store)
    for who, at in (("a", 1), ("b", 2)):
        give_consent(store, who, "ads", "c1", day(at))
    give_consent(store, "a", "mail", "c1", day(1))
    withdraw_consent(store, "b", "ads", "c2", day(3))
    before = told(store, "a"), told(store, "b")
    assert allowing(store, day(9)) == [store.person_id("douyin", "a")]
    merge(store)
    (person,) = {row["person_id"] for row in consents_of(store, "a")}
    joined = [("ads", day(2), day(3)), ("mail", day(1), None)]
    assert told(store, "a") == told(store, "b") == joined
    assert (allowing(store, day(9)), allowing(store, day(9), "mail")) == ([], [person])
    assert store.count("consents") == 2
    split(store, A, [B], "s1")
    assert (told(store, "a"), told(store, "b")) == before
    rejoin(store, A, [B], "s2")
    assert told(store, "a") == told(store, "b") == joined
    assert [one.name for one in check_store(store) if not one.ok] == []


@both
def test_withdrawal_of_the_merged_person_stands_on_both_sides_of_a_split(store: Store) -> None:
    accounts(store)
    for who in ("a", "b"):
        give_consent(store, who, "ads", "c1", day(1))
    merge(store)
    withdraw_consent(store, "a", "ads", "c2", day(4))
    split(store, A, [B], "s1")
    assert told(store, "a") == told(store, "b") == [("ads", day(1), day(4))]
    with pytest.raises(ProfilesError, match="expected a moment after the withdrawal of 2026-05-05"):
        give_consent(store, "a", "ads", "c3", day(4))
    person = give_consent(store, "a", "ads", "c3", day(5))
    assert allowing(store, day(9)) == [person] and told(store, "b") != told(store, "a")


@both
def test_latest_decision_wins_and_of_two_at_one_moment_the_refusal(store: Store) -> None:
    accounts(store)
    give_consent(store, "a", "ads", "c1", day(1))
    give_consent(store, "a", "mail", "c1", day(6))
    give_consent(store, "b", "ads", "c1", day(0))
    give_consent(store, "b", "mail", "c1", day(2))
    withdraw_consent(store, "b", "ads", "c2", day(1))
    withdraw_consent(store, "b", "mail", "c2", day(5))
    merge(store)
    assert told(store, "b") == [("ads", day(1), day(1)), ("mail", day(6), None)]


@both
def test_consents_of_an_earlier_release_come_to_the_merged_person(store: Store) -> None:
    """There consents stood alone, without the decisions that they are made of."""
    accounts(store)
    key = store.person_id("shop", "b")
    row = {"person_id": key, "purpose": "ads", "basis": "contract", "given_at": day(1)}
    store.bulk_load("consents", pa.Table.from_pylist([{**row, "run_id": "old"}]))
    merge(store)
    assert told(store, "a") == [("ads", day(1), None)]
    withdraw_consent(store, "a", "ads", "c1", day(2))
    split(store, A, [B], "s1")
    assert told(store, "b") == [("ads", day(1), day(2))]


def test_store_without_decisions_gets_the_table_when_opened(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with DuckDBStore(path, key=KEY) as store:
        accounts(store)
        give_consent(store, "a", "ads", "c1", day(1))
        store.execute("DROP TABLE consent_decisions")
    with DuckDBStore(path, key=KEY) as store:
        assert store.count("consent_decisions") == 0
        merge(store)
        assert told(store, "b") == [("ads", day(1), None)]


@both
def test_audiences_and_exports_leave_out_who_refused_also_after_a_merge(
    store: Store, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    accounts(store)
    table = pa.table({"user_id": ["c", "d"], "platform": ["shop"] * 2, "age": [40, 50]})
    store.load("users", table, "r1")
    for who in ("a", "b", "c"):
        give_consent(store, who, "ads", "c1", day(1))
    withdraw_consent(store, "b", "ads", "c2", day(3))
    refresh(store, now, "f1", work=tmp_path)
    refresh_people(store, [], [], now, "p1")
    people = People(store)
    save_audience(people, "all", parse("basic.age >= 0"), as_of=now, run="a1")
    save_audience(people, "ads", parse("consent = ads"), as_of=now, run="a1")
    key = {at: store.person_id("douyin" if at == "a" else "shop", at) for at in "abcd"}
    assert members(store, "ads") == {key["a"], key["c"]}
    assert exported(store, tmp_path, key) == {"a", "c", "d"}  # of d nothing is known
    assert exported(store, tmp_path, key, purpose="ads") == {"a", "c"}
    merge(store)
    assert exported(store, tmp_path, key) == {"c", "d"}
    assert exported(store, tmp_path, key, purpose="ads") == {"c"}
    save_audience(people, "ads", parse("consent = ads"), as_of=now, run="a2")
    assert members(store, "ads") == {key["c"]}


def members(store: Store, name: str) -> set[str]:
    return set(store.rows_where("audience_members", "audience", [name])["person_id"].to_pylist())


def exported(store: Store, folder: Path, keys: dict[str, str], **options: Any) -> set[str]:
    """Of whom a line was written, when the brand's own list says yes of everybody."""
    contacts = [
        Contact(person_id=keys[at], type="phone", value=f"1390000000{n}", consent="会员协议")
        for n, at in enumerate("abcd")
    ]
    to = platform("crm_csv")
    made = export_members(store, "all", contacts, to=to, folder=folder / "out", **options)
    lines = (folder / "out" / made.files[0].name).read_text("utf-8").splitlines()[1:]
    assert made.members == 4 and made.persons + made.without_consent == 4
    return {at for n, at in enumerate("abcd") if any(f"1390000000{n}" in line for line in lines)}


DECISION = st.tuples(st.sampled_from("xyz"), st.integers(0, 3), st.integers(0, 3) | st.none())


def decisions(rows: list[tuple[str, int, int | None]]) -> pa.Table:
    """Of whom, given, withdrawn so many days later (None: not; 0: a withdrawal alone)."""
    made = [
        {
            "key": key,
            "purpose": "ads",
            "basis": f"{key}{first}",
            "given_at": day(first),
            "withdrawn_at": None if later is None else day(first + later),
            "run_id": "r",
        }
        for key, first, later in rows
    ]
    moment = pa.timestamp("us", tz="UTC")
    names = ("key", "purpose", "basis", "given_at", "withdrawn_at", "run_id")
    schema = [(name, moment if name.endswith("_at") else pa.string()) for name in names]
    return pa.Table.from_pylist(made, schema=pa.schema(schema))


def consents(table: pa.Table, persons: dict[str, str]) -> list[dict[str, Any]]:
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        memory.register("told", table)
        members = {"key": list(persons), "person_id": list(persons.values())}
        memory.register("members", pa.table(members))
        return list(memory.execute(consents_sql("told", "members")).to_arrow_table().to_pylist())


@settings(max_examples=25, deadline=None)
@given(st.lists(DECISION, min_size=1, max_size=6), st.randoms())
def test_order_and_repetition_do_not_matter_and_the_latest_decision_wins(
    rows: list[tuple[str, int, int | None]], chance: Any
) -> None:
    one = dict.fromkeys("xyz", "x")
    (found,) = consents(decisions(rows), one)
    again = [*rows, rows[0]]
    chance.shuffle(again)
    assert consents(decisions(again), one) == [found]
    moments = [(at, later == 0) for _, at, later in rows]  # of two at one moment the refusal
    moments += [(at + later, True) for _, at, later in rows if later]
    refused = max(moments)[1]
    assert (found["withdrawn_at"] is not None) == refused
    assert found["given_at"] <= (found["withdrawn_at"] or found["given_at"])


@settings(max_examples=3, deadline=None)
@given(st.lists(DECISION.filter(lambda one: one[0] != "z"), min_size=1, max_size=5), st.randoms())
def test_merging_before_between_or_after_the_decisions_ends_the_same(
    rows: list[tuple[str, int, int | None]], chance: Any
) -> None:
    found = []
    for at in (0, len(rows) // 2, len(rows)):
        shuffled = list(rows)
        chance.shuffle(shuffled)
        with DuckDBStore(":memory:", key=KEY) as store:
            keys = {"x": store.identifier_key(A), "y": store.identifier_key(B)}
            for number in range(len(rows) + 1):
                if number == at:
                    merge(store, f"m{number}")
                if number < len(rows):
                    key, *rest = shuffled[number]
                    row = decisions([(key, *rest)]).drop_columns(["run_id", "key"])
                    keep_decisions(store, row.append_column("key", pa.array([keys[key]])), "r")
            joined = told(store, A)
            split(store, A, [B], "s")
            found.append((joined, told(store, A), told(store, B)))
    assert found[0] == found[1] == found[2]
