"""Dumps to one scored file: no row lost, order kept, input columns as they came."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.columns import SCORES
from data.readers import Dump, open_dump
from nlp.analyzer import Analyzer
from serving.batch import score
from serving.batch.schema import OutputColumns
from serving.batch.score import score_dumps
from serving.errors import ServingError, UsageError

DumpOf = Callable[..., Dump]
MIXED = [
    {"comment_id": "c1", "text": "茶很好喝", "likes": 3},
    {"comment_id": "c2", "text": None, "likes": 0},
    '{"comment_id": "c3", "text": "torn',
    {"comment_id": "c4", "text": "   ", "likes": 1},
    {"comment_id": "c5", "text": "@小王", "likes": 1},
    {"comment_id": "c6", "text": "难喝", "likes": 9},
    "[1, 2]",
    {"comment_id": "c1", "text": "茶很好喝", "likes": 3},
]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 3)


def rejects_of(out: Path) -> list[dict[str, Any]]:
    path = out.with_name(out.name + ".rejects.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_score_accounts_for_every_row(dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path) -> None:
    out = tmp_path / "o.parquet"
    summary = score_dumps([dump_of(MIXED)], out, analyzer)
    assert (summary.rows_in, summary.scored, summary.empty, summary.rejected) == (8, 3, 3, 2)
    assert pq.read_table(out)["comment_id"].to_pylist() == ["c1", "c2", "c4", "c5", "c6", "c1"]
    assert summary.sentiments == {"positive": 2, "negative": 1}
    assert sum(summary.sentiments.values()) == summary.scored


def test_score_names_file_line_reason_and_raw_of_rejects(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    score_dumps([dump_of(MIXED)], tmp_path / "o.csv", analyzer)
    torn, listed = rejects_of(tmp_path / "o.csv")
    assert (torn["file"], torn["line"]) == ("comments.jsonl", 3) and listed["line"] == 7
    assert torn["reason"].startswith("invalid_json") and torn["raw"] == MIXED[2]
    assert list(torn) == ["file", "line", "reason", "raw"]


def test_score_of_only_rejects_keeps_the_columns(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    rows = [{"text": "好"}, *["{torn"] * 7]
    summary = score_dumps([dump_of(rows)], tmp_path / "o.parquet", analyzer)
    assert (summary.rows_in, summary.scored, summary.rejected) == (8, 1, 7)
    assert len(rejects_of(tmp_path / "o.parquet")) == 7


def test_score_without_rejects_removes_old_rejects(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    old = tmp_path / "o.csv.rejects.jsonl"
    old.write_text("old")
    score_dumps([dump_of([{"text": "好"}])], tmp_path / "o.csv", analyzer)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["comments.jsonl", "o.csv"]


@pytest.mark.parametrize("seed", range(5))
def test_score_of_any_mixture_loses_no_row_and_keeps_order(
    seed: int, dump_of: DumpOf, bare_analyzer: Analyzer, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    kinds: list[Any] = ["好茶", "难喝", "", None, "https://a.cn"]
    rows: list[Any] = [{"comment_id": "c0", "text": "好"}]
    for number in range(1, rng.randint(2, 40)):
        text = rng.choice([*kinds, f"第{number}条"])
        rows.append("{bad" if rng.random() < 0.2 else {"comment_id": f"c{number}", "text": text})
    summary = score_dumps([dump_of(rows)], tmp_path / "o.parquet", bare_analyzer)
    kept = [row for row in rows if isinstance(row, dict)]
    table = pq.read_table(tmp_path / "o.parquet")
    assert summary.rows_in == len(rows) == summary.scored + summary.empty + summary.rejected
    assert table["comment_id"].to_pylist() == [row["comment_id"] for row in kept]
    assert table["text"].to_pylist() == [row["text"] for row in kept]


def test_score_of_many_equal_rows_gives_as_many(
    tmp_path: Path, bare_analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 16_384)
    path = tmp_path / "same.parquet"
    pq.write_table(pa.table({"text": ["茶很好喝"] * 50_000}), path)
    summary = score_dumps([open_dump(path)], tmp_path / "o.parquet", bare_analyzer)
    table = pq.read_table(tmp_path / "o.parquet")
    assert summary.scored == table.num_rows == 50_000
    assert len(set(table["comment_id"].to_pylist())) == 50_000
    assert set(table["p_positive"].to_pylist()) == {table["p_positive"][0].as_py()}


def test_score_of_several_inputs_has_the_columns_of_all(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    first = dump_of([{"comment_id": "a", "text": "好", "n": 1, "x": True}], "one.jsonl")
    second = dump_of([{"id": 7, "评论": "难喝", "n": "many"}], "two.jsonl")
    score_dumps([first, second], tmp_path / "o.parquet", analyzer)
    table = pq.read_table(tmp_path / "o.parquet")
    assert table.column_names == ["comment_id", "text", "n", "x", "id", "评论", *SCORES.names]
    one, two = table.to_pylist()
    assert (one["n"], one["x"], one["评论"]) == ("1", True, None)
    assert (two["n"], two["x"], two["评论"], two["text"]) == ("many", None, "难喝", None)
    assert (one["sentiment"], two["sentiment"]) == ("positive", "negative")


def test_score_of_nested_against_plain_columns_writes_json(
    tmp_path: Path, dump_of: DumpOf, analyzer: Analyzer
) -> None:
    pq.write_table(pa.table({"text": ["好"], "tags": [["a", "b"]]}), tmp_path / "one.parquet")
    dumps = [open_dump(tmp_path / "one.parquet"), dump_of([{"text": "差", "tags": "c"}])]
    score_dumps(dumps, tmp_path / "o.parquet", analyzer)
    assert pq.read_table(tmp_path / "o.parquet")["tags"].to_pylist() == ['["a", "b"]', "c"]


def test_score_keeps_input_columns_that_bear_score_names(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    rows = [{"text": "难喝", "sentiment": "mine", "flags": 3}]
    score_dumps([dump_of(rows)], tmp_path / "o.parquet", analyzer)
    (row,) = pq.read_table(tmp_path / "o.parquet").to_pylist()
    assert (row["input_sentiment"], row["sentiment"], row["input_flags"]) == ("mine", "negative", 3)


def test_score_of_a_scored_file_again_loses_no_column(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    source = dump_of([{"text": "难喝", "sentiment": "mine"}])
    for name in ("o1.parquet", "o2.parquet"):
        score_dumps([source], tmp_path / name, analyzer)
        source = open_dump(tmp_path / name)
    table = pq.read_table(tmp_path / "o2.parquet")
    assert len(set(table.column_names)) == len(table.column_names)
    (row,) = table.to_pylist()
    assert row["input_sentiment"] == "mine" and row["input_input_sentiment"] == "negative"


def test_comment_id_is_the_own_one_and_file_and_row_where_blank(
    tmp_path: Path, analyzer: Analyzer
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("comment_id,text\n71,好\n,难喝\n  ,差\n", "utf-8")
    score_dumps([open_dump(path)], tmp_path / "o.parquet", analyzer)
    ids = pq.read_table(tmp_path / "o.parquet")["comment_id"].to_pylist()
    assert ids == ["71", "a.csv#2", "a.csv#3"]


def test_comment_id_of_another_column_or_of_numbers_is_text(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    other = dump_of([{"rpid": 1234567890123456789, "text": "好"}], "one.jsonl")
    numbers = dump_of([{"comment_id": 5, "text": "好"}], "two.jsonl")
    score_dumps([other, numbers], tmp_path / "o.parquet", analyzer)
    table = pq.read_table(tmp_path / "o.parquet")
    assert table["comment_id"].to_pylist() == ["1234567890123456789", "5"]
    assert table["rpid"].to_pylist() == [1234567890123456789, None]


def test_output_columns_join_gives_the_schema_whatever_is_missing() -> None:
    columns = OutputColumns([pa.schema([("a", pa.int64())]), pa.schema([("a", pa.string())])])
    assert columns.schema.names == ["a", "comment_id", *SCORES.names]
    assert columns.schema.field("a").type == pa.string()
    assert OutputColumns([]).schema.names == ["comment_id", *SCORES.names]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "xlsx"])
def test_score_of_an_empty_dump_writes_an_empty_table(
    suffix: str, tmp_path: Path, analyzer: Analyzer
) -> None:
    (tmp_path / "none.csv").write_text("comment_id,text\n", "utf-8")
    summary = score_dumps([open_dump(tmp_path / "none.csv")], tmp_path / f"o.{suffix}", analyzer)
    assert summary.rows_in == 0 and (tmp_path / f"o.{suffix}").is_file()


def test_score_of_contents_says_how_to_score_them_all_the_same(
    tmp_path: Path, dump_of: DumpOf, analyzer: Analyzer
) -> None:
    rows = [{"aweme_id": "1", "title": "茶", "desc": "好喝", "create_time": 1, "liked_count": "3"}]
    dump = dump_of(rows, "douyin_contents.jsonl")
    assert dump.kind == "contents"
    with pytest.raises(ServingError, match=r"expected comments.*--format columns --text-column"):
        score_dumps([dump], tmp_path / "o.csv", analyzer)
    told = open_dump(dump.path, format="columns", text_column="desc")
    assert score_dumps([told], tmp_path / "o.csv", analyzer).scored == 1


def test_score_over_an_input_is_refused(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of([{"text": "好"}], "o.jsonl")
    before = dump.path.read_bytes()
    with pytest.raises(UsageError, match="another file than the inputs"):
        score_dumps([dump], tmp_path / "o.jsonl", analyzer)
    assert dump.path.read_bytes() == before


def test_score_of_too_many_rows_for_xlsx_is_refused_before_work(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.batch.writers.XLSX_MAX_ROWS", 3)
    with pytest.raises(ServingError, match="at most 2 rows for XLSX, found 3"):
        score_dumps([dump_of([{"text": "好"}] * 3)], tmp_path / "o.xlsx", analyzer)
    assert analyzer.inference_s == 0


def test_score_counts_the_share_of_this_run_only(
    dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    analyzer.inference_s = 1e6  # what earlier runs of the same analyzer took
    summary = score_dumps([dump_of([{"text": "好"}])], tmp_path / "o.csv", analyzer)
    assert summary.inference_share < 0.9


def test_score_of_two_tables_of_one_file_tells_them_apart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "db.sqlite"
    with sqlite3.connect(path) as base:
        for table, text in (("a", "好"), ("b", "难喝")):
            base.execute(f"CREATE TABLE {table} (comment_id TEXT, text TEXT)")
            base.execute(f"INSERT INTO {table} VALUES ('1', ?)", (text,))
    base.close()
    one, two = open_dump(f"{path}::a"), open_dump(f"{path}::b")
    assert score._input_identity(one) != score._input_identity(two)
