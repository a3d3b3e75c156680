"""Files into the store: once is enough, scores are kept where they are the model's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.readers import Dump, DumpError, open_dump
from nlp.analyzer import Analyzer
from nlp.keywords import KeywordExtractor
from nlp.scorer import FakeScorer
from profiles.store.duckdb_store import DuckDBStore
from serving.batch.score import score_dumps
from serving.errors import ServingError, UsageError
from serving.ingest import IngestSummary, check_kinds, ingest

DumpOf = Callable[..., Dump]
Load = Callable[..., IngestSummary]
ROWS = [
    {"comment_id": "c1", "user_id": "u1", "text": "茶很好喝"},
    {"comment_id": "c2", "user_id": "u2", "text": "难喝"},
    {"comment_id": "c3", "user_id": "u1", "text": ""},
    "{torn",
]
USERS = "user_id,platform,gender,city,registered_at\n1,xhs,女,杭州,2024-05-01\n2,xhs,,,\n"
EVENTS = "user_id,event,timestamp,item_id,channel\n1,view,1756656000,v1,ad\n2,buy,1756656060,,\n"
ORDERS = "order_id,user_id,created_at,amount\no1,1,2026-09-01 10:00:00,25.5\no2,2,1756656060,\n"


class OtherScorer(FakeScorer):
    model_version = "other@111111111111"


def no_analyzer() -> Analyzer:
    raise AssertionError("expected no scoring")


@pytest.fixture
def load(store: DuckDBStore, analyzer: Analyzer) -> Load:
    def run(kind: str, *dumps: Dump, **options: object) -> IngestSummary:
        given = {"analyzer": lambda: analyzer, "run": "r1"} | options
        return ingest(kind, dumps, store, **given)  # type: ignore[arg-type]

    return run


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[[str], Dump]:
    def write(text: str) -> Dump:
        path = tmp_path / "table.csv"
        path.write_text(text, "utf-8")
        return open_dump(path, format="table")

    return write


def counts(summary: IngestSummary) -> tuple[int, int, int, int, int, int]:
    s = summary
    return s.rows_in, s.inserted, s.updated, s.unchanged, s.duplicates, s.rejected


def test_comments_are_scored_and_counted(load: Load, store: DuckDBStore, dump_of: DumpOf) -> None:
    assert counts(load("comments", dump_of(ROWS))) == (4, 3, 0, 0, 0, 1)
    rows = store.read("SELECT sentiment, model_version FROM comments ORDER BY comment_id")
    assert rows["sentiment"].to_pylist() == ["positive", "negative", None]
    assert set(rows["model_version"].to_pylist()) == {FakeScorer.model_version}


def test_comments_twice_change_nothing(load: Load, store: DuckDBStore, dump_of: DumpOf) -> None:
    load("comments", dump_of(ROWS))
    before = store.read("SELECT * FROM comments ORDER BY comment_id")
    assert counts(load("comments", dump_of(ROWS), run="r2")) == (4, 0, 0, 3, 0, 1)
    assert store.read("SELECT * FROM comments ORDER BY comment_id").equals(before)


def test_comments_given_twice_in_one_file_count_once(load: Load, dump_of: DumpOf) -> None:
    assert counts(load("comments", dump_of([ROWS[0], ROWS[0]]))) == (2, 1, 0, 0, 1, 0)


def test_scored_parquet_equals_its_dump(
    load: Load, dump_of: DumpOf, analyzer: Analyzer, tmp_path: Path
) -> None:
    dump = dump_of(ROWS)
    score_dumps([dump], tmp_path / "o.parquet", analyzer)
    load("comments", dump)
    again = load("comments", open_dump(tmp_path / "o.parquet"))
    assert (again.unchanged, again.inserted, again.updated) == (3, 0, 0)


def test_scored_parquet_of_the_same_model_is_not_scored_again(
    load: Load,
    store: DuckDBStore,
    dump_of: DumpOf,
    analyzer: Analyzer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score_dumps([dump_of(ROWS)], tmp_path / "o.parquet", analyzer)
    monkeypatch.setattr(analyzer, "score", lambda _: no_analyzer())
    load("comments", open_dump(tmp_path / "o.parquet"))
    found = store.read("SELECT sentiment, keywords FROM comments ORDER BY comment_id").to_pylist()
    assert [row["sentiment"] for row in found] == ["positive", "negative", None]
    assert found[0]["keywords"]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_scored_file_of_another_model_or_without_types_is_scored_again(
    suffix: str,
    load: Load,
    store: DuckDBStore,
    dump_of: DumpOf,
    analyzer: Analyzer,
    keywords: KeywordExtractor,
    tmp_path: Path,
) -> None:
    out = tmp_path / f"o.{suffix}"
    score_dumps([dump_of(ROWS)], out, analyzer)
    other = Analyzer(OtherScorer(), keywords=keywords)
    load("comments", open_dump(out), analyzer=lambda: other)
    versions = store.read("SELECT DISTINCT model_version FROM comments")["model_version"]
    assert versions.to_pylist() == [OtherScorer.model_version]


def test_tables_of_users_events_and_orders(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    for kind, text in (("users", USERS), ("events", EVENTS), ("orders", ORDERS)):
        first = load(kind, table_of(text), analyzer=no_analyzer)
        assert counts(first) == (2, 2, 0, 0, 0, 0)
        again = load(kind, table_of(text), analyzer=no_analyzer)
        assert counts(again) == (2, 0, 0, 2, 0, 0)
    users = store.read("SELECT region, gender, created_at FROM users ORDER BY region").to_pylist()
    assert users[0]["region"] == "杭州" and users[1]["gender"] is None
    events = store.read("SELECT content_id, time, properties FROM events ORDER BY time").to_pylist()
    assert events[0]["content_id"] == "v1" and "ad" in events[0]["properties"]
    assert events[0]["time"] == datetime(2025, 8, 31, 16, 0, tzinfo=UTC)
    orders = store.read("SELECT amount_cny FROM orders ORDER BY order_id")["amount_cny"]
    assert orders.to_pylist() == [25.5, None]


def test_users_are_stored_as_hashes(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    load("users", table_of(USERS))
    assert not set(store.read("SELECT user_id FROM users")["user_id"].to_pylist()) & {"1", "2"}


def test_set_fills_columns_that_are_null(load: Load, store: DuckDBStore, dump_of: DumpOf) -> None:
    load("comments", dump_of(ROWS), constants={"platform": "shop"})
    assert store.read("SELECT DISTINCT platform FROM comments")["platform"].to_pylist() == ["shop"]


def test_set_adds_a_column_that_the_file_lacks(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    load("orders", table_of(ORDERS), constants={"platform": "shop"})
    assert store.read("SELECT DISTINCT platform FROM orders")["platform"].to_pylist() == ["shop"]


def test_set_leaves_what_the_file_says(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    load("users", table_of(USERS), constants={"platform": "shop", "gender": "male"})
    found = store.read("SELECT platform, gender FROM users ORDER BY gender").to_pylist()
    assert {row["platform"] for row in found} == {"xhs"}
    assert {row["gender"] for row in found} == {"female", "male"}


@pytest.mark.parametrize(
    ("constants", "message"),
    [({"colour": "red"}, "--set: .*found 'colour'"), ({"like_count": "many"}, "--set like_count")],
)
def test_set_of_a_wrong_name_or_value_is_one_line(
    constants: dict[str, str], message: str, load: Load, dump_of: DumpOf
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load("comments", dump_of(ROWS), constants=constants)
    assert "\n" not in str(caught.value)


def test_wrong_kind_is_one_line_and_loads_nothing(
    load: Load, store: DuckDBStore, dump_of: DumpOf
) -> None:
    for kind in ("orders", "contents", "nonsense"):
        with pytest.raises(ServingError, match="expected") as caught:
            load(kind, dump_of(ROWS))
        assert "\n" not in str(caught.value)
    assert store.read("SELECT count(*) AS n FROM comments")["n"].to_pylist() == [0]


def test_second_wrong_dump_stops_before_the_first_is_loaded(
    load: Load, store: DuckDBStore, dump_of: DumpOf, table_of: Callable[[str], Dump]
) -> None:
    with pytest.raises(ServingError, match="expected comments, found table"):
        load("comments", dump_of(ROWS), table_of(ORDERS))
    assert store.read("SELECT count(*) AS n FROM comments")["n"].to_pylist() == [0]
    check_kinds("comments", [dump_of(ROWS)])


def test_table_without_its_key_names_the_column(
    load: Load, table_of: Callable[[str], Dump]
) -> None:
    with pytest.raises(DumpError, match="order_id is missing") as caught:
        load("orders", table_of("user_id,time,amount\n1,2026-09-01,3\n"))
    assert "\n" not in str(caught.value)


def test_own_column_name_goes_before_its_other_names(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    load("orders", table_of("order_id,user_id,created_at,amount,amount_cny\n1,u,2026-09-01,1,2\n"))
    assert store.read("SELECT amount_cny FROM orders")["amount_cny"].to_pylist() == [2.0]


def test_column_that_a_file_lacks_keeps_what_the_store_has(
    load: Load, store: DuckDBStore, table_of: Callable[[str], Dump]
) -> None:
    load("users", table_of("user_id,platform,gender\n1,xhs,女\n"))
    load("users", table_of("user_id,platform,city\n1,xhs,杭州\n"))
    rows = store.read("SELECT gender, region FROM users").to_pylist()
    assert rows == [{"gender": "female", "region": "杭州"}]
