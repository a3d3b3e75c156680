"""Checking, forgetting and consent, the same on every engine."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import psycopg
import pyarrow as pa
import pytest

from profiles.errors import ProfilesError, StoreError, UnknownPersonError
from profiles.persons import resolve_if_stale
from profiles.privacy import (
    consenting,
    consents_of,
    forget,
    give_consent,
    suppress_small_groups,
    withdraw_consent,
)
from profiles.store.base import Store
from profiles.store.checks import check_store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.layout import arrow_schema

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _rows() -> ModuleType:
    path = Path(__file__).with_name("rows.py")
    spec = importlib.util.spec_from_file_location("store_rows_checks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = _rows()


# beside DuckDB and PostgreSQL, Spark does the two that write and read most: its every query costs
ALSO_ON_SPARK = (
    "test_check_names_every_broken_rule",
    "test_forget_leaves_nothing_and_keeps_others",
)


@pytest.fixture(autouse=True)
def _few_on_spark(request: pytest.FixtureRequest) -> None:
    name, _, engine = request.node.name.partition("[")
    if engine == "spark]" and name not in ALSO_ON_SPARK:
        pytest.skip("the same code as on the other engines; Spark runs the longest cases only")


def broken(store: Store) -> dict[str, int]:
    return {check.name: check.violations for check in check_store(store) if not check.ok}


def test_check_of_a_loaded_store_finds_nothing(store: Store) -> None:
    store.load("comments", ROWS.comments(), "run-1")
    store.load("identifiers", ROWS.identifiers(), "run-1")
    assert broken(store) == {}


def test_check_names_every_broken_rule(store: Store) -> None:
    scores = {"comment_id": "bad", "p_negative": 1.5, "p_neutral": 0.0, "p_positive": 0.0}
    schema = ROWS.comments().schema
    store.load("comments", pa.Table.from_pylist([scores], schema=schema), "run-1")
    ids = ["foreign", "foreign"]
    store.bulk_load("persons", pa.table({"person_id": ids, "as_of": [NOON, None]}))
    store.bulk_load("profiles", pa.table({"person_id": ["stranger"], "as_of": [NOON]}))
    store.bulk_load("touched", pa.table({"kind": ["planet"], "id": ["x"]}))
    store.bulk_load("links", pa.table({"a": ["nobody"], "b": ["none"]}))
    assert broken(store) == {
        "unique persons": 1,
        "score_ranges": 1,
        "foreign_persons": 2,
        "orphan_profiles": 1,
        "missing_profiles": 2,
        "as_of": 3,
        "orphan_links": 2,
        "touched": 1,
    }


def test_input_tables_take_rows_by_load_alone(store: Store) -> None:
    rows = pa.table({"order_id": ["o"]})
    writes = (
        lambda: store.bulk_load("orders", rows),
        lambda: store.merge("orders", rows, ["order_id"]),
        lambda: store.swap({"orders": rows}),
    )
    for write in writes:
        with pytest.raises(StoreError, match="expected a derived table, found the input table"):
            write()


def quoting(comment: str) -> pa.Table:
    """An insight that quotes a comment and another one."""
    evidence = [{"comment_id": one, "text": "差"} for one in (comment, "other")]
    row = {"platform": "douyin", "content_id": "v0", "evidence_negative": evidence}
    return pa.Table.from_pylist([row], schema=arrow_schema("content_insights"))


def test_forget_leaves_nothing_and_keeps_others(store: Store) -> None:
    for kind in ("comments", "events", "orders", "users", "relations"):
        store.load(kind, ROWS.ALL[kind](), "run-1")
    store.swap({"content_insights": quoting("c3")})
    person = store.person_id("douyin", "u0")
    store.bulk_load("persons", pa.table({"person_id": [person, "x"], "as_of": [NOON, NOON]}))
    give_consent(store, person, "ads", "run-2", NOON)
    done = forget(store, person, "run-3", NOON)
    assert done.complete and done.person_id == person and done.tombstones == 1
    assert done.tables["comments"] == {"before": 2, "after": 0, "edited": 0}
    assert done.tables["consents"]["before"] == 1 and done.tables["persons"]["before"] == 1
    assert done.tables["content_insights"]["edited"] == 1
    assert done.tables["relations"]["before"] == 3  # as either end; the fourth is of no platform
    assert store.count("relations") == 1
    assert store.count("comments") == 4 and store.count("persons") == 1
    assert store.load("relations", ROWS.relations(), "run-4").forgotten == 3
    (insight,) = store.fetch(store.table("content_insights")).to_pylist()
    assert [one["comment_id"] for one in insight["evidence_negative"]] == ["other"]
    assert person not in str(store.fetch(store.table("tombstones")).to_pylist())
    again = store.load("comments", ROWS.comments(), "run-4")
    assert (again.forgotten, again.inserted, again.duplicates) == (2, 0, 0)
    back = store.load("comments", ROWS.comments(), "run-5", allow_return=True)
    assert (back.forgotten, back.inserted) == (0, 2)
    assert store.count("tombstones") == 0


def test_forget_whom_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(UnknownPersonError, match="expected one person for 'nobody', found 0"):
        forget(store, "nobody", "run-1", NOON)


def test_consent_is_in_force_until_withdrawn(store: Store) -> None:
    store.load("users", ROWS.users(), "run-1")
    person = give_consent(store, "u0", "ads", "run-2", NOON)
    give_consent(store, "u0", "ads", "run-3", NOON, basis="contract")
    assert [one["basis"] for one in consents_of(store, "u0")] == ["contract"]
    withdraw_consent(store, person, "ads", "run-4", NOON + timedelta(days=2))
    with pytest.raises(ProfilesError, match="expected a consent to 'ads' in force"):
        withdraw_consent(store, person, "ads", "run-5", NOON)
    days = {at: consenting_at(store, NOON + timedelta(days=at)) for at in (-1, 1, 3)}
    assert days == {-1: [], 1: [person], 3: []}


def consenting_at(store: Store, as_of: datetime) -> list[str]:
    found = store.fetch(consenting(store.table("consents"), "ads", as_of))
    return list(found["person_id"].to_pylist())


def test_suppress_small_groups_takes_out_what_is_below() -> None:
    table = pa.table({"region": ["浙江", "西藏", None], "n": [10, 9, None]})
    assert suppress_small_groups(table, "n", 10)["region"].to_pylist() == ["浙江"]
    assert suppress_small_groups(table, "n", 1).num_rows == 2
    with pytest.raises(ProfilesError, match="expected a column 'm', found region, n"):
        suppress_small_groups(table, "m")
    with pytest.raises(ProfilesError, match="of 1 or more, found 0"):
        suppress_small_groups(table, "n", 0)


def test_forget_by_identifier_removes_every_account(store: Store) -> None:
    store.load("identifiers", ROWS.identifiers(), "run-1")
    done = forget(store, "phone:13900000001", "run-2", NOON)
    assert done.complete and (done.keys, done.tombstones) == (2, 2)
    assert done.tables["links"]["before"] == 2  # one link, found by either end
    assert store.load("identifiers", ROWS.identifiers(), "run-3").forgotten == 1


def test_resolving_says_the_same_everywhere(store: Store) -> None:
    """Other engines than DuckDB borrow one in memory for it and take back the outcome."""
    with DuckDBStore(":memory:", key=bytes(range(32))) as reference:
        found = []
        for one in (store, reference):
            one.load("identifiers", ROWS.identifiers(), "run-1")
            one.load("orders", ROWS.orders(), "run-1")
            with one.transaction():
                assert resolve_if_stale(one, "run-2")
                assert not resolve_if_stale(one, "run-3")
            names = ("person_identifiers", "person_aliases", "refused_links", "touched")
            tables = {name: one.fetch(one.table(name)).to_pylist() for name in names}
            found.append({name: sorted(rows, key=repr) for name, rows in tables.items()})
    assert found[0] == found[1]
    assert len({row["person_id"] for row in found[0]["person_identifiers"]}) == 2


def test_store_of_version_2_is_migrated_in_postgres(postgres_schema: str) -> None:
    key = bytes(range(32))
    from profiles.store.postgres_store import PostgresStore

    with PostgresStore(postgres_schema, key=key) as store:
        store.load("comments", ROWS.comments(), "run-1")
    with psycopg.connect(postgres_schema, autocommit=True) as connection:
        connection.execute("DROP TABLE consents, tombstones")
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'schema_version'")
    with PostgresStore(postgres_schema, key=key) as store:
        assert (store.count("comments"), store.count("consents")) == (6, 0)
        assert broken(store) == {}
    with psycopg.connect(postgres_schema, autocommit=True) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match="found 99; use the release that made it"):
        PostgresStore(postgres_schema, key=key)


def test_two_refreshes_of_one_postgres_store_never_run_at_once(postgres_schema: str) -> None:
    from profiles.store.postgres_store import PostgresStore

    with (
        PostgresStore(postgres_schema, key=bytes(range(32))) as one,
        PostgresStore(postgres_schema, key=bytes(range(32))) as other,
        one.refresh_lock(),
    ):
        with (
            pytest.raises(StoreError, match="found a refresh that is running"),
            other.refresh_lock(),
        ):
            pass
        assert other.load("orders", ROWS.orders(), "run-1").inserted == 4
    with PostgresStore(postgres_schema, key=bytes(range(32))) as third, third.refresh_lock():
        assert third.count("orders") == 4
