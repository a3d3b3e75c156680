"""Scored files loaded again: their scores are read back from every format, or scored anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from data.columns import SCORES
from data.readers import Dump, open_dump
from nlp.analyzer import Analyzer
from nlp.keywords import KeywordExtractor
from nlp.scorer import FakeScorer
from profiles.store.duckdb_store import DuckDBStore
from serving.batch.score import score_dumps
from serving.ingest import ingest
from serving.scored import UnreadableScoresError, read_scores, versions_of

ROWS = [
    {"comment_id": "c1", "text": "茶很好喝，就是快递太慢"},
    {"comment_id": "c2", "text": "难喝，喝完拉肚子，怎么退？"},
    {"comment_id": "c3", "text": ""},
]
FORMATS = [("parquet", "keys"), ("jsonl", "keys"), ("csv", "keys"), ("xlsx", "keys")]
FORMATS += [("csv", "zh"), ("xlsx", "zh")]
DumpOf = Callable[..., Dump]


class NewerScorer(FakeScorer):
    model_version = "fake@999999999999"


def no_analyzer() -> Analyzer:
    raise AssertionError("expected no model to be loaded")


@pytest.fixture
def scored(dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path) -> Callable[..., Path]:
    def write(suffix: str, labels: str = "keys") -> Path:
        out = tmp_path / f"scored.{suffix}"
        score_dumps([dump_of(ROWS)], out, analyzer, labels=labels)
        return out

    return write


def nearly(table: pa.Table) -> list[dict]:
    """Rows that equal those of a text format, which holds six decimals."""

    def cut(value: object) -> object:
        if isinstance(value, float):
            return pytest.approx(value, abs=1e-5)
        if isinstance(value, list):
            return [cut(item) for item in value]
        return {k: cut(v) for k, v in value.items()} if isinstance(value, dict) else value

    return [{name: cut(value) for name, value in row.items()} for row in table.to_pylist()]


@pytest.mark.parametrize(("suffix", "labels"), FORMATS)
def test_scores_come_back_from_every_format(
    suffix: str, labels: str, scored: Callable[..., Path], analyzer: Analyzer
) -> None:
    (batch,) = open_dump(scored(suffix, labels)).batches()
    assert versions_of(batch.original) == [FakeScorer.model_version]
    found, expected = read_scores(batch.original), analyzer.score([row["text"] for row in ROWS])
    assert found.schema == SCORES
    assert found.to_pylist() == nearly(expected.select(SCORES.names))


@pytest.mark.parametrize(("suffix", "labels"), FORMATS)
def test_scores_of_the_same_model_are_kept_and_told(
    suffix: str,
    labels: str,
    scored: Callable[..., Path],
    analyzer: Analyzer,
    store: DuckDBStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, told = scored(suffix, labels), []
    monkeypatch.setattr(analyzer, "score", lambda _: no_analyzer())
    dumps = [open_dump(path)]
    ingest("comments", dumps, store, run="r", analyzer=lambda: analyzer, tell=told.append)
    assert told == [f"{path}: its scores by {FakeScorer.model_version} are kept"]
    rows = store.read("SELECT sentiment FROM comments ORDER BY comment_id")
    assert rows["sentiment"].to_pylist() == ["positive", "negative", None]


def test_scores_of_another_model_are_made_again_unless_told_to_keep(
    scored: Callable[..., Path], keywords: KeywordExtractor, store: DuckDBStore
) -> None:
    path, told = scored("csv"), []
    newer = Analyzer(NewerScorer(), keywords=keywords)
    ingest("comments", [open_dump(path)], store, run="r", analyzer=lambda: newer, tell=told.append)
    assert "scored again" in told[0] and "--keep-scores" in told[0]
    assert versions(store) == [NewerScorer.model_version]
    ingest(
        "comments",
        [open_dump(path)],
        store,
        run="r2",
        analyzer=no_analyzer,
        keep_scores=True,
        tell=told.append,
    )
    assert "are kept" in told[1] and versions(store) == [FakeScorer.model_version]


def versions(store: DuckDBStore) -> list[str]:
    return store.read("SELECT DISTINCT model_version FROM comments")["model_version"].to_pylist()


@pytest.mark.parametrize(
    ("damage", "column"),
    [
        (("positive", "great"), "sentiment"),
        (("food", "tea"), "interest"),
        (('"polarity"', '"side"'), "aspects"),
    ],
)
def test_scores_that_cannot_be_read_are_made_again(
    damage: tuple[str, str],
    column: str,
    scored: Callable[..., Path],
    analyzer: Analyzer,
    store: DuckDBStore,
) -> None:
    path, told = scored("jsonl"), []
    text = path.read_text("utf-8")
    old = damage[0] if damage[0] in text else damage[0].replace('"', '\\"')
    assert old in text
    changed = text.replace(f'"sentiment": "{old}"', f'"sentiment": "{damage[1]}"')
    if column != "sentiment":
        changed = text.replace(old, damage[1])
    path.write_text(changed, "utf-8")
    (batch,) = open_dump(path).batches()
    with pytest.raises(UnreadableScoresError, match=f"column {column}"):
        read_scores(batch.original)
    ingest(
        "comments",
        [open_dump(path)],
        store,
        run="r",
        analyzer=lambda: analyzer,
        keep_scores=True,
        tell=told.append,
    )
    assert len(told) == 1 and "cannot be read" in told[0]
    assert store.read("SELECT count(*) AS n FROM comments WHERE sentiment = 'positive'")[
        "n"
    ].to_pylist() == [1]


def test_rows_without_a_version_have_no_scores_to_keep() -> None:
    schema = pa.schema([pa.field(name, pa.string()) for name in SCORES.names])
    rows = [{"sentiment": "positive", "model_version": ""}, {"model_version": "m"}]
    assert versions_of(pa.RecordBatch.from_pylist(rows, schema)) is None
    assert versions_of(pa.RecordBatch.from_pylist(rows[1:], schema)) == ["m"]
    assert versions_of(pa.RecordBatch.from_pylist([{"text": "好"}])) is None
