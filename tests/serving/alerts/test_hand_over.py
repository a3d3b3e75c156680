"""The whole way: a growing folder, a watch, and the chat groups that hear of it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.alerts.delivery.load import open_notifier
from serving.alerts.delivery.outbox import LEASE_S
from serving.cli.main import main
from serving.settings import Settings
from tests.serving.delivery import robots

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
KINDS = ("dingtalk", "feishu", "wecom", "webhook")
IMPATIENT = "notify: {group_interval_s: 0, repeat_hours: 0.0003, escalate_minutes: 0.001}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    for name in [n for n in os.environ if n.startswith("TINGFENG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", "alerts", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out, told.err

    return call


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A robot of each kind, a boss who hears of escalations only, and the file of channels."""
    makers = (robots.dingtalk, robots.feishu, robots.wecom, robots.receiver)
    servers = {kind: robots.serve(make()) for kind, make in zip(KINDS, makers, strict=True)}
    servers["boss"] = robots.serve(robots.dingtalk())
    channels: dict[str, Any] = {}
    for name, robot in servers.items():
        kind = "dingtalk" if name == "boss" else name
        monkeypatch.setenv(f"URL_{name}", robots.url_of(robot, kind))
        address = robots.url_of(robot, kind) if kind == "webhook" else f"env:URL_{name}"
        channels[name] = {"kind": kind, "url": address}
        if kind != "wecom":
            channels[name]["secret"] = "env:ROBOT_SECRET"
    channels["boss"]["only_escalated"] = True
    monkeypatch.setenv("ROBOT_SECRET", robots.SECRET)
    internal = [robot.host for robot in servers.values()]
    alerts = {"channels": channels, "internal_receivers": internal}
    (tmp_path / "channels.yaml").write_text(json.dumps({"alerts": alerts}), "utf-8")
    yield servers
    for robot in servers.values():
        robot.server.shutdown()
        robot.server.server_close()


@pytest.fixture
def dumps(tmp_path: Path) -> Path:
    """A folder with two days of comments under one content, a fifth of them complaints."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    dice, now = np.random.default_rng(4), int(time.time())
    times = sorted(now - 3600 - int(t) for t in dice.integers(0, 2 * 86_400, 600))
    grow(folder, [(at, bool(dice.random() < 0.2)) for at in times], "q")
    return folder


def grow(folder: Path, comments: list[tuple[int, bool]], prefix: str) -> None:
    rows = [
        {"comment_id": f"{prefix}{k}", "aweme_id": "7301", "create_time": at,
         "content": "太差了" if bad else "今天周几",
         "sentiment": "negative" if bad else "neutral"}  # scored already: the passes are quick
        for k, (at, bad) in enumerate(comments)
    ]  # fmt: skip
    with (folder / "comments.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def crisis(folder: Path) -> None:
    """Eighty complaints within the last forty minutes."""
    start = int(time.time()) - 2700
    grow(folder, [(start + k * 30, True) for k in range(80)], "b")


def counts(group: dict[str, Any]) -> dict[str, int]:
    return {name: len(robot.received) for name, robot in group.items()}


def test_crisis_reaches_every_group_once_and_ack_ends_reminders(
    run: Run, group: dict[str, Any], dumps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINGFENG_PUBLIC_URL", "https://tingfeng.example.com/")
    watch = ("watch", dumps, "--channels", "channels.yaml", "--every", 0.01, "--passes")
    assert run(*watch, 1)[0] == 0
    assert not any(counts(group).values())
    crisis(dumps)
    code, out, _ = run(*watch, 2)
    assert (code, out) == (0, "")
    assert counts(group) == {**dict.fromkeys(KINDS, 1), "boss": 0}
    assert all(len(group[kind].taken()) == 1 for kind in KINDS)
    told = group["webhook"].taken()[0]
    assert told["kind"] == "opened" and told["playbook"] and told["cause"] == "burst"
    link = f"https://tingfeng.example.com/alerts/{told['incident_id']}"
    assert told["link"] == link and link in group["dingtalk"].taken()[0]["markdown"]["text"]
    assert run(*watch, 2)[0] == 0
    assert sum(counts(group).values()) == len(KINDS)

    (tmp_path / "rules.yaml").write_text(IMPATIENT, "utf-8")
    impatient = (*watch, 1, "--rules", "rules.yaml")
    time.sleep(1.1)  # clocks count whole seconds
    assert run(*impatient)[0] == 0
    time.sleep(2.1)
    assert run(*impatient)[0] == 0
    kinds = [body["kind"] for body in group["webhook"].taken()]
    assert kinds == ["opened", "escalated", "reminder"]
    assert "升级通知" in group["boss"].taken()[0]["markdown"]["text"]
    before = counts(group)
    assert run("ack", told["incident_id"], "--by", "值班")[0] == 0
    time.sleep(2.1)
    assert run(*impatient)[0] == 0
    assert counts(group) == before


def test_without_channels_messages_are_json_lines(run: Run, dumps: Path) -> None:
    crisis(dumps)
    code, out, _ = run("watch", dumps, "--passes", 1)
    (told,) = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and told["kind"] == "opened" and told["playbook"]


def test_no_deliver_leaves_messages_to_another_process(
    run: Run, group: dict[str, Any], dumps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis(dumps)
    monkeypatch.setenv("TINGFENG_CHANNELS_FILE", "channels.yaml")
    assert run("watch", dumps, "--passes", 1, "--no-deliver", "--out", "told.jsonl")[0] == 0
    assert not any(counts(group).values())
    assert len(Path("told.jsonl").read_text("utf-8").splitlines()) == 1
    assert run("deliver")[0] == 0
    assert counts(group) == {**dict.fromkeys(KINDS, 1), "boss": 0}


def test_wrong_channels_are_told_before_anything_is_watched(
    run: Run, group: dict[str, Any], dumps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del group
    assert run("watch", dumps, "--deliver", "--passes", 1)[::2] == (
        2,
        "error: --channels, --deliver: expected channels in alerts.channels, found none; "
        "see docs/channels.md\n",
    )
    monkeypatch.delenv("ROBOT_SECRET")
    code, _, err = run("watch", dumps, "--channels", "channels.yaml", "--passes", 0)
    assert code == 0 and err.count("ROBOT_SECRET") == 4  # the others work
    monkeypatch.delenv("URL_wecom")
    code, _, err = run("watch", dumps, "--channels", "channels.yaml", "--passes", 1)
    assert code == 2 and "URL_wecom" in err and "Traceback" not in err


def test_replay_tells_the_groups_only_when_asked_and_as_history(
    run: Run, group: dict[str, Any], dumps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis(dumps)
    dump = dumps / "comments.jsonl"
    monkeypatch.setenv("TINGFENG_CHANNELS_FILE", "channels.yaml")
    assert run("replay", dump)[0] == 0
    assert not any(counts(group).values())
    code, out, _ = run("replay", dump, "--deliver")
    assert code == 0 and len(out.splitlines()) == 1
    heard = group["webhook"].taken()
    assert heard and all(body["title"].startswith("历史回放：") for body in heard)
    assert all(body["dedup_key"].startswith("replay:") for body in heard)
    assert run("replay", dump, "--deliver")[0] == 0
    assert group["webhook"].taken() == heard  # once is enough


def test_kills_lose_no_message_and_repeat_at_most_one_each(
    run: Run, group: dict[str, Any], dumps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del run  # its environment is what the processes get
    dice, kills = random.Random(3), 3
    monkeypatch.setenv("TINGFENG_CHANNELS_FILE", "channels.yaml")
    crisis(dumps)
    for _ in range(kills):
        process = start_watch(dumps)
        time.sleep(dice.uniform(0.0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    process = start_watch(dumps)
    wait_for(lambda: open_notifier(Settings()).outbox.counts() or None)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    notifier = open_notifier(Settings())
    notifier.deliver_due(time.time() + LEASE_S + 30)  # what a kill left leased
    assert {row["state"] for row in notifier.outbox.rows()} == {"sent"}
    keys = Counter(body["dedup_key"] for body in group["webhook"].taken())
    (key,) = keys
    assert key.endswith(":1:opened") and 1 <= keys[key] <= 1 + kills
    for kind in KINDS:
        assert 1 <= len(group[kind].received) <= 1 + kills


def wait_for(found: Callable[[], object]) -> None:
    patience = time.monotonic() + 60
    while not found():
        assert time.monotonic() < patience
        time.sleep(0.05)


def start_watch(dumps: Path) -> subprocess.Popen[str]:
    """A watch in a process of its own, past its start."""
    command = [sys.executable, "-m", "serving.cli.main", "alerts", "watch", dumps, "--every", 0.1]
    process = subprocess.Popen(
        list(map(str, command)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "watching" in line, line
    return process
