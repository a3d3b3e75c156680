"""Persons over accounts: merging moves every row and loses none, a split takes it back."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from profiles.audit import audit_identity, show_person
from profiles.cuts import rejoin, split
from profiles.errors import IdentityError, StoreError, UnknownPersonError
from profiles.persons import resolve_if_stale
from profiles.read import read_history, read_profile
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.tables import IDENTITY, PEOPLE, PRIVACY, RESULTS, SCHEMA_VERSION

KEY = bytes(range(32))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
AS_OF = datetime(2026, 5, 2, tzinfo=UTC)
A, B = "platform_uid:douyin:a", "platform_uid:shop:b"


def comments(*rows: tuple[str, str, str]) -> pa.Table:
    ids, platforms, users = zip(*rows, strict=True)
    return pa.table(
        {
            "comment_id": ids,
            "platform": platforms,
            "user_id": users,
            "text": ["好"] * len(rows),
            "created_at": [NOON] * len(rows),
        }
    )


def resolved(store: DuckDBStore, run: str = "resolve") -> dict[str, str]:
    with store.transaction():
        resolve_if_stale(store, run)
    rows = store.read("FROM person_identifiers").to_pylist()
    return {row["key"]: row["person_id"] for row in rows}


def link(store: DuckDBStore, run: str = "link", **columns: list[Any]) -> None:
    store.load("identifiers", pa.table(columns), run)


@pytest.fixture
def two_accounts(store: DuckDBStore) -> DuckDBStore:
    """Account a of douyin with two comments, account b of shop with a comment and two orders."""
    store.load("comments", comments(("1", "douyin", "a"), ("2", "douyin", "a")), "r1")
    store.load("comments", comments(("3", "shop", "b")), "r1")
    order = {"user_id": ["b"] * 2, "platform": ["shop"] * 2, "time": [NOON] * 2}
    store.load("orders", pa.table({**order, "order_id": ["x", "y"], "amount_cny": [5, 7]}), "r1")
    for platform, user, followers in (("douyin", "a", 10), ("shop", "b", 3)):
        users = {"user_id": [user], "platform": [platform], "follower_count": [followers]}
        store.load("users", pa.table(users), "r1")
    return store


def figures(store: DuckDBStore, user: str) -> tuple[int, int, float | None, int]:
    found = read_profile(store, user)
    return (
        found["emotion"]["n"],
        found["spending"]["n"],
        found["spending"].get("amount_cny"),
        found["social"]["followers"],
    )


def phones(store: DuckDBStore) -> None:
    link(
        store,
        user_id=["a", "b"],
        platform=["douyin", "shop"],
        phone=["139 0000 0001", "+86-13900000001"],
    )


def test_merge_counts_rows_of_both_accounts_and_a_split_parts_them(
    two_accounts: DuckDBStore,
) -> None:
    store = two_accounts
    refresh(store, AS_OF, "f1")
    assert (figures(store, "a"), figures(store, "b")) == ((2, 0, None, 10), (1, 2, 12.0, 3))
    phones(store)
    refresh(store, AS_OF, "f2")
    assert figures(store, "a") == figures(store, "b") == (3, 2, 12.0, 13)
    assert store.count("persons") == 1
    assert read_profile(store, "a")["basic"]["platforms"] == ["douyin", "shop"]
    assert read_history(store, store.person_id("douyin", "a")).num_rows == 3
    split(store, A, [B], "s1")
    refresh(store, AS_OF, "f3")
    assert (figures(store, "a"), figures(store, "b")) == ((2, 0, None, 10), (1, 2, 12.0, 3))
    rejoin(store, A, [B], "s2")
    refresh(store, AS_OF, "f4")
    assert figures(store, "a") == (3, 2, 12.0, 13)


def test_partial_refresh_after_a_merge_equals_a_full_one(two_accounts: DuckDBStore) -> None:
    refresh(two_accounts, AS_OF, "f1")
    phones(two_accounts)
    assert not refresh(two_accounts, AS_OF, "f2").full
    sql = "SELECT * EXCLUDE (run_id) FROM profiles ORDER BY ALL"
    partial = two_accounts.read(sql).to_pylist()
    two_accounts.execute("DELETE FROM runs")
    assert refresh(two_accounts, AS_OF, "f3").full
    assert two_accounts.read(sql).to_pylist() == partial


def test_split_is_respected_by_later_links_and_undone_by_rejoin(store: DuckDBStore) -> None:
    phones(store)
    resolved(store)
    split(store, A, [B], "s1")
    link(store, user_id=["a", "b"], platform=["douyin", "shop"], device_id=["dev-1", "dev-1"])
    link(store, user_id=["a"], platform=["douyin"], email=["x@example.com"])
    persons = resolved(store)
    a, b = store.identifier_key(A), store.identifier_key(B)
    assert persons[a] != persons[b]
    assert "cut" in audit_identity(store)["refused"]
    rejoin(store, A, [B], "s2")
    persons = resolved(store)
    assert persons[a] == persons[b] == min(persons)
    assert audit_identity(store)["refused"] == {}
    verbs = {row["verb"] for row in show_person(store, A)["lineage"]}
    assert verbs == {"split", "rejoined"} or verbs == {"split", "rejoined", "resolved"}


def test_split_of_a_stranger_or_of_everybody_is_refused(store: DuckDBStore) -> None:
    phones(store)
    for named in (["phone:13900000002"], [A, B, "phone:13900000001"]):
        with pytest.raises(IdentityError, match="expected some of the 3 identifiers"):
            split(store, A, named, "s1")
    with pytest.raises(IdentityError, match="expected a cut"):
        rejoin(store, A, [B], "s2")
    with pytest.raises(UnknownPersonError, match="found 0"):
        split(store, "nobody", [B], "s3")
    assert store.count("cuts") == 0


def test_order_and_pieces_of_loads_do_not_matter() -> None:
    rows = [
        {
            "phone": f"1390000{n % 7:04}",
            "device_id": f"d{n % 5}",
            "unionid": f"w{n % 3}" if n % 2 else None,
        }
        for n in range(12)
    ]
    found = []
    for seed, piece in ((0, 12), (1, 1), (2, 5)):
        random.Random(seed).shuffle(rows)
        with DuckDBStore(":memory:", key=KEY) as store:
            for start in range(0, len(rows), piece):
                store.load("identifiers", pa.Table.from_pylist(rows[start : start + piece]), "r")
                resolved(store)
            refused = store.read("FROM refused_links ORDER BY a, b").to_pylist()
            found.append((resolved(store), refused))
    assert found[0] == found[1] == found[2]
    assert {row["reason"] for row in found[0][1]} == {"unique"}


def test_same_file_twice_changes_nothing(store: DuckDBStore) -> None:
    table = pa.table({"phone": ["13900000001", "13900000002"], "openid": ["o1", "o2"]})
    first, again = (store.load("identifiers", table, run) for run in ("r1", "r2"))
    assert (first.inserted, first.unchanged) == (2, 0)
    assert (again.inserted, again.unchanged) == (0, 2)
    assert resolved(store) and not resolve_if_stale(store, "again")


def test_person_id_is_the_smallest_key_and_former_ids_stay_aliases(
    two_accounts: DuckDBStore,
) -> None:
    store = two_accounts
    refresh(store, AS_OF, "f1")
    phones(store)
    persons = resolved(store)
    assert set(persons.values()) == {min(persons)}
    former = {store.identifier_key(one) for one in (A, B)} - {min(persons)}
    shown = show_person(store, A)
    assert set(shown["aliases"]) == former and shown["person_id"] == min(persons)
    assert show_person(store, next(iter(former)))["person_id"] == min(persons)
    assert shown["profile_history"] == 2


def test_hub_joins_nobody_and_is_named_in_the_audit(store: DuckDBStore) -> None:
    many = [f"139000{n:05}" for n in range(500)]
    link(store, phone=many, device_id=["tablet"] * 500)
    link(store, phone=many, openid=[f"o{n}" for n in range(500)], app_id=["wx1"] * 500)
    resolved(store)
    found = audit_identity(store)
    assert (found["persons"], found["linked_persons"]) == (501, 500)
    assert found["sizes"] == {"1": 1, "2": 500} and found["largest"][0]["size"] == 2
    assert found["refused"] == {"degree": 500}
    assert "is linked with 500 of one type, at most 10 allowed" in found["hubs"][0]["detail"]
    assert json.loads(json.dumps(found)) == found


def test_two_unionids_stay_two_persons_and_two_apps_openids_do_not(store: DuckDBStore) -> None:
    link(store, phone=["13900000001"] * 2, unionid=["w1", "w2"])
    link(store, phone=["13900000002"] * 2, openid=["o1", "o2"], app_id=["wx1", "wx2"])
    persons = resolved(store)
    sizes = sorted(list(persons.values()).count(one) for one in set(persons.values()))
    assert sizes == [1, 2, 3]
    (refused,) = store.read("FROM refused_links").to_pylist()
    assert (refused["reason"], refused["detail"]) == (
        "unique",
        "one person would have two of unionid",
    )


def test_orders_with_a_phone_link_it_and_store_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    base = {"user_id": ["b"], "platform": ["shop"], "time": [NOON], "mobile": ["13977778888"]}
    with DuckDBStore(path, key=KEY) as store:
        store.load("orders", pa.table({**base, "order_id": ["x"]}), "r1")
        store.load("events", pa.table({**base, "event": ["buy"], "sku": ["s"]}), "r1")
        persons = resolved(store)
        assert persons[store.identifier_key("phone:13977778888")] == min(persons)
        assert store.read("SELECT properties FROM events")["properties"].to_pylist() == [
            '{"sku":"s"}'
        ]
    assert b"13977778888" not in path.read_bytes()


def test_identifiers_without_any_known_column_are_refused(store: DuckDBStore) -> None:
    with pytest.raises(StoreError, match="expected columns of identifiers"):
        store.load("identifiers", pa.table({"colour": ["red"]}), "r1")


def test_store_of_version_1_is_migrated_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with DuckDBStore(path, key=KEY) as store:
        store.load("comments", comments(("1", "douyin", "a")), "r1")
        refresh(store, AS_OF, "f1")
        for name in (*IDENTITY, *PRIVACY, *RESULTS, *PEOPLE, "campaigns", "relations"):
            store.execute(f"DROP TABLE {name}")
        store.execute("DELETE FROM meta WHERE name = 'identity_rules'")
        store.execute("UPDATE meta SET value = '1' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match="another one"):
        DuckDBStore(path, key=b"x" * 32)
    with DuckDBStore(path, key=KEY) as store:
        assert store.count("comments") == 1 and store.count("identifiers") == 0
        phones(store)
        refresh(store, AS_OF, "f2")
        assert read_profile(store, "a")["emotion"]["n"] == 1
    with DuckDBStore(path, key=KEY) as store:
        store.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match=f"expected schema version {SCHEMA_VERSION}"):
        DuckDBStore(path, key=KEY)
