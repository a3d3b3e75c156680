"""Spark: the same output, rejects and resume as on one machine, on real executor processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.columns import SCORES
from data.readers import open_dump
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from serving.batch import score, spark
from serving.batch.score import score_dumps
from serving.batch.spark import ModelSpec, SparkEngine, score_frame, score_texts
from serving.batch.spark_session import check_java, open_session
from serving.errors import ServingError, UsageError
from tests.serving.test_safety import Poisoned
from tests.serving.test_score import MIXED, DumpOf

ROOT = Path(__file__).resolve().parents[2]
SPEC = ModelSpec(model="fake", extras=False, version=FakeScorer.model_version)


def no_java(why: str) -> None:
    """Skips where Java is missing; where everything must run, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{why}; CI must test Spark: install openjdk-17-jre-headless")
    pytest.skip(why)


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    try:
        check_java()
    except ServingError as error:
        no_java(str(error))
    session = open_session("local-cluster[2,1,1024]")
    yield session
    session.stop()


def bare() -> Analyzer:
    return Analyzer(FakeScorer(), keywords=object(), extras=False)  # type: ignore[arg-type]


def test_cluster_gives_the_bytes_rejects_and_resume_of_one_machine(
    session: Any, dump_of: DumpOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 3)
    dump = dump_of(MIXED * 3)

    def engine(analyzer: Analyzer) -> SparkEngine:
        return SparkEngine(analyzer, session, SPEC)

    def stop(_: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        score_dumps([dump], tmp_path / "s.csv", bare(), make_engine=engine, progress=stop)
    far = score_dumps([dump], tmp_path / "s.csv", bare(), make_engine=engine)
    near = score_dumps([dump], tmp_path / "l.csv", bare())
    assert far.resumed == 3 and (far.rows_in, far.scored) == (near.rows_in, near.scored)
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "l.csv").read_bytes()
    rejects = [(tmp_path / f"{n}.csv.rejects.jsonl").read_bytes() for n in "sl"]
    assert rejects[0] == rejects[1]


def test_frame_is_scored_where_it_lies_by_one_model_a_process(session: Any) -> None:
    rows = [(n, text) for n, text in enumerate(["好茶", None, "难喝", "@小王"] * 5)]
    frame = session.createDataFrame(rows, "sentiment int, text string").repartition(4)
    found = score_frame(frame, "text", SPEC).toArrow().sort_by("input_sentiment")
    assert found.column_names == ["input_sentiment", "text", *SCORES.names]
    expected = bare().score([text for _, text in rows])
    assert found.select(SCORES.names).to_pylist() == expected.to_pylist()
    with pytest.raises(UsageError, match="expected a text column"):
        score_frame(frame, "none", SPEC)


def test_executor_with_another_model_fails(session: Any) -> None:
    other = ModelSpec(model="fake", version="other@111111111111")
    frame = session.createDataFrame([("好",)], "text string")
    with pytest.raises(Exception, match="expected the model other@111111111111 on every"):
        score_frame(frame, "text", other).collect()


def test_process_loads_its_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    monkeypatch.setattr(spark, "_LOADED", {})
    monkeypatch.setattr(spark, "load_scorer", lambda m, **_: (loads.append(m), FakeScorer())[1])
    work = spark._rows_task(SPEC, 0)
    batches = [pa.RecordBatch.from_pydict({"text": ["好"]}) for _ in range(3)]
    assert [b.num_rows for b in work(iter(batches))] == [1, 1, 1]
    list(work(iter(batches)))
    assert loads == ["fake"]


def test_bad_text_on_an_executor_costs_its_row_only() -> None:
    analyzer = Analyzer(Poisoned(), keywords=object(), extras=False)  # type: ignore[arg-type]
    scores, failed = score_texts(analyzer, ["好", "毒", None, "差"])
    assert failed == {1: "scoring_failed: RuntimeError"}
    assert scores["sentiment"].to_pylist() == ["positive", None, None, "negative"]


def test_missing_java_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServingError, match=r"expected Java 17 or later.*openjdk-17"):
        open_session()


def test_command_scores_through_spark(tmp_path: Path) -> None:
    try:
        check_java()
    except ServingError as error:
        no_java(str(error))
    (tmp_path / "c.csv").write_text("comment_id,text\n1,好茶\n2,难喝\n", "utf-8")
    command = [sys.executable, "-m", "serving.cli.main", "score", "c.csv", "--out", "o.parquet"]
    command += ["--engine", "spark", "--master", "local[2]", "--summary", "s.json"]
    environment = os.environ | {"TINGFENG_MODEL": "fake", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "s.json").read_text())["scored"] == 2
    table = pq.read_table(tmp_path / "o.parquet")
    assert table["sentiment"].to_pylist() == ["positive", "negative"]
    (dump,) = [open_dump(tmp_path / "c.csv")]
    score_dumps([dump], tmp_path / "l.parquet", Analyzer(FakeScorer()))
    assert pq.read_table(tmp_path / "l.parquet").equals(table)
