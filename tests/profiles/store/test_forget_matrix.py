"""Forgetting reaches every table that the catalogue names, whatever release added it."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from profiles.audiences.saved import save_audience
from profiles.campaigns.tags import write_tags
from profiles.conditions.text import parse
from profiles.people import People, refresh_people
from profiles.persons import resolve_if_stale
from profiles.privacy import _KEPT, forget, give_consent
from profiles.privacy_keys import keys_of_person
from profiles.refresh import refresh
from profiles.segments import save_segments
from profiles.store.base import Store
from profiles.store.checks import check_store
from profiles.store.layout import arrow_schema
from profiles.store.tables import INPUTS
from serving.alerts.comments import WATCHED
from serving.alerts.incidents import Incident
from serving.alerts.journal import FILE, Journal
from serving.alerts.recent import Recent
from serving.cli.main import app

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
AS_OF = NOON + timedelta(days=9)
SAID = "杯子里有虫子，再也不买了"
both = pytest.mark.parametrize("open_store", ["duckdb", "postgres"], indirect=True)


def _rows() -> ModuleType:
    path = Path(__file__).with_name("rows.py")
    spec = importlib.util.spec_from_file_location("store_rows_forget", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = _rows()


def fill(store: Store, folder: Path) -> None:
    """What commands write about persons: every dimension, tags, segments, audiences, results."""
    for kind, make in ROWS.ALL.items():
        store.load(kind, make(), "load")
    said = pa.table(
        {
            "comment_id": ["q"],
            "platform": ["douyin"],
            "content_id": ["v0"],
            "user_id": ["u0"],
            "text": [SAID],
            "created_at": pa.array([NOON], pa.timestamp("us", "UTC")),
            "sentiment": ["negative"],
            "sentiment_score": [-0.9],
            "like_count": [999],
        }
    )
    store.load("comments", said, "load")
    ids = pa.table({"platform": ["douyin", "shop"], "user_id": ["u0", "u0"], "oaid": ["d1"] * 2})
    sent = {"campaign_id": ["c1"], "platform": ["douyin"], "user_id": ["u0"], "shown": [True]}
    store.load("feedback", pa.table(sent), "load")
    store.load("identifiers", ids, "load")
    give_consent(store, "platform_uid:douyin:u0", "ads", "consent", NOON)
    refresh(store, AS_OF, "refresh-1", work=folder)
    refresh_people(store, [], [], AS_OF, "people")
    save_audience(People(store), "all", parse("social.comments >= 0"), as_of=AS_OF, run="a")
    write_tags(store, "c1", AS_OF, "tags")
    persons = store.fetch(store.table("profiles").select("person_id"))
    table = persons.append_column("segment", pa.repeat("vip", persons.num_rows))
    save_segments(store, table, {"rfm8": "segment"}, AS_OF, "segments")


def plant(store: Store, key: str) -> list[str]:
    """A row in every derived table for each of its texts that could hold a key, and does not."""
    planted = []
    for name in store.tables():
        if name in INPUTS or name in _KEPT:
            continue
        kinds = store.table(name).schema()  # JSON is told apart from text there
        texts = [one.name for one in arrow_schema(name) if kinds[one.name].is_string()]
        for number, column in enumerate(texts):
            if column == "run_id" or store.rows_where(name, column, [key]).num_rows:
                continue
            row = {other: [f"planted-{number}"] for other in texts} | {column: [key]}
            store.bulk_load(name, pa.table(row))
            planted.append(name)
    return planted


def everything(store: Store) -> dict[str, str]:
    return {name: repr(store.fetch(store.table(name)).to_pylist()) for name in store.tables()}


@both
def test_nothing_of_a_forgotten_person_is_left_in_any_table(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    with store.transaction():
        resolve_if_stale(store, "r")
    _, keys = keys_of_person(store, "platform_uid:douyin:u0")
    named = {name for name, text in everything(store).items() if any(k in text for k in keys)}
    filled = {"comments", "profiles", "audience_members", "segments", "campaign_tags", "consents"}
    assert filled | {"consent_decisions", "person_facts", "feedback", "links"} <= named
    assert SAID in everything(store)["content_insights"]
    planted = plant(store, keys[0])
    assert {"baselines", "lineage", "refused_links", "cuts", "tags"} <= set(planted)
    done = forget(store, "platform_uid:douyin:u0", "forget", AS_OF)
    assert done.complete and done.tombstones == done.keys >= len(keys)
    assert ("douyin", "q") in done.comments
    assert {name for name, n in done.tables.items() if n["before"]} >= named | set(planted)
    for name, text in everything(store).items():
        assert not [key for key in keys if key in text] and SAID not in text, name


@both
def test_a_store_is_sound_after_forgetting(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    forget(store, "platform_uid:douyin:u0", "forget", AS_OF)
    assert [one.name for one in check_store(store) if not one.ok] == []


def incident() -> Incident:
    quotes = [
        {"comment_id": "q", "text": SAID, "why": "获赞最多", "platform": "douyin"},
        {"comment_id": "q", "text": "另一个平台的话", "why": "", "platform": "xhs"},
        {"comment_id": "other", "text": "别人的话", "why": "", "platform": "douyin"},
    ]
    return Incident(
        id="inc-1",
        key={"platform": "douyin"},
        severity="critical",
        opened_at=1_790_000_000,
        alerts={},
        risks=[],
        evidence=quotes,
        timeline=[],
    )


def recent() -> pa.Table:
    row: dict[str, Any] = dict.fromkeys(WATCHED.names)
    rows = [{**row, "comment_id": one, "platform": "douyin", "text": one} for one in ("q", "r")]
    rows[0]["text"] = SAID
    return pa.Table.from_pylist(rows, schema=WATCHED)


def test_incidents_quote_a_forgotten_person_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duckdb_store: Store
) -> None:
    duckdb_store.close()
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path))
    said = {"comment_id": ["q"], "platform": ["douyin"], "user_id": ["u0"], "content": [SAID]}
    pa.csv.write_csv(pa.table(said), tmp_path / "c.csv")
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    assert CliRunner().invoke(app, ["ingest", "comments", str(tmp_path / "c.csv")]).exit_code == 0
    with Journal(tmp_path / FILE) as journal, journal.transaction():
        journal.save_incident(incident(), live=True)
        journal.put("pass", 7)
        journal.put("triggered", [{"comment_id": "q"}, {"comment_id": "other"}])
        from serving.alerts.journal import _as_bytes

        journal._put_bytes("blob_recent", _as_bytes(Recent(recent()).table))
    done = CliRunner().invoke(app, ["forget", "platform_uid:douyin:u0", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["complete"]
    assert told["tables"][f"{FILE} incidents"] == {"before": 0, "after": 0, "edited": 1}
    assert told["tables"][f"{FILE} state"] == {"before": 0, "after": 0, "edited": 2}
    with Journal(tmp_path / FILE) as journal:
        (kept,) = journal.incidents()
        assert [one["text"] for one in kept.evidence] == ["另一个平台的话", "别人的话"]
        assert journal.get("triggered") == [{"comment_id": "other"}] and journal.get("pass") == 8
    assert SAID.encode() not in (tmp_path / FILE).read_bytes()
