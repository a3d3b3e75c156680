"""``tingfeng alerts``: what scripts rely on, and one clear line for what cannot be."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from serving.cli.main import main

Run = Callable[..., tuple[int, str, str]]
START = 1_788_163_200


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINGFENG_MODEL", "fake")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", "alerts", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out, told.err

    return call


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days under one content; on the third an hour of complaints. Unsorted."""
    dice = np.random.default_rng(4)
    times = [(int(t), bool(dice.random() < 0.2)) for t in dice.integers(0, 3 * 86_400, 900)]
    times += [(int(t), True) for t in 2 * 86_400 + 36_000 + dice.integers(0, 3600, 80)]
    rows = [
        {"comment_id": f"c{k}", "aweme_id": "7301", "content": "太差了" if bad else "今天周几",
         "create_time": START + t}
        for k, (t, bad) in enumerate(times)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("dump") / "comments.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_replay_prints_a_line_per_incident(run: Run, dump: Path) -> None:
    code, out, err = run("replay", dump)
    assert code == 0 and "1 incident in 980 rows" in err
    (line,) = [json.loads(one) for one in out.splitlines()]
    assert line["key"] == {"platform": "douyin", "content": "7301"}
    assert line["observed"] > 3 * line["expected"] and line["evidence"]
    assert line["opened_at"].startswith("2026-09-02T") and line["opened_at"].endswith("Z")
    assert line["closed_at"] > line["opened_at"]


def test_replay_tells_of_comments_without_a_time(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    row = {"comment_id": "c1", "aweme_id": "7301", "content": "太差了", "create_time": START}
    lines = [row, {**row, "comment_id": "c2", "create_time": None}]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    code, out, err = run("replay", path)
    assert (code, out) == (0, "") and "1 comments without a time" in err


def test_replay_refuses_in_one_line(run: Run, dump: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("thresholds: {min_ratio: 0}\nnope: 1\n", "utf-8")
    for arguments, wanted, code in (
        (("replay", dump, "--rules", rules), "min_ratio", 2),
        (("replay", dump, "--rules", tmp_path / "none.yaml"), "check the path", 2),
        (("replay", dump, "--speed", "slow"), "--speed", 2),
        (("replay", tmp_path / "none.jsonl"), "expected", 1),
        (("watch", tmp_path / "none"), "SOURCE", 2),
        (("show", "inc-none"), "expected an incident", 1),
        (("silence", "colour=red"), "colour", 2),
        (("silence", "content"), "NAME=VALUE", 2),
    ):
        found, out, err = run(*arguments)
        assert (found, out) == (code, ""), arguments
        assert wanted in err.splitlines()[-1] and "Traceback" not in err


def test_watch_list_show_ack_assign_silence(run: Run, dump: Path, tmp_path: Path) -> None:
    folder, told = tmp_path / "dumps", tmp_path / "told.jsonl"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(dump.read_bytes())
    assert run("watch", folder, "--passes", 1, "--out", told)[0] == 0
    (incident,) = json.loads(run("list", "--json")[1])
    assert run("watch", folder, "--passes", 2, "--every", 0.01, "--out", told)[0] == 0
    name = incident["incident_id"]
    assert run("ack", name, "--by", "值班")[0] == 0 and run("assign", name, "--to", "公关")[0] == 0
    assert run("silence", "content=7301", "--minutes", 5)[0] == 0
    shown = json.loads(run("show", name, "--json")[1])
    assert {one["what"] for one in shown["timeline"]} >= {"opened", "acknowledged", "assigned"}
    code, _, err = run("show", name[:9], "--markdown", tmp_path / "pm.md")
    assert code == 0 and "pm.md" in err
    assert "## 复盘" in (tmp_path / "pm.md").read_text("utf-8")
    assert name in run("list")[1]
