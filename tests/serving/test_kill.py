"""Killed without warning at any moment, the same command goes on and ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import sys, time
from pathlib import Path
from data.readers import open_dump
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from serving.batch import score

score.WINDOW_ROWS = 50
analyzer = Analyzer(FakeScorer(), keywords=object(), extras=False)
dump, out, slow_s = open_dump(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
print("ready", flush=True)
summary = score.score_dumps([dump], out, analyzer, progress=lambda rows: time.sleep(slow_s))
print(summary.rows_in, summary.scored, summary.empty, summary.rejected, summary.resumed)
"""
SLOW_MAIN = """
import time
from serving.batch import score
from serving.cli.main import main

score.WINDOW_ROWS = 50
save = score._Run._save
score._Run._save = lambda *a: (time.sleep(0.1), save(*a))[1]
main()
"""
FAULT = """
import os, signal, sys

def die(event, arguments, wanted=sys.argv[4].split(":")):
    if event == wanted[0] and str(arguments[1 if event == "os.rename" else 0]).endswith(wanted[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""
FAULTS = (  # just before: windows count, rejects, output, and clearing away
    "os.rename:00000007.parquet",
    "os.rename:00000015.parquet",
    "os.rename:.rejects.jsonl",
    "os.rename:/o.csv",
    "os.remove:00000005.parquet",
    "os.remove:lock",
    "os.rmdir:o.csv.job",
)
WINDOWS = 20
KILLS = 3
PATIENCE_S = 600  # on a machine that has other things to do


def start(dump: Path, out: Path, slow_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(dump), str(out), str(slow_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def finish(dump: Path, out: Path) -> list[int]:
    """Runs to the end; gives rows in, scored, empty, rejected, resumed."""
    process = start(dump, out, 0)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return [int(word) for word in printed.split()[1:]]


def kill_once(dump: Path, out: Path, after_windows: int, moment_s: float) -> None:
    """Kills a slowed run some moment after that many windows are finished."""
    process = start(dump, out, 0.05)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    deadline_s = time.monotonic() + PATIENCE_S
    while len(list(out.with_name(out.name + ".job").glob("*.parquet"))) < after_windows:
        assert time.monotonic() < deadline_s and process.poll() is None
        time.sleep(0.002)
    time.sleep(moment_s)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGKILL and not out.exists()


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(7)
    path = tmp_path_factory.mktemp("dump") / "comments.jsonl"
    texts = ["茶很好喝", "难喝", "", "@小王", "一般"]
    with path.open("w", encoding="utf-8") as file:
        for number in range(WINDOWS * 50):
            row = f'{{"comment_id": "c{number}", "text": "{rng.choice(texts)}{number % 9}"}}\n'
            file.write(row if rng.random() > 0.05 else "{torn\n")
    return path


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_killed_and_resumed_run_has_the_bytes_of_an_unkilled_one(
    suffix: str, dump: Path, tmp_path: Path
) -> None:
    rng = random.Random(suffix)
    killed, whole = tmp_path / f"killed.{suffix}", tmp_path / f"whole.{suffix}"
    for after_windows in sorted(rng.sample(range(1, WINDOWS - 4), KILLS)):
        kill_once(dump, killed, after_windows, rng.uniform(0, 0.06))
    *resumed_sums, taken_over = finish(dump, killed)
    *whole_sums, none_taken = finish(dump, whole)
    assert taken_over >= 50 and none_taken == 0
    assert resumed_sums == whole_sums and whole_sums[0] == WINDOWS * 50 == sum(whole_sums[1:])
    assert killed.read_bytes() == whole.read_bytes()
    rejects = [p.with_name(p.name + ".rejects.jsonl").read_bytes() for p in (killed, whole)]
    assert rejects[0] == rejects[1]
    assert not [p for p in tmp_path.iterdir() if p.suffix in (".part", ".job", ".tmp")]


def test_killed_at_each_step_of_ending_never_shows_a_torn_file(dump: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "o.csv"
    finish(dump, whole)
    for fault in FAULTS:
        command = [sys.executable, "-c", FAULT + DRIVER, str(dump), str(out), "0", fault]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE_S)
        assert process.returncode == -signal.SIGKILL, fault
        assert not out.exists() or out.read_bytes() == whole.read_bytes(), fault
    assert out.exists()
    finish(dump, out)
    names = ("{}", "{}.rejects.jsonl")
    for name in names:
        killed, unkilled = (tmp_path / name.format(base) for base in ("o.csv", "whole.csv"))
        assert killed.read_bytes() == unkilled.read_bytes()
    assert len(list(tmp_path.iterdir())) == 4  # both outputs, both rejects


def test_run_that_is_asked_to_end_leaves_no_torn_file_and_goes_on(
    dump: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.csv"
    command = [sys.executable, "-c", SLOW_MAIN, "score", str(dump), "--out", str(out)]
    environment = os.environ | {"TINGFENG_MODEL": "fake"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline_s = time.monotonic() + PATIENCE_S
    while len(list(out.with_name("o.csv.job").glob("*.parquet"))) < 2:
        assert time.monotonic() < deadline_s and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "run the same command again" in said
    assert [p.name for p in tmp_path.iterdir()] == ["o.csv.job"]
    assert finish(dump, out)[-1] == 0  # the driver reads without extras, so it starts anew
