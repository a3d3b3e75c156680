"""What can go wrong around a run: a bad text, no room, a read-only place, a changing input."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data.readers import DumpError
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer, Logits
from serving.batch import job as job_module
from serving.batch import score
from serving.batch.files import DiskFullError
from serving.batch.job import Job
from serving.batch.score import score_dumps
from serving.errors import ServingError
from tests.serving.test_score import DumpOf, rejects_of

ROWS = [{"comment_id": f"c{n}", "text": f"第{n}杯好茶"} for n in range(20)]
ROOT = Path(__file__).resolve().parents[2]


class Poisoned(FakeScorer):
    """Fails on every text with 毒 in it; ``always`` on any."""

    def __init__(self, *, always: bool = False) -> None:
        self._always = always

    def logits(self, normalized: list[str]) -> Logits:
        if self._always or any("毒" in text for text in normalized):
            raise RuntimeError("the model cannot")
        return super().logits(normalized)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 5)


def bare(scorer: FakeScorer) -> Analyzer:
    return Analyzer(scorer, keywords=object(), extras=False)  # type: ignore[arg-type]


def poisoned_rows() -> list[Any]:
    rows: list[Any] = [dict(row) for row in ROWS]
    for at in (1, 7, 18):
        rows[at]["text"] = f"毒{at % 3}"
    return [*rows[:3], "{torn", *rows[3:]]


def test_texts_that_cannot_be_scored_are_rejects_and_the_others_are_scored(
    dump_of: DumpOf, tmp_path: Path
) -> None:
    summary = score_dumps([dump_of(poisoned_rows())], tmp_path / "o.parquet", bare(Poisoned()))
    assert (summary.rows_in, summary.scored, summary.rejected) == (21, 17, 4)
    rejects = rejects_of(tmp_path / "o.parquet")
    assert [r["line"] for r in rejects] == [2, 4, 9, 20]
    assert rejects[0]["reason"] == "scoring_failed: RuntimeError" and rejects[0]["raw"] == "毒1"
    ids = pq.read_table(tmp_path / "o.parquet")["comment_id"].to_pylist()
    assert ids == [f"c{n}" for n in range(20) if n not in (1, 7, 18)]


def test_rejects_of_scoring_are_the_same_after_a_resume(dump_of: DumpOf, tmp_path: Path) -> None:
    dump, left = dump_of(poisoned_rows()), 3

    def stop(_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        score_dumps([dump], tmp_path / "b.csv", bare(Poisoned()), progress=stop)
    score_dumps([dump], tmp_path / "b.csv", bare(Poisoned()))
    score_dumps([dump], tmp_path / "w.csv", bare(Poisoned()))
    assert rejects_of(tmp_path / "b.csv") == rejects_of(tmp_path / "w.csv")
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_a_model_that_always_fails_is_no_fault_of_the_texts(
    dump_of: DumpOf, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="the model cannot"):
        score_dumps([dump_of(ROWS)], tmp_path / "o.csv", bare(Poisoned(always=True)))
    assert [p.name for p in tmp_path.iterdir()] == ["comments.jsonl"]


def test_a_rule_that_fails_on_a_text_costs_that_row_only(
    dump_of: DumpOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyzer = bare(FakeScorer())
    original = analyzer.findings

    def findings(texts: list[str]) -> Any:
        if "第3杯好茶" in texts:
            raise RecursionError
        return original(texts)

    monkeypatch.setattr(analyzer, "findings", findings)
    summary = score_dumps([dump_of(ROWS)], tmp_path / "o.csv", analyzer)
    assert (summary.scored, summary.rejected) == (19, 1)


def fill_disk(monkeypatch: pytest.MonkeyPatch, at_call: int, times: int) -> None:
    original, calls = pq.write_table, 0

    def full(table: Any, where: Path, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if at_call <= calls < at_call + times:
            where.write_bytes(b"PAR1 torn")
            raise OSError(28, "No space left on device")
        original(table, where, **options)

    monkeypatch.setattr(job_module.pq, "write_table", full)


def test_full_disk_says_what_is_kept_and_what_to_do(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = dump_of(ROWS)
    fill_disk(monkeypatch, 3, 1)
    with pytest.raises(DiskFullError, match=r"No space left.*2 finished windows.*o\.csv\.job"):
        score_dumps([dump], tmp_path / "o.csv", bare_analyzer)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["comments.jsonl", "o.csv.job"]
    assert score_dumps([dump], tmp_path / "o.csv", bare_analyzer).resumed == 10


def test_full_disk_is_waited_for_when_asked(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, 3, 2)
    monkeypatch.setattr(score, "SPACE_POLL_S", 0.01)
    told: list[str] = []
    summary = score_dumps(
        [dump_of(ROWS)],
        tmp_path / "o.csv",
        bare_analyzer,
        tell=told.append,
        wait_for_space_s=60,
    )
    assert summary.scored == summary.rows_in == 20 and summary.resumed == 10
    assert len(told) == 2 and told[0].startswith("paused: no space")
    score_dumps([dump_of(ROWS)], tmp_path / "w.csv", bare_analyzer)
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_limit_on_the_size_of_files_ends_in_one_line_and_the_run_goes_on(
    dump_of: DumpOf, tmp_path: Path
) -> None:
    rows = [{"comment_id": f"c{n}", "text": os.urandom(300).hex()} for n in range(60)]
    dump_of(rows)
    command = [sys.executable, "-m", "serving.cli.main", "score", str(tmp_path / "comments.jsonl")]
    command += ["--out", str(tmp_path / "o.jsonl")]
    environment = os.environ | {"TINGFENG_MODEL": "fake", "PYTHONPATH": str(ROOT)}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limit
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error:") and "free some space" in last
    assert not (tmp_path / "o.jsonl").exists() and not list(tmp_path.glob("*.part"))
    whole = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert whole.returncode == 0
    assert len((tmp_path / "o.jsonl").read_text("utf-8").splitlines()) == 60


def test_read_only_folder_is_refused_before_any_work(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.batch.files.os.access", lambda *_: False)
    with pytest.raises(ServingError, match="expected a folder that can be written"):
        score_dumps([dump_of(ROWS)], tmp_path / "o.csv", bare_analyzer)
    assert [p.name for p in tmp_path.iterdir()] == ["comments.jsonl"]


@pytest.mark.parametrize("change", ["append", "truncate", "replace"])
def test_input_that_changes_under_the_run_stops_it(
    change: str, dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of(ROWS * 20)
    out, changed = tmp_path / "o.csv", threading.Event()

    def spoil(_: int) -> None:
        if changed.is_set():
            return
        changed.set()
        if change == "append":
            with dump.path.open("a", encoding="utf-8") as file:
                file.write('{"comment_id": "new", "text": "好"}\n')
        elif change == "truncate":
            os.truncate(dump.path, 500)
        else:
            other = tmp_path / "other"
            other.write_bytes(dump.path.read_bytes())
            other.replace(dump.path)

    with pytest.raises((DumpError, ServingError), match="input changed"):
        score_dumps([dump], out, bare_analyzer, progress=spoil)
    assert not out.exists() and not list(tmp_path.glob("*.part"))


def test_input_changed_in_its_bytes_alone_is_noticed_at_the_end(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of(ROWS)
    before = dump.path.stat()

    def spoil(_: int) -> None:
        with dump.path.open("r+b") as file:
            file.write(b'{"comment_id": "c9"')
        os.utime(dump.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(ServingError, match="input changed"):
        score_dumps([dump], tmp_path / "o.csv", bare_analyzer, progress=spoil)
    assert not (tmp_path / "o.csv").exists()


def test_dropped_windows_of_an_earlier_run_are_told_with_the_reason(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    def stop(_: int) -> None:
        raise KeyError("stop")

    told: list[str] = []
    with pytest.raises(KeyError):
        score_dumps([dump_of(ROWS)], tmp_path / "o.csv", bare_analyzer, progress=stop)
    score_dumps([dump_of(ROWS[:9])], tmp_path / "o.csv", bare_analyzer, tell=told.append)
    assert len(told) == 1 and "inputs changed" in told[0]


def test_damaged_window_is_scored_again(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump, left, told = dump_of(ROWS), 2, []

    def stop(_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        score_dumps([dump], tmp_path / "o.csv", bare_analyzer, progress=stop)
    part = tmp_path / "o.csv.job" / "00000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    summary = score_dumps([dump], tmp_path / "o.csv", bare_analyzer, tell=told.append)
    assert summary.resumed == 5 and summary.scored == 20 and "damaged" in told[0]


def test_lock_on_a_folder_that_was_just_removed_is_no_lock(tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    with Job(out, {}, resume=True) as job:
        job.remove()
        with Job(out, {}, resume=True) as second:
            assert json.loads((second.folder / "job.json").read_text()) == {}
