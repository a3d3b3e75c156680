"""``ingest relations``: Chinese and English headers, both ends hashed, degrees in the profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.store.duckdb_store import DuckDBStore
from serving.cli.main import app
from serving.relations import read_relations

FOLLOWS = "用户ID,目标用户ID,关系,关注时间\n1,2,关注,2026-04-01\n3,2,关注,2026-04-02\n2,1,互关,\n"
FURTHER = "user_id,target_id,kind,time\n2,9,follow,2026-06-01T00:00:00Z\n2,,follow,\n"
USERS = "user_id,fans\n1,10\n2,20\n3,0\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    for name, text in (("f", FOLLOWS), ("g", FURTHER), ("u", USERS)):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    run("ingest", "users", "u.csv", "--set", "platform=weibo")
    assert "3 new" in run("ingest", "relations", "f.csv", "--set", "platform=weibo")
    return tmp_path / "home"


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.output


def opened(home: Path) -> DuckDBStore:
    key = bytes.fromhex((home / "identity.key").read_text("ascii").strip())
    return DuckDBStore(home / "tingfeng.duckdb", key=key)


def degrees(user: str) -> tuple[int, int]:
    social = json.loads(run("profile", user, "--platform", "weibo", "--json"))["social"]
    return social["in_degree"], social["out_degree"]


@pytest.mark.usefixtures("home")
def test_degrees_follow_the_file_and_twice_change_nothing() -> None:
    run("refresh", "--as-of", "2026-05-01")
    assert [degrees(one) for one in "123"] == [(1, 1), (2, 1), (0, 1)]
    assert "3 unchanged" in run("ingest", "relations", "f.csv", "--set", "platform=weibo")
    told = run("ingest", "relations", "g.csv", "--set", "platform=weibo")
    assert "1 new" in told and "1 rejected" in told
    run("refresh", "--as-of", "2026-05-02")
    assert degrees("2") == (2, 1)  # the new one begins in June
    run("refresh", "--as-of", "2026-06-02")
    assert degrees("2") == (2, 2)


def test_both_ends_are_hashed_touched_and_edges_of_influence(home: Path) -> None:
    with opened(home) as store:
        ids = {one: store.person_id("weibo", one) for one in "123"}
        rows = store.read("FROM relations").to_pylist()
        assert {row["relation"] for row in rows} == {"follow", "friend"}
        edges = {(row["user_id"], row["target_id"]) for row in rows}
        assert edges == {(ids[a], ids[b]) for a, b in ("12", "32", "21")}
        touched = store.read("SELECT id FROM touched WHERE kind = 'person/relations'")
        assert set(touched["id"].to_pylist()) == set(ids.values())
        found = read_relations(store).to_pylist()
        assert {(row["source"], row["target"]) for row in found} == edges


def test_forget_removes_the_rows_of_either_end(home: Path) -> None:
    run("forget", "2", "--json")
    with opened(home) as store:
        assert store.count("relations") == 0
    assert "3 rows of forgotten persons" in run(
        "ingest", "relations", "f.csv", "--set", "platform=weibo"
    )
