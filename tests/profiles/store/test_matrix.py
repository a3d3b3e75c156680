"""The same cases on DuckDB, PostgreSQL and Spark; every result is compared exactly."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from profiles.errors import StoreError
from profiles.store.base import LoadResult, Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.layout import arrow_schema, table_names
from profiles.store.loading import LoadingStore

KEY = bytes(range(32))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _rows() -> ModuleType:
    path = Path(__file__).with_name("rows.py")
    spec = importlib.util.spec_from_file_location("store_rows", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = _rows()


@pytest.fixture
def reference() -> Iterator[DuckDBStore]:
    with DuckDBStore(":memory:", key=KEY) as opened:
        yield opened


def contents_of(store: Store, name: str) -> list[dict[str, Any]]:
    """Every row of a table in an order that is the same everywhere; without the time of the run."""
    table = store.fetch(store.table(name))
    assert table.schema == arrow_schema(name)
    rows = table.drop_columns([c for c in ("recorded_at",) if c in table.column_names]).to_pylist()
    return sorted(rows, key=repr)


def fill(store: Store, run: str = "run-1") -> dict[str, LoadResult]:
    return {kind: store.load(kind, make(), run) for kind, make in ROWS.ALL.items()}


def test_loads_store_the_same_everywhere_and_twice_change_nothing(
    store: Store, reference: DuckDBStore
) -> None:
    assert fill(store) == fill(reference)
    loaded = (*(kind for kind in ROWS.ALL), "links")
    first = {name: contents_of(store, name) for name in (*loaded, "touched", "runs")}
    assert first == {name: contents_of(reference, name) for name in first}
    again = fill(store, "run-2")
    assert {kind: (r.inserted, r.updated) for kind, r in again.items()} == dict.fromkeys(
        ROWS.ALL, (0, 0)
    )
    assert {name: contents_of(store, name) for name in loaded} == {n: first[n] for n in loaded}


def test_changed_rows_partial_columns_and_duplicates_end_the_same(
    store: Store, reference: DuckDBStore
) -> None:
    parts = [
        ROWS.comments(),
        pa.table({"comment_id": ["c0", "c4"], "platform": ["douyin"] * 2, "like_count": [99, 4]}),
        pa.table({"comment_id": ["c0", "c5"], "platform": ["douyin"] * 2, "text": ["改了", "新"]}),
        pa.table({"comment_id": ["d", "d"], "text": ["旧", "新"]}),
        ROWS.comments().slice(0, 0),
    ]
    results = [
        [one.load("comments", part, f"run-{at}") for at, part in enumerate(parts)]
        for one in (store, reference)
    ]
    assert results[0] == results[1]
    assert [r.updated for r in results[0]] == [0, 1, 2, 0, 0] or results[0][1].updated == 2
    assert results[0][3].duplicates == 1
    for name in ("comments", "touched"):
        assert contents_of(store, name) == contents_of(reference, name)
    by_id = {row["comment_id"]: row for row in contents_of(store, "comments")}
    assert by_id["c0"]["sentiment"] is None and by_id["c0"]["like_count"] == 99
    assert by_id["d"]["text"] == "新"


def topics(store: Store) -> Any:
    unpacked = store.table("comments").select("comment_id", item=_.interests.unnest())
    return unpacked.select("comment_id", topic=_.item.topic, score=_.item.score)


def by_user(store: Store) -> Any:
    events = store.table("events")
    return events.group_by("user_id", "event").agg(n=events.count(), last_at=events.time.max())


def words(store: Store) -> Any:
    return store.table("comments").select("comment_id", word=_.keywords.unnest())


def joined(store: Store) -> Any:
    orders, users = store.table("orders"), store.table("users")
    return orders.left_join(users, "user_id").select("order_id", "amount_cny", "region", "age")


def per_topic(store: Store) -> Any:
    found = topics(store)
    return found.group_by("topic").agg(n=found.count(), best=found.score.max())


EXPRESSIONS: list[Callable[[Store], Any]] = [topics, by_user, words, joined, per_topic]


def test_expressions_say_the_same_everywhere(store: Store, reference: DuckDBStore) -> None:
    for one in (store, reference):
        fill(one)
    for make in EXPRESSIONS:
        found, expected = (
            sorted(one.fetch(make(one)).to_pylist(), key=repr) for one in (store, reference)
        )
        assert found == expected, make.__name__
        assert found, make.__name__


def persons(*ids: str, run: str = "r") -> pa.Table:
    return pa.table(
        {"person_id": list(ids), "as_of": [NOON] * len(ids), "run_id": [run] * len(ids)}
    )


def test_three_verbs_append_replace_and_swap(store: Store) -> None:
    assert store.bulk_load("persons", persons("a", "b")) == 2
    assert store.merge("persons", persons("b", "c", run="s"), ["person_id"]) == 2
    runs = {row["person_id"]: row["run_id"] for row in contents_of(store, "persons")}
    assert runs == {"a": "r", "b": "s", "c": "s"}
    kept = store.table("persons").filter(_.person_id != "a")
    store.swap({"persons": kept, "profiles": pa.table({"person_id": ["c"], "basic": ['{"n": 1}']})})
    assert [row["person_id"] for row in contents_of(store, "persons")] == ["b", "c"]
    assert store.rows_where("persons", "person_id", ["c", "x"])["run_id"].to_pylist() == ["s"]
    assert store.count("profiles") == 1
    assert store.delete("persons", "person_id", ["c", "x"]) == 1
    assert store.count("persons") == 1


def test_merge_null_equals_null(store: Store) -> None:
    keys = ["kind", "platform", "id"]
    given = pa.table({"kind": ["person", "content"], "platform": [None, "xhs"], "id": ["a", "b"]})
    store.merge("touched", given, keys)
    store.merge("touched", given, keys)
    assert store.count("touched") == 2


def test_swap_of_records_is_read_back(store: Store) -> None:
    item = {"emotion": "anger", "n": 3}
    cited = {"comment_id": "c", "text": '差,"很"', "created_at": NOON, "like_count": None}
    insight = {
        "platform": "douyin",
        "content_id": "v0",
        "n": 3,
        "emotions": [item],
        "evidence_negative": [{**cited, "score": -0.5}],
        "as_of": NOON,
    }
    schema = arrow_schema("content_insights")
    store.swap({"content_insights": pa.Table.from_pylist([insight], schema=schema)})
    (found,) = contents_of(store, "content_insights")
    assert {name: found[name] for name in insight} == insight


def test_transaction_that_fails_leaves_no_trace(store: Store) -> None:
    store.bulk_load("persons", persons("a"))

    def fail() -> None:
        with store.transaction():
            store.bulk_load("persons", persons("b"))
            store.swap({"persons": persons("c")})
            assert store.count("persons") == 1
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert [row["person_id"] for row in contents_of(store, "persons")] == ["a"]


def test_load_with_faults_stores_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match=r"expected a table of comments, found 2 fault"):
        store.load("comments", pa.table({"like_count": ["many"]}), "run-1")
    assert store.count("runs") == 0


def test_sql_of_duckdb_is_refused_in_one_line_by_the_others(store: Store) -> None:
    assert isinstance(store, LoadingStore)
    if store.engine == "duckdb":
        assert store.read("SELECT 1 AS n")["n"].to_pylist() == [1]
        return
    for ask in (store.read, store.execute):
        with pytest.raises(StoreError, match="expected a store in a DuckDB file for this command"):
            ask("SELECT 1 AS n")


def test_opened_again_it_is_the_same_store(open_store: Callable[..., Store]) -> None:
    with open_store() as first:
        fill(first)
        assert first.tables() == tuple(sorted(table_names()))
    with open_store() as second:
        assert second.count("comments") == 6
        assert second.meta()["schema_version"]
    with pytest.raises(StoreError, match="found another one"):
        open_store(key=b"x" * 32)


def _deferred() -> Any:
    from profiles.store.layout import load_ibis

    return load_ibis()._


_ = _deferred()
