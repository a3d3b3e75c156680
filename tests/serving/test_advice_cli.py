"""``tingfeng advice`` and segments that are kept: from the store to the lines of a brief."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serving.cli.main import app
from tests.serving.people_tools import BUYERS, LOYAL, PERSONS, fill_home

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "home"
    fill_home(home)
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the filled home, so that tests may write."""
    copy = tmp_path / "home"
    shutil.copytree(filled, copy)
    monkeypatch.setenv("TINGFENG_HOME", str(copy))
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    return copy


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output + str(done.exception)
    return done.stdout


def answer(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


@pytest.mark.usefixtures("home")
def test_every_line_of_the_brief_carries_comments_of_the_segment_alone() -> None:
    found = answer("advice", "--where", "interest.top = food")
    assert found["persons"] == PERSONS // 2
    assert found["facts"]["comments"] == PERSONS
    lines = {line["part"]: line for line in found["brief"]["lines"]}
    assert "20 条好评、0 条差评" in lines["selling_point"]["text"]
    assert "热量" in lines["angle"]["text"]
    for part in ("topic", "angle", "selling_point"):
        ids = [quote["comment_id"] for quote in lines[part]["evidence"]]
        assert ids and all(int(one[1:]) % 2 == 0 for one in ids)
    assert lines["selling_point"]["evidence"][0]["comment_id"] == "c38"  # the most liked one


@pytest.mark.usefixtures("home")
def test_advice_is_as_of_its_moment_and_readable() -> None:
    assert answer("advice", "--as-of", "2026-01-01")["facts"]["comments"] == 0
    text = run("advice")
    assert "内容建议：所有人（40 人" in text and "主题" in text and "[c38，38 赞]" in text
    assert "不作建议" in run("advice", "--as-of", "2026-01-01")


@pytest.mark.usefixtures("home")
def test_kept_segments_answer_rules_and_choose_audiences() -> None:
    rfm = answer("rfm", "--as-of", "2026-05-01", "--save")
    assert rfm["segments8"]["重要价值"] == LOYAL
    for rule in ("segment = 重要价值", "segment = 重要价值客户", "segment in [重要价值客户]"):
        assert answer("audience", "count", "--where", rule)["n"] == LOYAL
    for key, n in rfm["segments11"].items():
        assert answer("audience", "count", "--where", f"segment = {key}")["n"] == n
    answer("rfm", "--as-of", "2026-05-01", "--save")  # twice changes nothing
    assert answer("audience", "count", "--where", "segment != 重要价值")["n"] == PERSONS - LOYAL
    answer("audience", "create", "价值客户", "--where", "segment = 重要价值")
    assert answer("advice", "--audience", "价值客户")["persons"] == LOYAL
    later = answer("rfm", "--as-of", "2026-05-01", "--cut", "score", "--save")["segments8"]
    n = answer("audience", "count", "--where", "segment in [重要价值, 一般挽留]")["n"]
    assert n == later["重要价值"] + later["一般挽留"]
    assert sum(later.values()) == BUYERS


@pytest.mark.usefixtures("home")
def test_interest_groups_are_kept_beside_rfm() -> None:
    answer("rfm", "--as-of", "2026-05-01", "--save-segments")
    groups = answer("groups", "--k", "2", "--save-segments")["groups"]
    for group in groups:
        rule = f'segment = "{group["name"]}"'
        assert answer("audience", "count", "--where", rule)["n"] == group["persons"]
    assert answer("audience", "count", "--where", "segment = 重要价值")["n"] == LOYAL


@pytest.mark.usefixtures("home")
def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("person_id,date,amount\na,2026-01-01,5\n", "utf-8")
    cases = {
        ("advice", "--audience", "a", "--where", "tag = b"): (2, "found both"),
        ("advice", "--audience", "nobody"): (1, "found nobody"),
        ("advice", "--where", "spending.order > 1"): (1, "did you mean spending.orders"),
        ("advice", "--as-of", "soon"): (2, "expected a date"),
        ("rfm", "--orders", str(tmp_path / "o.csv"), "--save"): (2, "expected the store's persons"),
    }
    for words, (code, part) in cases.items():
        command = [sys.executable, "-m", "serving.cli.main", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == code and part in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and done.stdout == ""
