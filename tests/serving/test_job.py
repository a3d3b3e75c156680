"""A broken run goes on where it was, and never with windows of another input, model or reading."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.readers import Dump, open_dump
from nlp.analyzer import Analyzer
from nlp.keywords import KeywordExtractor
from nlp.scorer import FakeScorer
from serving.batch import job as job_module
from serving.batch import score
from serving.batch.job import Job, file_identity
from serving.batch.score import score_dumps
from serving.batch.summary import ScoreSummary
from serving.errors import ServingError

DumpOf = Callable[..., Dump]
ROWS = [{"comment_id": f"c{n}", "text": f"第{n}杯好茶", "other": f"第{n}杯难喝"} for n in range(10)]


class OtherScorer(FakeScorer):
    model_version = "other@111111111111"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 3)


def break_off(dump: Dump, out: Path, analyzer: Analyzer, *, after_rows: int = 6) -> None:
    """Runs until so many rows are done, then fails."""
    done = 0

    def stop(rows: int) -> None:
        nonlocal done
        done += rows
        if done >= after_rows:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        score_dumps([dump], out, analyzer, progress=stop)


def go_on(dump: Dump, out: Path, analyzer: Analyzer, **options: Any) -> ScoreSummary:
    summary = score_dumps([dump], out, analyzer, **options)
    assert not out.with_name(out.name + ".job").exists()
    return summary


def test_broken_run_leaves_only_its_job_folder(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    break_off(dump_of(ROWS), tmp_path / "o.csv", bare_analyzer)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["comments.jsonl", "o.csv.job"]


def test_broken_run_before_the_first_window_leaves_nothing(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("stop")

    monkeypatch.setattr(bare_analyzer.scorer, "logits", fail)
    with pytest.raises(KeyError):
        score_dumps([dump_of(ROWS)], tmp_path / "o.csv", bare_analyzer)
    assert [p.name for p in tmp_path.iterdir()] == ["comments.jsonl"]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_resumed_run_gives_the_bytes_of_an_unbroken_one(
    suffix: str, dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of([*ROWS[:5], "{bad", *ROWS[5:]])
    broken, whole = tmp_path / f"o.{suffix}", tmp_path / f"w.{suffix}"
    break_off(dump, broken, bare_analyzer)
    resumed = go_on(dump, broken, bare_analyzer)
    fresh = go_on(dump, whole, bare_analyzer)
    assert resumed.resumed == 6 and fresh.resumed == 0
    assert broken.read_bytes() == whole.read_bytes()
    sums = [(s.rows_in, s.scored, s.empty, s.rejected, s.sentiments) for s in (resumed, fresh)]
    assert sums[0] == sums[1]


def test_resumed_run_scores_only_what_is_left(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = dump_of(ROWS)
    break_off(dump, tmp_path / "o.csv", bare_analyzer)
    seen: list[str] = []
    original = bare_analyzer.scorer.logits
    monkeypatch.setattr(bare_analyzer.scorer, "logits", lambda t: (seen.extend(t), original(t))[1])
    go_on(dump, tmp_path / "o.csv", bare_analyzer)
    assert seen == [row["text"] for row in ROWS[6:]]


def test_changed_input_starts_anew(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    break_off(dump_of(ROWS), tmp_path / "o.parquet", bare_analyzer)
    changed = [row | {"text": "难喝"} for row in ROWS]
    assert go_on(dump_of(changed), tmp_path / "o.parquet", bare_analyzer).resumed == 0
    table = pq.read_table(tmp_path / "o.parquet")
    assert set(table["sentiment"].to_pylist()) == {"negative"}


def test_other_model_starts_anew(
    dump_of: DumpOf, bare_analyzer: Analyzer, keywords: KeywordExtractor, tmp_path: Path
) -> None:
    dump = dump_of(ROWS)
    break_off(dump, tmp_path / "o.parquet", bare_analyzer)
    other = Analyzer(OtherScorer(), keywords=keywords, extras=False)
    assert go_on(dump, tmp_path / "o.parquet", other).resumed == 0
    versions = pq.read_table(tmp_path / "o.parquet")["model_version"].to_pylist()
    assert set(versions) == {OtherScorer.model_version}


def test_other_text_column_starts_anew(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of(ROWS)
    break_off(dump, tmp_path / "o.parquet", bare_analyzer)
    told = open_dump(dump.path, text_column="other")
    assert go_on(told, tmp_path / "o.parquet", bare_analyzer).resumed == 0
    table = pq.read_table(tmp_path / "o.parquet")
    assert set(table["sentiment"].to_pylist()) == {"negative"}


def test_no_resume_starts_anew(dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path) -> None:
    dump = dump_of(ROWS)
    break_off(dump, tmp_path / "o.csv", bare_analyzer)
    assert go_on(dump, tmp_path / "o.csv", bare_analyzer, resume=False).resumed == 0


def test_torn_record_of_the_job_starts_anew(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of(ROWS)
    break_off(dump, tmp_path / "o.csv", bare_analyzer)
    (tmp_path / "o.csv.job" / "job.json").write_text("")
    assert go_on(dump, tmp_path / "o.csv", bare_analyzer).resumed == 0


def hold(out: Path, ready: Any, release: Any) -> None:
    with Job(out, {}, resume=True):
        ready.set()
        release.wait(30)


def test_second_worker_is_refused_and_does_no_harm(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    out = tmp_path / "o.csv"
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    worker = context.Process(target=hold, args=(out, ready, release))
    worker.start()
    try:
        assert ready.wait(30)
        with pytest.raises(ServingError, match=r"expected no other run on this output.*--out"):
            score_dumps([dump_of(ROWS)], out, bare_analyzer)
        assert (tmp_path / "o.csv.job").exists() and not out.exists()
    finally:
        release.set()
        worker.join(30)
    assert score_dumps([dump_of(ROWS)], out, bare_analyzer).scored == 10


def test_full_disk_keeps_finished_windows(
    dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = pq.write_table, 0

    def full(table: pa.Table, where: Path, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            where.write_bytes(b"PAR1 torn")
            raise OSError(28, "No space left on device")
        original(table, where, **options)

    dump = dump_of(ROWS)
    monkeypatch.setattr(job_module.pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        score_dumps([dump], tmp_path / "o.csv", bare_analyzer)
    names = sorted(p.name for p in (tmp_path / "o.csv.job").iterdir())
    assert names == ["00000000.parquet", "00000001.parquet", "job.json", "lock"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["comments.jsonl", "o.csv.job"]
    assert go_on(dump, tmp_path / "o.csv", bare_analyzer).resumed == 6


def test_file_identity_sees_content_time_and_place(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 200_000)
    first = file_identity(path)
    assert file_identity(path) == first
    os.utime(path, (time.time(), 1))
    assert file_identity(path) != first
    shutil.copy2(path, tmp_path / "b")
    assert file_identity(tmp_path / "b") != file_identity(path)
