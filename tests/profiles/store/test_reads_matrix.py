"""What is read of persons says the same on PostgreSQL and Spark as on DuckDB, in one pass.

One store is filled per engine, because each query of Spark costs a second. Spark runs on demand:
``TINGFENG_TEST_SPARK=short`` for the reads that the engine itself answers, ``all`` for every one.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from profiles.audiences.consent import barred_members
from profiles.audiences.saved import audiences, member_ids, save_audience
from profiles.baselines.baseline import build_baseline
from profiles.baselines.figures import read_figures
from profiles.bench import lent_for_reading
from profiles.campaigns.report import read_report
from profiles.campaigns.tags import write_tags
from profiles.conditions.text import parse
from profiles.drift import read_drift
from profiles.listing import CommentFilter, read_comments
from profiles.people import People, refresh_people
from profiles.privacy import consents_of, give_consent
from profiles.read import read_contents, read_insight, read_profile
from profiles.refresh import refresh
from profiles.segments import save_segments
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.tags.pack import load_pack
from profiles.trace import trace
from serving.baselines import save_baseline

KEY = bytes(range(32))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
AS_OF = NOON + timedelta(days=9)
KINDS = ("comments", "events", "orders", "users", "contents", "identifiers")
RULES = ("social.comments >= 1 and segment = vip", "consent = ads or interest.food known")


def _rows() -> ModuleType:
    path = Path(__file__).with_name("rows.py")
    spec = importlib.util.spec_from_file_location("store_rows_reads", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = _rows()


def fill(store: Store, work: Path) -> None:
    for kind in KINDS:
        store.load(kind, ROWS.ALL[kind](), "load")
    sent = {"campaign_id": ["c1"] * 2, "platform": ["douyin"] * 2, "user_id": ["u0", "u1"]}
    arms = {"arm": ["treatment", "holdout"], "converted": [True, False]}
    store.load("feedback", pa.table(sent | arms), "load")
    refresh(store, AS_OF, "refresh", work=work)
    refresh_people(store, [load_pack("beauty"), load_pack("snacks")], [], AS_OF, "people")
    give_consent(store, "platform_uid:douyin:u0", "ads", "consent", NOON)
    persons = store.fetch(store.table("profiles").select("person_id").order_by("person_id"))
    vip = persons.slice(0, 2).append_column("segment", pa.repeat("vip", 2))
    save_segments(store, vip, {"rfm8": "segment"}, AS_OF, "segments")
    write_tags(store, "c1", AS_OF, "tags")
    people = People(store, [load_pack("beauty"), load_pack("snacks")])
    for at, rule in enumerate(RULES):
        save_audience(people, f"a{at}", parse(rule), as_of=AS_OF, run="a", holdout=0.5)


def rows_of(store: Store, name: str) -> list[dict[str, Any]]:
    return sorted(store.fetch(store.table(name)).to_pylist(), key=repr)


def reads(store: Store, every: bool) -> dict[str, Any]:
    """What pages and commands read of persons; not ``every``: where the engine does the work."""
    short = {
        "profile": read_profile(store, "u0", "douyin"),
        "comments": read_comments(
            store, CommentFilter(interest="food", risky=False), AS_OF, order="liked", limit=4
        ),
        "contents": read_contents(store, limit=1, offset=1),
        "barred": barred_members(store, "a1", AS_OF, "ads"),
        "members": [member_ids(store, one.audience).to_pylist() for one in audiences(store)],
        **{name: rows_of(store, name) for name in ("tags", "segments", "person_fields")},
    }
    return short | _further(store) if every else short


def _further(store: Store) -> dict[str, Any]:
    with lent_for_reading(store, ("comments", "events")) as here:
        drift = read_drift(here, AS_OF)
    baseline = build_baseline(read_figures(store, AS_OF, scope="segment"), unit="day")
    save_baseline(store, baseline, "segment", AS_OF, "b")
    filters: tuple[dict[str, Any], ...] = (
        {},
        {"interest": "food", "risky": False},
        {"aspect": "taste", "polarity": "positive", "flag": "question"},
        {"person": store.person_id("douyin", "u1"), "keyword": "奶茶"},
    )
    return {
        "trace": trace(store, "u0", "interest", "douyin"),
        "drift": (drift.persons, drift.table.to_pylist()),
        "lists": [
            read_comments(store, CommentFilter(**one), AS_OF, order=order, limit=4)
            for one in filters
            for order in ("newest", "liked")
        ],
        "insight": read_insight(store, "v0", "douyin"),
        "report": read_report(store, "c1"),
        "consents": consents_of(store, "platform_uid:douyin:u0"),
        **{name: rows_of(store, name) for name in ("person_facts", "campaign_tags", "baselines")},
    }


@pytest.mark.parametrize("open_store", ["postgres", "spark"], indirect=True)
def test_reads_of_persons_say_the_same_everywhere(
    request: pytest.FixtureRequest, open_store: Callable[..., Store], tmp_path: Path
) -> None:
    wanted = os.environ.get("TINGFENG_TEST_SPARK")
    if "[spark]" in request.node.name and wanted not in ("short", "all"):
        pytest.skip("minutes on Spark; TINGFENG_TEST_SPARK=short or all runs it")
    store = open_store()
    every = store.engine != "spark" or wanted == "all"
    found = []
    with DuckDBStore(":memory:", key=KEY) as reference:
        for one in (reference, store):
            fill(one, tmp_path)
            found.append(reads(one, every))
    for name, expected in found[0].items():
        assert found[1][name] == expected, name
    assert found[0]["segments"] and found[0]["members"][1] and found[0]["barred"]
