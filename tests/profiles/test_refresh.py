"""Refreshing: partial equals full, history only where something changed, reading by any id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

import pyarrow as pa
import pytest

from profiles.errors import ProfilesError, UnknownContentError, UnknownPersonError
from profiles.examples import read_example_profiles
from profiles.read import (
    is_refreshed,
    last_refresh,
    read_insight,
    read_profile,
)
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore

KEY = bytes(range(32))


def derived(store: DuckDBStore) -> list[pa.Table]:
    """Everything a refresh makes, but for what names the run and compares with all comments."""
    return [
        store.read("SELECT * EXCLUDE (run_id) FROM persons ORDER BY ALL"),
        store.read("SELECT * EXCLUDE (run_id) FROM profiles ORDER BY person_id"),
        store.read(
            """SELECT * EXCLUDE (run_id, keywords) FROM content_insights
               ORDER BY platform, content_id"""
        ),
    ]


def test_partial_refresh_equals_a_full_one(synthetic: ModuleType, scored: pa.Table) -> None:
    moved = scored.slice(0, 5).set_column(
        scored.column_names.index("user_id"), "user_id", pa.array(["u9"] * 5)
    )
    results = []
    for steps in ([scored.slice(0, 120), scored.slice(120), moved], [scored, moved]):
        with DuckDBStore(":memory:", key=KEY) as store:
            for number, table in enumerate(steps):
                store.load("comments", table, f"load-{number}")
                if len(steps) == 3:
                    refresh(store, synthetic.AS_OF, f"refresh-{number}")
            refresh(store, synthetic.AS_OF, "refresh-last")
            results.append([one.to_pylist() for one in derived(store)])
    assert results[0] == results[1]


def test_refresh_touches_only_what_changed(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    first = refresh(store, synthetic.AS_OF, "refresh-1")
    assert first.full and first.contents == 6 and first.changed == first.persons
    again = refresh(store, synthetic.AS_OF, "refresh-2")
    assert (again.full, again.persons, again.contents, again.changed) == (False, 0, 0, 0)
    position = scored.column_names.index("sentiment_score")
    other = scored.slice(0, 1).set_column(position, "sentiment_score", pa.array([-0.123]))
    store.load("comments", other, "load-2")
    assert not is_refreshed(store, synthetic.AS_OF)
    third = refresh(store, synthetic.AS_OF, "refresh-3")
    assert (third.persons, third.contents, third.changed) == (1, 1, 1)
    assert is_refreshed(store, synthetic.AS_OF)


def test_refresh_a_day_later_computes_nobody_without_new_rows(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    before = store.read("FROM profile_history ORDER BY ALL").to_pylist()
    later = refresh(store, synthetic.AS_OF + timedelta(days=1), "refresh-2")
    assert (later.full, later.persons, later.contents, later.changed) == (False, 0, 0, 0)
    assert store.read("FROM profile_history ORDER BY ALL").to_pylist() == before
    assert read_profile(store, "u3", "xhs")["emotion"]["as_of"] == "2026-05-03T00:00:00Z"


def test_weight_of_a_topic_halves_without_being_computed_again(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    weights = []
    for number in range(2):
        refresh(store, synthetic.AS_OF + timedelta(days=30 * number), f"refresh-{number}")
        topics = read_profile(store, "u3", "xhs")["interest"]["topics"]
        weights.append({one["topic"]: one["weight"] for one in topics})
    assert weights[1] == pytest.approx({k: v / 2 for k, v in weights[0].items()}, abs=2e-6)


def test_read_profile_takes_raw_and_person_ids(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    raw = read_profile(store, "u3", "douyin")
    assert raw == read_profile(store, store.person_id("douyin", "u3"))
    assert list(raw) == ["basic", "interest", "spending", "social", "behaviour", "emotion"]
    assert all(one["as_of"] == "2026-05-02T00:00:00Z" and "n" in one for one in raw.values())
    assert raw["spending"] == {"as_of": "2026-05-02T00:00:00Z", "n": 0}


def test_read_profile_of_nobody_or_of_two_is_refused(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    with pytest.raises(UnknownPersonError, match="found none"):
        read_profile(store, "nobody")
    with pytest.raises(UnknownPersonError, match="name the platform"):
        read_profile(store, "u3")


def test_read_profile_counts_users_orders_and_events(store: DuckDBStore) -> None:
    at = [datetime(2026, 4, day, tzinfo=UTC) for day in (1, 2, 28)]
    base = {"user_id": ["7"] * 3, "platform": ["shop"] * 3, "time": at}
    store.load(
        "orders", pa.table({**base, "order_id": ["a", "b", "c"], "amount_cny": [1.5, 2, 9]}), "r"
    )
    store.load("events", pa.table({**base, "event": ["view", "view", "buy"]}), "r")
    users = {"user_id": ["7"], "platform": ["shop"], "gender": ["female"], "follower_count": [12]}
    store.load("users", pa.table(users), "r")
    refresh(store, datetime(2026, 4, 20, tzinfo=UTC), "refresh-1")  # the third row is still to come
    profile = read_profile(store, "7")
    spending, behaviour = profile["spending"], profile["behaviour"]
    assert (spending["n"], spending["amount_cny"]) == (2, 3.5)
    assert spending["last_at"] == "2026-04-02T00:00:00Z"
    assert [(one["event"], one["n"]) for one in behaviour["events"]] == [("view", 2)]
    assert spending["recency_days"] == 18 and spending["rows"] == ["b", "a"]
    assert (profile["basic"]["n"], profile["basic"]["gender"]) == (1, "female")
    assert profile["emotion"] == {"as_of": "2026-04-20T00:00:00Z", "n": 0}


def test_refresh_empty_store_is_fine(store: DuckDBStore, synthetic: ModuleType) -> None:
    assert last_refresh(store) is None
    result = refresh(store, synthetic.AS_OF, "refresh-1")
    assert (result.persons, result.contents) == (0, 0)
    assert last_refresh(store) == synthetic.AS_OF
    assert read_example_profiles(store) == []


def test_refresh_that_fails_leaves_the_old_profiles(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    before = [one.to_pylist() for one in derived(store)]
    monkeypatch.setattr("profiles.refresh.INSIGHT_SQL", "SELECT $as_of, nonsense")
    with pytest.raises(Exception, match="nonsense"):
        refresh(store, synthetic.AS_OF + timedelta(days=3), "refresh-2", full=True)
    assert [one.to_pylist() for one in derived(store)] == before
    assert last_refresh(store) == synthetic.AS_OF
    verbs = store.read("SELECT verb FROM runs WHERE run_id = 'refresh-2'")["verb"].to_pylist()
    assert len(verbs) == 1 and verbs[0].startswith("refresh failed: ") and "nonsense" in verbs[0]


def test_refresh_with_naive_as_of_is_refused(store: DuckDBStore) -> None:
    with pytest.raises(ProfilesError, match="time zone"):
        refresh(store, datetime(2026, 5, 1), "refresh-1")


def test_read_insight_by_id(store: DuckDBStore, synthetic: ModuleType, scored: pa.Table) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    insight = read_insight(store, "c6")
    assert insight["n"] == 40 and insight["as_of"] == "2026-05-02T00:00:00Z"
    assert insight["hourly"][0]["hour"].endswith(":00:00Z")
    with pytest.raises(UnknownContentError, match="load its comments"):
        read_insight(store, "c99")


def test_events_alone_compute_only_what_reads_events(
    store: DuckDBStore, synthetic: ModuleType, scored: pa.Table
) -> None:
    store.load("comments", scored, "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    before = read_profile(store, "u3", "xhs")
    event = {"user_id": ["u3"], "platform": ["xhs"], "event": ["view"], "time": [synthetic.START]}
    store.load("events", pa.table(event), "load-2")
    result = refresh(store, synthetic.AS_OF, "refresh-2")
    after = read_profile(store, "u3", "xhs")
    assert (result.persons, result.contents, after["behaviour"]["n"]) == (1, 0, 1)
    assert after["emotion"] == before["emotion"] and after["social"] == before["social"]
    incremental = [one.to_pylist() for one in derived(store)]
    refresh(store, synthetic.AS_OF, "refresh-3", full=True)
    assert [one.to_pylist() for one in derived(store)] == incremental
