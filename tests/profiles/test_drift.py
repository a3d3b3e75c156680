"""Drift: vectors and exact p-values by a slow restatement, false alarms, order, what was known."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from profiles.divergence import js_distance
from profiles.drift import ALPHA, MIN_DAYS, RECENT_DAYS, detect_drift, drift_by_person, read_drift
from profiles.drift_rows import drift_sentence
from profiles.errors import ProfilesError
from profiles.panel import TOPICS, panels, person_ids
from profiles.shuffle import arrangements, distances, p_values
from profiles.store.duckdb_store import DuckDBStore


@pytest.fixture(scope="module")
def drifters() -> ModuleType:
    path = Path(__file__).with_name("drifters.py")
    spec = importlib.util.spec_from_file_location("drifters", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def crowd(drifters: ModuleType, n: int, seed: int, **options: int) -> pa.Table:
    dice = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        rows += drifters.day_rows(f"p{k:04}", dice, n_days=int(dice.integers(7, 40)), **options)
    return drifters.table_of(rows)


def test_panels_hold_every_signal_once(drifters: ModuleType) -> None:
    days = crowd(drifters, 30, 1)
    ids, found = person_ids(days).to_pylist(), []
    for panel in panels(days):
        for p, n, k in np.argwhere(panel.mass > 0):
            topic = TOPICS[panel.topics[p, k]]
            found.append((ids[panel.persons[p]], panel.age_days[p, n], topic, panel.mass[p, n, k]))
    wanted = [(r["person_id"], r["age_days"], r["topic"], r["weight"]) for r in days.to_pylist()]
    assert sorted(found) == sorted(wanted)


def slow_distance(rows: list[dict], ages: dict[int, int]) -> float:
    """The distance with each day's age replaced; a plain loop."""
    short, long = np.zeros(len(TOPICS)), np.zeros(len(TOPICS))
    for row in rows:
        for vector, half_life in ((short, 7), (long, 90)):
            faded = row["weight"] * 0.5 ** (ages[row["age_days"]] / half_life)
            vector[TOPICS.index(row["topic"])] += faded
    return float(js_distance(short, long))


def test_distance_and_exact_p_value_match_a_plain_loop(drifters: ModuleType) -> None:
    rows = drifters.day_rows("p", np.random.default_rng(5), n_days=5, moved_days_ago=30)
    (panel,) = panels(drifters.table_of(rows))
    days = sorted({row["age_days"] for row in rows})
    observed = slow_distance(rows, {age: age for age in days})
    orders = [dict(zip(days, order, strict=True)) for order in permutations(days)]
    reached = [slow_distance(rows, order) >= observed - 1e-9 for order in orders]
    assert distances(panel)[0] == pytest.approx(observed)
    assert p_values(panel)[0] == pytest.approx(sum(reached) / 120)


def test_arrangements_are_all_or_seeded() -> None:
    assert len(np.unique(arrangements(4), axis=0)) == 24
    drawn = arrangements(20, seed=1)
    assert (np.sort(drawn, axis=1) == np.arange(20)).all()
    assert (drawn == arrangements(20, seed=1)).all() and (drawn != arrangements(20, seed=2)).any()


def test_persons_who_stay_are_reported_no_more_often_than_stated(drifters: ModuleType) -> None:
    found = detect_drift(crowd(drifters, 600, 7), drifters.AS_OF)
    assert found.tested == 600
    # 99.9 % of binomial draws of 600 with a chance of ALPHA stay under 15
    assert ALPHA == 0.01 and found.moved < 15
    p = found.table["p_value"].drop_null().to_numpy()
    assert (p > 0).all() and (p <= 1).all()
    assert (p <= ALPHA).sum() < 15


def test_persons_who_move_are_found_dated_and_named(drifters: ModuleType) -> None:
    dice, rows = np.random.default_rng(3), []
    for k in range(40):
        rows += drifters.day_rows(f"m{k}", dice, n_days=40, moved_days_ago=30)
    found = detect_drift(drifters.table_of(rows), drifters.AS_OF)
    assert found.moved >= 36
    movers = found.movers()
    assert {row["to_topic"] for row in movers} == {"fitness"}
    late = [abs((row["changed_on"] - drifters.TODAY).days + 30) for row in movers]
    assert np.median(late) <= 5
    for row in movers:
        assert row["to_days_since"] >= 3 and row["from_signals_before"] > 0
        assert row["changed_on"].isoformat() in drift_sentence(row)
        assert "转向「健身」" in drift_sentence(row)


def test_drift_abstains_with_few_days_and_in_silence(drifters: ModuleType) -> None:
    dice = np.random.default_rng(2)
    few = drifters.day_rows("few", dice, n_days=MIN_DAYS - 1, moved_days_ago=30)
    enough = drifters.day_rows("enough", dice, n_days=MIN_DAYS)
    quiet = drifters.day_rows("quiet", dice, n_days=30, moved_days_ago=30)
    for row in quiet:
        row["age_days"] += RECENT_DAYS + 1
    found = detect_drift(drifters.table_of(few + enough + quiet), drifters.AS_OF)
    assert (found.persons, found.too_few_days, found.silent, found.tested) == (3, 1, 1, 1)
    assert found.table["person_id"].to_pylist() == ["enough"]


def test_one_topic_never_moves_and_nothing_gives_nothing(drifters: ModuleType) -> None:
    rows = drifters.day_rows("p", np.random.default_rng(2), n_days=20)
    one = drifters.table_of(
        [row | {"topic": "food"} for row in {r["day"]: r for r in rows}.values()]
    )
    found = detect_drift(one, drifters.AS_OF).table.to_pylist()
    assert [(row["distance"], row["p_value"], row["moved"]) for row in found] == [(0, None, False)]
    empty = detect_drift(one.slice(0, 0), drifters.AS_OF)
    assert (empty.persons, empty.table.num_rows) == (0, 0)


def test_a_verdict_does_not_hang_on_the_other_persons(drifters: ModuleType) -> None:
    dice = np.random.default_rng(4)
    rows = drifters.day_rows("m", dice, n_days=40, moved_days_ago=30)
    alone = detect_drift(drifters.table_of(rows), drifters.AS_OF).movers()[0]
    others = [r for k in range(20) for r in drifters.day_rows(f"o{k}", dice, n_days=30)]
    table = detect_drift(drifters.table_of(rows + others), drifters.AS_OF).table
    among = next(row for row in table.to_pylist() if row["person_id"] == "m")
    assert alone | {"threshold": 0} == among | {"threshold": 0}


def comments_and_events(synthetic: ModuleType, drifters: ModuleType) -> tuple[pa.Table, pa.Table]:
    """Forty persons who write, and who view and like what others wrote under."""
    dice, comments, events = np.random.default_rng(9), [], []
    for k in range(40):
        for row in drifters.day_rows(f"u{k}", dice, n_days=25, moved_days_ago=30 * (k % 2)):
            at = drifters.AS_OF - timedelta(days=row["age_days"], minutes=int(dice.integers(600)))
            item = {"topic": row["topic"], "score": float(dice.uniform(0.5, 1))}
            who = {"user_id": f"u{k}", "content_id": f"about-{row['topic']}", "platform": "douyin"}
            comments.append({**who, "created_at": at, "interests": [item]})
            for event in ("view", "like", "comment", "nonsense"):
                events.append({**who, "event": event, "time": at})
    return synthetic.comments_table(comments), pa.Table.from_pylist(events)


def test_order_of_rows_does_not_matter(synthetic: ModuleType, drifters: ModuleType) -> None:
    comments, events = comments_and_events(synthetic, drifters)
    dice = np.random.default_rng(1)
    mixed = [t.take(dice.permutation(t.num_rows)) for t in (comments, events)]
    one = drift_by_person(comments, events, drifters.AS_OF)
    assert one.moved > 0 and one.table.equals(drift_by_person(*mixed, drifters.AS_OF).table)


def test_past_as_of_gives_what_was_known_then(synthetic: ModuleType, drifters: ModuleType) -> None:
    comments, events = comments_and_events(synthetic, drifters)
    then = drifters.AS_OF - timedelta(days=20)
    known = comments.filter(pa.array([t <= then for t in comments["created_at"].to_pylist()]))
    acted = events.filter(pa.array([t <= then for t in events["time"].to_pylist()]))
    at_that_time = drift_by_person(known, acted, then)
    assert at_that_time.tested > 0
    assert drift_by_person(comments, events, then).table.equals(at_that_time.table)
    assert not at_that_time.table.equals(drift_by_person(comments, events, drifters.AS_OF).table)


def test_store_gives_what_the_tables_give(
    synthetic: ModuleType, drifters: ModuleType, store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    comments, events = comments_and_events(synthetic, drifters)
    store.load("comments", comments, "run")
    store.load("events", events, "run")
    whole, tables = (
        read_drift(store, drifters.AS_OF),
        drift_by_person(comments, events, drifters.AS_OF),
    )
    assert (whole.persons, whole.tested, whole.moved) == (40, tables.tested, tables.moved)
    monkeypatch.setattr("profiles.drift._PART_ROWS", 300)
    parts = read_drift(store, drifters.AS_OF)
    same = ["person_id", "distance", "n_signals", "n_days"]
    assert parts.table.select(same).equals(whole.table.select(same))


def test_drift_needs_a_time_zone(synthetic: ModuleType, drifters: ModuleType) -> None:
    with pytest.raises(ProfilesError, match="time zone"):
        drift_by_person(synthetic.comments_table([]), None, drifters.AS_OF.replace(tzinfo=None))
