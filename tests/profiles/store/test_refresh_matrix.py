"""Refreshing, splitting and asking, the same on every engine; profiles are compared exactly."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from profiles.audit import audit_identity, show_person
from profiles.cuts import rejoin, split
from profiles.errors import ProfilesError
from profiles.read import is_refreshed, read_profile
from profiles.refresh import refresh
from profiles.store.base import Store
from profiles.store.checks import check_store
from profiles.store.duckdb_store import DuckDBStore
from serving.cli.main import app

KEY = bytes(range(32))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DERIVED = ("persons", "profiles", "profile_history", "content_insights", "content_topics")


def _rows() -> ModuleType:
    path = Path(__file__).with_name("rows.py")
    spec = importlib.util.spec_from_file_location("store_rows_refresh", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = _rows()


def derived(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of what a refresh makes, JSON as the text that it is."""
    return {name: sorted(store.fetch(store.table(name)).to_pylist(), key=repr) for name in DERIVED}


def later() -> pa.Table:
    """Two more events of one person, and one of somebody new."""
    return ROWS.events(9).slice(6)


def test_refreshes_make_the_same_everywhere(store: Store, tmp_path: Path) -> None:
    with DuckDBStore(":memory:", key=KEY) as reference:
        for one in (store, reference):
            for kind, make in ROWS.ALL.items():
                one.load(kind, make(), "load-1")
            first = refresh(one, NOON + timedelta(days=2), "refresh-1", work=tmp_path)
            assert first.full and first.changed == first.persons > 3
            one.load("events", later(), "load-2")
            second = refresh(one, NOON + timedelta(days=9), "refresh-2", work=tmp_path)
            assert not second.full and second.persons > 0
            assert is_refreshed(one, NOON + timedelta(days=9))
        assert derived(store) == derived(reference)
        assert read_profile(store, "u0", "douyin") == read_profile(reference, "u0", "douyin")
    if store.engine != "spark":  # its every query costs
        assert [one.name for one in check_store(store) if not one.ok] == []
    assert not list(tmp_path.glob("refresh-*"))


def test_a_refresh_that_fails_leaves_the_old_profiles_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.engine == "spark":
        pytest.skip("the same code as on PostgreSQL")
    store.load("orders", ROWS.orders(), "load-1")
    refresh(store, NOON, "refresh-1", work=tmp_path)
    before = derived(store)
    store.load("events", ROWS.events(), "load-2")

    def broken(*_: Any, **__: Any) -> int:
        raise ProfilesError("the disk is full")

    monkeypatch.setattr("profiles.refresh._refresh_insights", broken)
    with pytest.raises(ProfilesError, match="the disk is full"):
        refresh(store, NOON, "refresh-2", work=tmp_path)
    assert derived(store) == before and store.count("touched") > 0
    verbs = {row["verb"] for row in store.rows_where("runs", "run_id", ["refresh-2"]).to_pylist()}
    assert verbs == {"refresh failed: the disk is full"}
    assert not list(tmp_path.glob("refresh-*"))


def test_splitting_and_rejoining_say_the_same_everywhere(store: Store) -> None:
    if store.engine == "spark":
        pytest.skip("the same code as on PostgreSQL")
    found = []
    with DuckDBStore(":memory:", key=KEY) as reference:
        for one in (store, reference):
            one.load("identifiers", ROWS.identifiers(), "load-1")
            apart = split(one, "platform_uid:douyin:u0", ["phone:13900000000"], "cut")
            audit = audit_identity(one)
            again = rejoin(one, "platform_uid:douyin:u0", ["phone:13900000000"], "join")
            shown = show_person(one, "platform_uid:douyin:u0")
            for row in shown["lineage"]:
                del row["recorded_at"]
            shown["lineage"].sort(key=repr)
            found.append((apart, again, audit, shown))
    assert found[0] == found[1]
    assert len(found[0][0].persons) == 2 and len(found[0][1].persons) == 1


def test_commands_work_against_postgres(
    postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINGFENG_STORE", postgres_schema)
    orders = ["order_id,platform,user_id,time,amount_cny,items"]
    orders += [f"o{at},shop,u{at % 3},2026-04-0{1 + at},{10 + at},坚果" for at in range(6)]
    (tmp_path / "o.csv").write_text("\n".join(orders), "utf-8")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, done.output + repr(done.exception)
        return done.stdout

    run("ingest", "orders", str(tmp_path / "o.csv"))
    run("refresh", "--as-of", "2026-05-01")
    assert json.loads(run("profile", "u1", "--platform", "shop", "--json"))["spending"]["n"] == 2
    counted = json.loads(run("audience", "count", "--where", "spending.orders >= 1", "--json"))
    assert counted["n"] == 3
    assert isinstance(json.loads(run("tag", "list", "--json")), list)
    run("audience", "create", "buyers", "--where", "spending.orders >= 1", "--min-size", "1")
    assert json.loads(run("identity", "audit", "--json"))["persons"] == 0
    assert json.loads(run("store", "check", "--json"))["ok"]


def test_reads_of_a_duckdb_file_answer_alike_on_postgres(store: Store, tmp_path: Path) -> None:
    if store.engine == "spark":
        pytest.skip("the same code as on PostgreSQL")
    from profiles.bench import lent_for_reading
    from profiles.drift import read_drift
    from profiles.funnel.stored import stored_events, stored_profiles
    from profiles.trace import READ_TABLES, trace
    from serving.relations import read_relations
    from serving.report import READ_TABLES as REPORTED
    from serving.report import build_report

    moment = NOON + timedelta(days=9)
    answers, reports = [], []
    with DuckDBStore(":memory:", key=KEY) as reference:
        for one in (store, reference):
            for kind, make in ROWS.ALL.items():
                one.load(kind, make(), "load-1")
            refresh(one, moment, "refresh-1", work=tmp_path)
            with lent_for_reading(one, READ_TABLES) as here:
                rows = trace(here, "u0", "behaviour", "douyin")
                drift = read_drift(here, moment)
            tables = (stored_events(one), stored_profiles(one), read_relations(one))
            lists = [sorted(found.to_pylist(), key=repr) for found in tables]
            answers.append((rows, drift.persons, drift.table.to_pylist(), lists))
            with lent_for_reading(one, REPORTED) as here:
                build_report(here, tmp_path / f"{len(reports)}.html")
            reports.append((tmp_path / f"{len(reports)}.html").read_text("utf-8"))
    assert answers[0] == answers[1] and answers[0][0]
    assert reports[0] == reports[1]
