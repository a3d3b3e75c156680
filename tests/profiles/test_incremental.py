"""A refresh of what changed gives what a full one gives, row by row; a killed one gives nothing.

Full ones go through the persons in parts of two here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.read import last_refresh
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore

KEY = bytes(range(32))
START = datetime(2026, 5, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]

who = st.sampled_from(["a", "b", "c", "d"])
where = st.sampled_from(["v", "w"])
day = st.integers(0, 40)


def at(days: int) -> datetime:
    return START + timedelta(days=days)


@st.composite
def a_comment(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    score = draw(st.sampled_from([-0.9, -0.2, 0.4, 0.8]))
    topics = draw(st.lists(st.sampled_from(["food", "pets", "auto"]), unique=True, max_size=2))
    return "comments", {
        "comment_id": draw(st.sampled_from([str(k) for k in range(8)])),
        "platform": "douyin",
        "user_id": draw(who),
        "content_id": draw(where),
        "text": draw(st.sampled_from(["好", "差", "@某人 来"])),
        "created_at": draw(st.one_of(st.none(), day.map(at))),
        "like_count": draw(st.integers(0, 5)),
        "region": draw(st.sampled_from([None, "浙江", "上海"])),
        "sentiment": "positive" if score > 0 else "negative",
        "sentiment_score": score,
        "emotion": "like",
        "interests": [{"topic": topic, "score": 0.7} for topic in topics],
        "aspects": [{"aspect": "price", "polarity": "negative", "score": 0.5}],
    }


@st.composite
def an_event(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "events", {
        "platform": "douyin",
        "user_id": draw(who),
        "event": draw(st.sampled_from(["view", "like", "pay", "refund"])),
        "time": at(draw(day)),
        "content_id": draw(where),
    }


@st.composite
def an_order(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "orders", {
        "platform": "douyin",
        "order_id": draw(st.sampled_from(["x", "y", "z"])),
        "user_id": draw(who),
        "time": at(draw(day)),
        "amount_cny": draw(st.sampled_from([None, 9.9, 120.0])),
        "items": draw(st.sampled_from(["乌龙茶", "团购券"])),
    }


@st.composite
def a_user(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "users", {
        "platform": "douyin",
        "user_id": draw(who),
        "gender": draw(st.sampled_from([None, "female"])),
        "follower_count": draw(st.integers(0, 9)),
    }


@st.composite
def a_relation(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "relations", {
        "platform": "douyin",
        "user_id": draw(who),
        "target_id": draw(who),
        "relation": draw(st.sampled_from(["follow", "friend"])),
        "created_at": draw(st.one_of(st.none(), day.map(at))),
    }


SCHEMA = pa.schema(
    [
        ("interests", pa.list_(pa.struct([("topic", pa.string()), ("score", pa.float32())]))),
        ("created_at", pa.timestamp("ms", "UTC")),
        ("amount_cny", pa.float64()),
        ("region", pa.string()),
        ("gender", pa.string()),
    ]
)
rows = st.one_of(
    a_comment(), a_comment(), an_event(), an_event(), an_order(), a_user(), a_relation()
)
steps = st.lists(st.tuples(st.lists(rows, min_size=1, max_size=9), day), min_size=2, max_size=4)


def table(row: dict[str, Any]) -> pa.Table:
    names = [field for field in SCHEMA if field.name in row]
    known = pa.Table.from_pylist([row])
    for field in names:
        place = known.column_names.index(field.name)
        known = known.set_column(place, field, pa.array([row[field.name]], field.type))
    return known


def derived(store: DuckDBStore) -> dict[str, list[dict[str, Any]]]:
    return {
        "persons": store.read("SELECT * EXCLUDE (run_id) FROM persons ORDER BY ALL").to_pylist(),
        "profiles": store.read(
            "SELECT * EXCLUDE (run_id) FROM profiles ORDER BY person_id"
        ).to_pylist(),
        "contents": store.read(
            """SELECT * EXCLUDE (run_id, keywords) FROM content_insights
               ORDER BY platform, content_id"""
        ).to_pylist(),
        "topics": store.read("FROM content_topics ORDER BY ALL").to_pylist(),
    }


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps)
def test_incremental_refreshes_give_what_a_full_one_gives(
    loads: list[tuple[list[tuple[str, dict[str, Any]]], int]],
) -> None:
    with DuckDBStore(":memory:", key=KEY) as store:
        for number, (given_rows, moment) in enumerate(loads):
            for kind, row in given_rows:
                store.load(kind, table(row), f"load-{number}")
            result = refresh(store, at(moment), f"refresh-{number}")
            assert result.full == (number == 0)
        incremental = derived(store)
        with mock.patch("profiles.refresh.PERSONS_AT_ONCE", 2):
            refresh(store, at(loads[-1][1]), "refresh-full", full=True)
        assert derived(store) == incremental


def small_store(path: Path) -> None:
    with DuckDBStore(path, key=KEY) as store:
        row = {
            "comment_id": "1",
            "platform": "douyin",
            "user_id": "a",
            "content_id": "v",
            "text": "好",
            "created_at": START,
        }
        store.load("comments", pa.Table.from_pylist([row]), "load-1")
        refresh(store, at(1), "refresh-1")
        store.load("comments", pa.Table.from_pylist([{**row, "comment_id": "2"}]), "load-2")


KILLED_INSIDE = """
import os, signal, sys
import profiles.refresh as module
from datetime import UTC, datetime
from profiles.store.duckdb_store import DuckDBStore
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
module.{where} = die
with DuckDBStore(sys.argv[1], key=bytes(range(32))) as store:
    module.refresh(store, datetime(2026, 5, 9, tzinfo=UTC), "refresh-2")
"""


@pytest.mark.parametrize("where", ["_note_platforms", "_record"])
def test_killed_refresh_leaves_the_old_profile_whole(where: str, tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    small_store(path)
    with DuckDBStore(path, key=KEY) as store:
        before = derived(store)
    done = subprocess.run(
        [sys.executable, "-c", KILLED_INSIDE.format(where=where), str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with DuckDBStore(path, key=KEY) as store:
        assert derived(store) == before and last_refresh(store) == at(1)
        verbs = store.read("SELECT verb FROM runs WHERE run_id = 'refresh-2'")["verb"].to_pylist()
        assert verbs == ["refresh started"]
        assert refresh(store, at(8), "refresh-3").changed == 1
