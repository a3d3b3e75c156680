"""Killed with -9 at any moment, a sender loses nothing and repeats at most one message per kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.alerts.delivery.notifier import Notifier
from serving.alerts.delivery.outbox import LEASE_S
from serving.alerts.notice import Notice
from tests.serving.delivery import robots

ROOT = Path(__file__).resolve().parents[3]
DRIVER = """
import sys
from pathlib import Path
from serving.alerts.delivery.config import load_config
from serving.alerts.delivery.notifier import Notifier

notifier = Notifier(load_config(Path(sys.argv[1])), Path(sys.argv[2]))
print("ready", flush=True)
notifier.deliver_due(float(sys.argv[3]))
"""
NOTICES = 12


@pytest.fixture
def sender(tmp_path: Path, config_for: Callable[..., Any]) -> Callable[..., Any]:
    """Starts a sender in a process of its own."""

    def start(robot: Any, now: float) -> subprocess.Popen[str]:
        config = config_for(robot, "webhook")
        (tmp_path / "channels.yaml").write_text(
            json.dumps({"alerts": config.model_dump(mode="json", exclude_none=True)})
        )
        command = [sys.executable, "-c", DRIVER, tmp_path / "channels.yaml", tmp_path / "a.db", now]
        return subprocess.Popen(
            [str(one) for one in command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    return start


def test_kill_between_send_and_mark_repeats_one_message_with_its_key(
    sender: Callable[..., Any],
    serve: Callable[[Any], Any],
    config_for: Callable[..., Any],
    notice: Callable[..., Notice],
    tmp_path: Path,
) -> None:
    robot = serve(robots.receiver())
    notifier = Notifier(config_for(robot, "webhook"), tmp_path / "a.db")
    notifier.offer(notice())
    now = time.time()
    process: list[subprocess.Popen[str]] = []
    robot.answers = [lambda _: os.kill(process[0].pid, signal.SIGKILL)]
    process.append(sender(robot, now))
    process[0].communicate(timeout=120)
    assert process[0].returncode == -signal.SIGKILL and len(robot.received) == 1
    assert notifier.outbox.rows()[0]["state"] == "sending"
    assert notifier.deliver_due(now + LEASE_S / 2).sent == 0  # it could still be at work
    assert notifier.deliver_due(now + LEASE_S + 30).sent == 1
    assert notifier.deliver_due(now + 3 * LEASE_S).sent == 0
    assert [one.json["dedup_key"] for one in robot.received] == ["inc-1:opened"] * 2


def test_kills_at_random_moments_lose_nothing(
    sender: Callable[..., Any],
    serve: Callable[[Any], Any],
    config_for: Callable[..., Any],
    notice: Callable[..., Notice],
    tmp_path: Path,
) -> None:
    robot, dice, kills = serve(robots.receiver()), random.Random(5), 0
    answers = robot.judge
    robot.judge = lambda request: time.sleep(0.1) or answers(request)  # each kill finds it at work
    notifier = Notifier(config_for(robot, "webhook"), tmp_path / "a.db")
    for number in range(NOTICES):
        notifier.offer(notice(dedup_key=str(number), incident_id=str(number)))
    now = time.time()
    for _ in range(3):
        process = sender(robot, now)
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
        kills += 1
        now += LEASE_S + 30
    for _ in range(3):
        notifier.deliver_due(now)
        now += LEASE_S + 61
    times = Counter(one.json["dedup_key"] for one in robot.received)
    assert set(times) == set(map(str, range(NOTICES)))
    assert sum(times.values()) - NOTICES <= kills
    assert {row["state"] for row in notifier.outbox.rows()} == {"sent"}
