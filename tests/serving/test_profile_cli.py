"""``profile`` for people and with --trace; ``refresh`` again and again: errors, SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serving.cli.refresh import _seconds
from serving.profile_text import profile_lines

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    {"comment_id": str(k), "user_id": "u1", "content_id": "v", "text": text, "created_at": at}
    for k, (text, at) in enumerate(
        [("茶很好喝", "2026-09-01T10:00:00+08:00"), ("难喝", "2026-09-03T10:00:00+08:00")]
    )
]


def tingfeng(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serving.cli.main", *arguments],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=300,
    )


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TINGFENG_")}
    return kept | {"TINGFENG_MODEL": "fake", "TINGFENG_HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    path = folder / "c.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), "utf-8")
    loaded = tingfeng(folder, "ingest", "comments", str(path), "--set", "platform=shop")
    assert loaded.returncode == 0, loaded.stderr
    assert tingfeng(folder, "refresh", "--as-of", "2026-09-28").returncode == 0
    return folder


def test_profile_reads_as_chinese_with_all_six(home: Path) -> None:
    shown = tingfeng(home, "profile", "u1").stdout
    for title in ("基本属性", "兴趣偏好", "消费能力", "社交关系", "行为路径", "情感态度"):
        assert title in shown
    assert "茶很好喝" in shown and "评论不足，不作判断" in shown


def test_trace_lists_the_rows_behind_a_field(home: Path) -> None:
    done = tingfeng(home, "profile", "u1", "--trace", "interest.food", "--json")
    found = json.loads(done.stdout)
    assert (found["field"], found["n"], found["rows"][0]["id"]) == ("interest.food", 1, "0")
    every = json.loads(tingfeng(home, "profile", "u1", "--trace", "emotion", "--json").stdout)
    assert [row["id"] for row in every["rows"]] == ["1", "0"]


def test_trace_of_no_field_is_one_line_and_2(home: Path) -> None:
    done = tingfeng(home, "profile", "u1", "--trace", "height")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "interest.food" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--every", "soon"], ["--every", "0s"], ["--every", "1m", "--as-of", "2026-09-28"]],
)
def test_refresh_again_and_again_of_wrong_usage_is_one_line_and_2(
    arguments: list[str], home: Path
) -> None:
    done = tingfeng(home, "refresh", *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--every" in done.stderr


def test_scheduler_goes_on_after_an_error_and_stops_on_sigterm(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    store = home / "tingfeng.duckdb"
    aside = home / "aside.duckdb"
    store.rename(aside)
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.cli.main", "refresh", "--every", "0.2s"],
            cwd=home,
            env=environment(home),
            stderr=out,
        )
    try:
        assert waited(lambda: "error: refresh failed" in log.read_text())
        aside.rename(store)
        assert waited(lambda: "1 persons" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        if aside.exists():
            aside.rename(store)
    lines = log.read_text().splitlines()
    assert lines[-1] == "stopped" and "Traceback" not in log.read_text()


def waited(done: object, seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def test_seconds_of_a_period() -> None:
    assert [_seconds(text) for text in ("30s", "10m", "2h", "1.5d")] == [30, 600, 7200, 129600]


def test_empty_dimensions_say_so() -> None:
    as_of = f"{datetime(2026, 9, 28, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
    names = ("basic", "interest", "spending", "social", "behaviour", "emotion")
    lines = list(profile_lines({name: {"as_of": as_of, "n": 0} for name in names}))
    assert sum("暂无数据" in line for line in lines) == 5  # the platform is always told
