"""A refresh of what changed gives on PostgreSQL what a full one gives, and what a DuckDB file has.

Random loads are those of ``tests/profiles/test_incremental.py``, with phones that make two accounts
one person.
"""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.refresh import refresh
from profiles.store.base import Among, Between, Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.postgres_store import PostgresStore

KEY = bytes(range(32))
COMPARED = ("persons", "profiles", "content_insights", "content_topics")


def _loads() -> ModuleType:
    path = Path(__file__).parents[1] / "test_incremental.py"
    spec = importlib.util.spec_from_file_location("random_loads", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOADS = _loads()


@st.composite
def an_identifier(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "identifiers", {
        "platform": "douyin",
        "user_id": draw(LOADS.who),
        "phone": draw(st.sampled_from(["13900000000", "13900000001"])),
    }


rows = st.one_of(LOADS.rows, LOADS.rows, LOADS.rows, an_identifier())
steps = st.lists(
    st.tuples(st.lists(rows, min_size=3, max_size=8), LOADS.day), min_size=2, max_size=3
)


def derived(store: Store, *, keywords: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Every row of what a refresh makes, without the run that made it.

    Keywords' lifts keep the moment of their computing, so a full refresh may tell them anew.
    """
    found = {}
    for name in COMPARED:
        table = store.fetch(store.table(name))
        out = [
            one for one in ("run_id", "" if keywords else "keywords") if one in table.schema.names
        ]
        found[name] = sorted(table.drop_columns(list(out)).to_pylist(), key=repr)
    return found


def empty(url: str) -> None:
    """Drop the store's tables, for the next example."""
    with psycopg.connect(url, autocommit=True) as connection:
        (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {schema}")


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(steps)
def test_incremental_refreshes_give_what_a_full_one_gives(
    postgres_schema: str, tmp_path: Path, loads: list[tuple[list[tuple[str, dict[str, Any]]], int]]
) -> None:
    empty(postgres_schema)
    with PostgresStore(postgres_schema, key=KEY) as store, DuckDBStore(":memory:", key=KEY) as file:
        for number, (given_rows, moment) in enumerate(loads):
            for one in (store, file):
                for kind, row in given_rows:
                    one.load(kind, LOADS.table(row), f"load-{number}")
                with mock.patch("profiles.refresh.PERSONS_AT_ONCE", 3):
                    done = refresh(one, LOADS.at(moment), f"refresh-{number}", work=tmp_path)
                assert done.full == (number == 0)
            assert derived(store, keywords=True) == derived(file, keywords=True)
            assert store.count("profile_history") == file.count("profile_history")
            assert store.meta()["platforms"] == file.meta()["platforms"]
        incremental = derived(store)
        refresh(store, LOADS.at(loads[-1][1]), "refresh-full", full=True, work=tmp_path)
        assert derived(store) == incremental


def test_a_later_refresh_reads_the_rows_of_who_changed(
    postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, int] = {}
    with PostgresStore(postgres_schema, key=KEY) as store:
        store.load("events", many_events(), "load-1")
        refresh(store, LOADS.at(10), "refresh-1", work=tmp_path)
        scan = PostgresStore.scan

        def counted(self: Any, name: str, *rest: Any) -> Any:
            for part in scan(self, name, *rest):
                taken[name] = taken.get(name, 0) + part.num_rows
                yield part

        monkeypatch.setattr(PostgresStore, "scan", counted)
        store.load("events", many_events(persons=1, day=9), "load-2")
        done = refresh(store, LOADS.at(11), "refresh-2", work=tmp_path)
        assert done.persons == 1 and taken["events"] <= 8 and taken["profiles"] == 1
        assert set(store.fetch(store.table("profiles"))["as_of"].to_pylist()) == {LOADS.at(11)}


def many_events(persons: int = 50, day: int = 1) -> pa.Table:
    return pa.table(
        {
            "platform": ["douyin"] * persons * 2,
            "user_id": [f"u{at}" for at in range(persons)] * 2,
            "event": ["view"] * persons + ["like"] * persons,
            "time": pa.array([LOADS.at(day)] * persons * 2, pa.timestamp("ms", "UTC")),
            "content_id": ["v"] * persons * 2,
        }
    )


def test_stamped_tables_say_so_and_wear_no_further(
    postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiles.store.postgres_stamp.MOST_DROPPED", 3)
    with PostgresStore(postgres_schema, key=KEY) as store:
        for name in ("persons", "content_insights"):
            store.bulk_load(name, pa.table({"run_id": ["r1"], "as_of": [LOADS.at(0)]}))
        for day in range(9):
            store.stamp(["persons", "content_insights"], LOADS.at(day))
            store.bulk_load("persons", pa.table({"run_id": ["r2"], "as_of": [None]}))
            for name in ("persons", "content_insights"):
                (first,) = store.rows_where(name, "run_id", ["r1"]).to_pylist()
                assert first["as_of"] == LOADS.at(day)
        assert store.rows_where("persons", "run_id", ["r2"])["as_of"].null_count == 1
        with psycopg.connect(postgres_schema, autocommit=True) as other:
            dropped = """SELECT count(*) FROM pg_attribute
                WHERE attrelid = 'persons'::regclass AND attisdropped"""
            assert other.execute(dropped).fetchone() == (3,)
            other.execute("CREATE VIEW of_others AS SELECT as_of FROM persons")
            store.stamp(["persons"], LOADS.at(30))
            assert other.execute("SELECT DISTINCT as_of FROM of_others").fetchall() == [
                (LOADS.at(30),)
            ]


@pytest.mark.parametrize("n", [1, 300])
def test_some_rows_are_scanned_and_deleted_by_key(store: Store, n: int) -> None:
    if store.engine == "spark":
        n = 1
    store.load("events", many_events(persons=n + 1), "load-1")
    store.load("events", many_events(persons=1, day=2), "load-2")
    ids = [store.person_id("douyin", f"u{at}") for at in range(n)]
    among = Among(column="user_id", values=pa.array(ids, pa.string()))
    between = Between(
        column="time", low=LOADS.at(1), high=LOADS.at(1) + timedelta(days=1)
    )  # without the first day, with the second
    for only, wanted in ((among, 2 * n + 2), (between, 2), (None, 2 * n + 4)):
        parts = store.scan("events", ["user_id", "time"], only)
        assert sum(part.num_rows for part in parts) == wanted
    persons = pa.table({"person_id": [*ids, "x"]})
    store.bulk_load("persons", persons)
    assert store.delete("persons", "person_id", ids) == n
    assert store.count("persons") == 1


def test_words_of_lists_arrive_as_they_are(store: Store) -> None:
    words = [["a,b", 'q"', "back\\slash", "", "NULL", "{}", " 空 "], [], None, ["好", None]]
    table = pa.table(
        {
            "comment_id": ["0", "1", "2", "3"],
            "text": ["一", "二", "三", "四"],
            "keywords": pa.array(words, pa.list_(pa.string())),
        }
    )
    store.load("comments", table, "load-1")
    found = {
        row["comment_id"]: row["keywords"]
        for row in store.fetch(store.table("comments")).to_pylist()
    }
    assert found == dict(zip("0123", words, strict=True))
    again = store.load("comments", table, "load-2")
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 4)
