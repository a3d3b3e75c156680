"""Sources: growing files by whole records, the store, standard input; own scores and bad files."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data.columns import COMMENTS, SCORES
from nlp.analyzer import Analyzer
from nlp.keywords import KeywordExtractor
from nlp.scorer import FakeScorer
from serving.alerts.rules import Rules
from serving.alerts.sources import open_source
from serving.alerts.sources.folder import FolderSource, read_growth
from serving.alerts.sources.lines import LineSource
from serving.alerts.sources.stored import cursor_after
from serving.errors import UsageError
from serving.settings import Settings
from serving.stores import open_or_create_store


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(FakeScorer(), keywords=KeywordExtractor(), extras=False)


def line(number: int, text: str = "太差了", **more: Any) -> str:
    row = {
        "comment_id": f"c{number}",
        "aweme_id": "7301",
        "content": text,
        "create_time": 1_788_192_000 + number,
    }
    return json.dumps({**row, **more}, ensure_ascii=False) + "\n"


def ids(tables: list[pa.Table]) -> list[str]:
    return [one for table in tables for one in table["comment_id"].to_pylist()]


def test_folder_gives_whole_lines_once_and_what_replaced_a_file_again(
    tmp_path: Path, analyzer: Analyzer, rules: Rules
) -> None:
    told: list[str] = []
    source = FolderSource(tmp_path, lambda: analyzer, rules, told.append)
    path = tmp_path / "douyin.jsonl"
    path.write_text(line(1) + line(2)[:20], "utf-8")
    first, cursor = source.read({})
    assert ids(first) == ["c1"] and first[0]["negative"].to_pylist() == [True]
    with path.open("a", encoding="utf-8") as file:
        file.write(line(2)[20:] + line(3))
    second, cursor = source.read(cursor)
    assert ids(second) == ["c2", "c3"]
    assert source.read(cursor)[0] == []
    path.write_text(line(9), "utf-8")  # shorter: written anew
    third, cursor = source.read(cursor)
    assert ids(third) == ["c9"] and told == []
    path.rename(tmp_path / "old.bak")
    path.write_text(line(10) + line(11), "utf-8")  # rotated
    assert ids(source.read(cursor)[0]) == ["c10", "c11"]


def test_csv_record_with_a_line_break_waits_for_its_quote(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("评论,时间\n好,2026-09-01\n".encode() + '"第一行\n第二'.encode())
    content, cursor = read_growth(path, None)
    assert content.decode() == "评论,时间\n好,2026-09-01\n"
    with path.open("ab") as file:
        file.write('行",2026-09-02\n'.encode())
    content, cursor = read_growth(path, cursor)
    assert content.decode() == '评论,时间\n"第一行\n第二行",2026-09-02\n'
    assert read_growth(path, cursor)[0] == b""


def test_folder_leaves_out_what_is_no_dump_and_says_so(
    tmp_path: Path, analyzer: Analyzer, rules: Rules
) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n', "utf-8")
    (tmp_path / "b.txt").write_text("nothing of ours", "utf-8")
    told: list[str] = []
    tables, _ = FolderSource(tmp_path, lambda: analyzer, rules, told.append).read({})
    assert tables == [] and len(told) == 1 and "a.jsonl" in told[0]


def test_one_sentiment_column_is_taken_as_it_is(
    tmp_path: Path, analyzer: Analyzer, rules: Rules
) -> None:
    lines = line(1, "好喜欢", sentiment="负面") + line(2, "太差了", sentiment="positive")
    (tmp_path / "a.jsonl").write_text(lines + line(3, "", sentiment=""), "utf-8")
    (table,), _ = FolderSource(tmp_path, lambda: analyzer, rules, print).read({})
    assert table["negative"].to_pylist() == [True, False, False]
    assert table["judged"].to_pylist() == [True, True, False]


def test_standard_input_ends(analyzer: Analyzer, rules: Rules) -> None:
    stream = io.BytesIO((line(1) + line(2).rstrip("\n")).encode())
    source = LineSource(lambda: analyzer, rules, print, stream)
    found: list[str] = []
    deadline = time.monotonic() + 60
    while not source.done() and time.monotonic() < deadline:
        found += ids(source.read({})[0])
    assert found == ["c1", "c2"] and source.done()


def stored(number: int) -> pa.Table:
    row: dict[str, Any] = {name: [None] for name in [*COMMENTS.names, *SCORES.names]}
    row |= {
        "comment_id": [f"c{number}"], "platform": ["douyin"], "content_id": ["7301"],
        "user_id": ["u1"],
        "text": ["差"], "created_at": [1_788_192_000_000 + number], "sentiment": ["negative"],
        "p_negative": [0.9],
    }  # fmt: skip
    schema = pa.schema([*COMMENTS, *SCORES])
    return pa.table([pa.array(row[f.name], f.type) for f in schema], schema=schema)


def test_store_gives_what_was_loaded_since(
    tmp_path: Path, analyzer: Analyzer, rules: Rules
) -> None:
    config = Settings(home=tmp_path, store=str(tmp_path / "s.duckdb"))
    told: list[str] = []
    source = open_source("store", config, lambda: analyzer, rules, told.append)
    assert source.read({}) == ([], {}) and "expected a store" in told[0]
    users = pa.table({"user_id": ["u1"], "platform": ["douyin"], "follower_count": [200_000]})
    with open_or_create_store(config) as store:
        store.load("users", users, "run-0")
        store.load("comments", stored(1), "run-1")
    first, cursor = source.read({})
    assert ids(first) == ["c1"] and first[0]["followers"].to_pylist() == [200_000]
    assert source.read(cursor)[0] == []
    with open_or_create_store(config) as store:
        store.load("comments", stored(2), "run-2")
    assert ids(source.read(cursor)[0]) == ["c2"]


def test_load_that_commits_after_a_later_one_was_read_is_not_missed(
    postgres_schema: str, tmp_path: Path, analyzer: Analyzer, rules: Rules
) -> None:
    config = Settings(home=tmp_path, store=postgres_schema)
    told: list[str] = []
    source = open_source("store", config, lambda: analyzer, rules, told.append)
    with open_or_create_store(config) as one, open_or_create_store(config) as other:
        with one.transaction():
            one.load("comments", stored(1), "run-1")  # recorded first, not committed
            other.load("comments", stored(2), "run-2")
            early, cursor = source.read({})
            assert ids(early) == ["c2"]
        late, cursor = source.read(cursor)
        assert ids(late) == ["c1"] and source.read(cursor) == ([], cursor)
        other.load("comments", stored(3), "run-2")  # a run that goes on
        assert set(ids(source.read(cursor)[0])) == {"c2", "c3"} and told == []


def test_cursor_names_no_more_loads_than_are_looked_at_again() -> None:
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    loads = [(begin + timedelta(minutes=10 * n), f"run-{n}") for n in range(20)]
    cursor = cursor_after(begin, loads)
    assert [run for run, _ in cursor["seen"]] == [f"run-{n}" for n in range(14, 20)]
    assert cursor["since"] == loads[-1][0].isoformat()
    assert cursor_after(loads[-1][0], loads[:3])["since"] == cursor["since"]  # never back


def test_unknown_source_is_wrong_usage(tmp_path: Path, analyzer: Analyzer, rules: Rules) -> None:
    with pytest.raises(UsageError, match="SOURCE"):
        open_source(str(tmp_path / "none"), Settings(home=tmp_path), lambda: analyzer, rules, print)
