"""Tags and audiences from the command line: from files to a list for an ad platform."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serving.cli.main import app

NOW = datetime(2026, 5, 1, tzinfo=UTC)
COMMENTS = {
    "a": ["我大油皮，求控油面霜", "这款控油真的好用"],
    "b": ["敏感肌求推荐修护精华", "宝宝六个月了，转奶第三天"],
    "c": ["哈哈哈哈哈", "来啦来啦"],
}
ORDERS = {"a": 4, "b": 1}


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output + str(done.exception)
    return done.stdout


def answer(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three persons, refreshed."""
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    comments = tmp_path / "comments.csv"
    with comments.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["comment_id", "platform", "user_id", "text", "created_at"])
        for user, texts in COMMENTS.items():
            for i, text in enumerate(texts):
                at = (NOW - timedelta(days=i + 1)).isoformat()
                rows.writerow([f"{user}{i}", "douyin", user, text, at])
    orders = tmp_path / "orders.csv"
    with orders.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["order_id", "platform", "user_id", "time", "amount_cny", "items"])
        for user, n in ORDERS.items():
            for i in range(n):
                at = (NOW - timedelta(days=10 * i + 1)).isoformat()
                rows.writerow([f"{user}-{i}", "douyin", user, at, 50, '["坚果零食"]'])
    run("ingest", "comments", str(comments))
    run("ingest", "orders", str(orders))
    run("refresh", "--as-of", NOW.isoformat())
    return tmp_path


@pytest.mark.usefixtures("home")
def test_tags_say_what_people_told() -> None:
    n = {tag["tag"]: tag["n"] for tag in answer("tag", "list")}
    assert n["beauty_oil_control"] == 1 and n["beauty_sensitive_care"] == 1
    assert n["mother_baby_formula"] == 1
    assert all(c["joins"] == c["leaves"] == 0 for c in answer("tag", "preview"))


def test_a_preview_of_own_rules_tells_who_would_join_and_apply_tags_them(home: Path) -> None:
    rules = home / "tags.yaml"
    rules.write_text("buyers: {name: 买过, version: 1, when: spending.orders >= 1}", "utf-8")
    answer("tag", "list")
    changes = {c["tag"]: c for c in answer("tag", "preview", "--tags", str(rules))}
    assert (changes["buyers"]["before"], changes["buyers"]["after"]) == (0, 2)
    assert answer("tag", "apply", "--tags", str(rules))["tags"] >= 2
    assert {t["tag"]: t["n"] for t in answer("tag", "list", "--tags", str(rules))}["buyers"] == 2


def test_an_own_pack_is_listed_read_and_a_rule(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tags.md").read_text("utf-8")
    pack = page.partition("# drinks.yaml\n")[2].partition("```")[0]
    (home / "drinks.yaml").write_text(pack.replace("[少糖,", "[油皮, 少糖,"), "utf-8")
    monkeypatch.setenv("TINGFENG_PACKS", json.dumps([str(home / "drinks.yaml")]))
    fields = {one["pack"]: one["fields"] for one in answer("tag", "packs")}
    assert "drinks.sweetness" in fields["drinks"]
    assert answer("audience", "count", "--where", "drinks.sweetness = less")["n"] == 1
    assert {t["tag"]: t["n"] for t in answer("tag", "list")}["drinks_low_sugar"] == 1


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("rule", "n"),
    [
        ("spending.orders >= 2", 1),
        ("spending.orders known", 3),
        ("not spending.orders >= 1", 1),
        ("beauty.skin_type in [oily, sensitive]", 2),
        ("mother_baby.child_months between 5 and 8", 1),
        ("snacks.cycle_days = 10", 1),
        ("tag = beauty_oil_control or mother_baby.stage = infant", 2),
        ("basic.platform = douyin", 3),
    ],
)
def test_counts(rule: str, n: int) -> None:
    assert answer("audience", "count", "--where", rule)["n"] == n


@pytest.mark.usefixtures("home")
def test_an_audience_is_kept_versioned_compared_and_deleted() -> None:
    first = answer("audience", "create", "买家", "--where", "spending.orders >= 1")
    again = answer("audience", "create", "买家", "--where", "spending.orders >= 1")
    second = answer("audience", "create", "买家", "--where", "spending.orders >= 2")
    assert [a["version"] for a in (first, again, second)] == [1, 1, 2]
    assert [a["n"] for a in (first, second)] == [2, 1]
    answer("audience", "create", "所有", "--where", "basic.platform = douyin")
    (pair,) = answer("audience", "overlap", "买家", "所有")
    assert {pair["n_a"], pair["n_b"]} == {1, 3} and pair["both"] == 1
    assert answer("audience", "count", "--where", "audience = 买家")["n"] == 1
    run("audience", "delete", "买家")
    assert [a["name"] for a in answer("audience", "list")] == ["所有"]
    run("audience", "show", "买家", code=1)


def test_an_export_holds_consented_members_alone(home: Path) -> None:
    answer("audience", "create", "买家", "--where", "spending.orders >= 1")
    contacts = home / "crm.csv"
    contacts.write_text(
        "platform,user_id,type,value,consent\n"
        "douyin,a,phone,138 0000 0001,会员协议\n"
        "douyin,b,phone,13800000002,否\n"
        "douyin,c,phone,13800000003,会员协议\n",
        "utf-8",
    )
    words = ("--platform", "tencent_phone_md5", "--identifiers", str(contacts))
    manifest = answer("audience", "export", "买家", *words, "--out", str(home / "out"))
    assert (manifest["members"], manifest["rows"], manifest["without_consent"]) == (2, 1, 1)
    with zipfile.ZipFile(home / "out" / manifest["files"][0]["name"]) as archive:
        (name,) = archive.namelist()
        lines = archive.read(name).decode().split()
    assert lines == [hashlib.md5(b"13800000001").hexdigest()]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("create", "x", "--where", "spending.order > 1"), "did you mean spending.orders"),
        (("create", "x", "--where", "spending.orders > 99", "--min-size", "2"), "at least 2"),
        (("create", "x", "--where", "health.goal = sleep"), "without fields of health"),
        (("show", "nobody"), "found nobody"),
    ],
)
def test_what_cannot_be_is_one_line(words: tuple[str, ...], part: str) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "serving.cli.main", "audience", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode in (1, 2)
    assert part in done.stderr and "Traceback" not in done.stderr
