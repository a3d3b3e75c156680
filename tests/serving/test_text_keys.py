"""Comments without an id of their source: nothing is overwritten, nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.readers import open_dump
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from profiles.store.duckdb_store import DuckDBStore
from serving.batch.score import score_dumps
from serving.ingest import IngestSummary, ingest


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore(":memory:", key=b"k" * 32) as opened:
        yield opened


def write(folder: Path, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "评论.csv"
    path.write_text("\n".join(["评论内容,评论时间", *rows]) + "\n", encoding="utf-8")
    return path


def load(store: DuckDBStore, *paths: Path) -> IngestSummary:
    analyzer = Analyzer(FakeScorer(), extras=False)
    dumps = [open_dump(p) for p in paths]
    return ingest("comments", dumps, store, run="r", analyzer=lambda: analyzer)


AUGUST = ("面霜很好用,2026/8/1 12:00", "物流慢,2026/8/2 12:00")
SEPTEMBER = ("面霜假货,2026/9/1 12:00", "客服好,2026/9/2 12:00")


def test_two_files_of_one_name_keep_all_their_rows(store: DuckDBStore, tmp_path: Path) -> None:
    load(store, write(tmp_path / "aug", *AUGUST))
    second = load(store, write(tmp_path / "sep", *SEPTEMBER))
    assert (second.inserted, second.updated, store.count("comments")) == (2, 0, 4)


def test_the_same_file_again_changes_nothing(store: DuckDBStore, tmp_path: Path) -> None:
    path = write(tmp_path / "aug", *AUGUST)
    load(store, path)
    assert load(store, path).unchanged == 2


def test_a_row_put_on_top_is_the_only_new_one(store: DuckDBStore, tmp_path: Path) -> None:
    load(store, write(tmp_path / "aug", *AUGUST))
    again = load(store, write(tmp_path / "aug", "新的一条,2026/8/3 12:00", *AUGUST))
    assert (again.inserted, again.unchanged) == (1, 2)


def test_equal_rows_are_all_kept(store: DuckDBStore, tmp_path: Path) -> None:
    load(store, write(tmp_path / "aug", AUGUST[0], AUGUST[0], AUGUST[0]))
    assert store.count("comments") == 3


def test_a_scored_file_has_the_keys_of_its_dump(store: DuckDBStore, tmp_path: Path) -> None:
    path, out = write(tmp_path / "aug", *AUGUST), tmp_path / "scored.parquet"
    load(store, path)
    score_dumps([open_dump(path)], out, Analyzer(FakeScorer(), extras=False))
    assert load(store, out).unchanged == 2
