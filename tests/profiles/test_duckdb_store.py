"""Loading: idempotent, whole or not at all, and no raw user id anywhere in the file."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from profiles.errors import StoreError
from profiles.store import merge
from profiles.store.duckdb_store import DuckDBStore, LoadResult

KEY = bytes(range(32))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def rows_of(store: DuckDBStore, table: str) -> list[dict]:
    return store.read(f"SELECT * FROM {table} ORDER BY ALL").to_pylist()


def test_load_same_table_twice_changes_nothing(store: DuckDBStore, scored: pa.Table) -> None:
    first = store.load("comments", scored, "run-1")
    before = rows_of(store, "comments")
    second = store.load("comments", scored, "run-2")
    assert first == LoadResult(rows=200, inserted=200, updated=0, unchanged=0)
    assert second == LoadResult(rows=200, inserted=0, updated=0, unchanged=200)
    assert rows_of(store, "comments") == before


def test_load_gives_back_every_value(store: DuckDBStore, scored: pa.Table) -> None:
    store.load("comments", scored, "run-1")
    kept = [name for name in scored.column_names if name not in {"user_id", "user_name"}]
    stored = store.read(f"SELECT {', '.join(kept)} FROM comments ORDER BY comment_id")
    assert stored.to_pylist() == scored.select(kept).sort_by("comment_id").to_pylist()


def test_load_changed_row_updates_only_it(store: DuckDBStore, scored: pa.Table) -> None:
    store.load("comments", scored, "run-1")
    likes = pa.array([9999, *scored["like_count"].to_pylist()[1:]])
    position = scored.column_names.index("like_count")
    result = store.load("comments", scored.set_column(position, "like_count", likes), "run-2")
    assert (result.inserted, result.updated, result.unchanged) == (0, 1, 199)
    changed = store.read("SELECT comment_id, like_count FROM comments WHERE run_id = 'run-2'")
    assert changed.to_pylist() == [{"comment_id": "k0", "like_count": 9999}]


def test_load_duplicates_last_row_wins(store: DuckDBStore) -> None:
    table = pa.table(
        {"comment_id": ["1", "2", "1"], "platform": ["xhs"] * 3, "text": ["old", "two", "new"]}
    )
    result = store.load("comments", table, "run-1")
    assert (result.rows, result.inserted, result.duplicates) == (3, 2, 1)
    assert store.read("SELECT text FROM comments ORDER BY comment_id")["text"].to_pylist() == [
        "new",
        "two",
    ]


def test_load_of_new_rows_stores_what_comparing_each_would(
    scored: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are all new go straight in; the second half here, beside a first that is there."""
    stored = []
    for straight in (True, False):
        if not straight:
            monkeypatch.setattr(merge, "_all_new", lambda *_: False)
        with DuckDBStore(":memory:", key=KEY) as store:
            store.load("comments", scored.slice(0, 100).drop_columns(["like_count"]), "run-1")
            result = store.load("comments", scored.slice(100), "run-2")
            assert (result.inserted, result.updated, result.unchanged) == (100, 0, 0)
            stored.append([rows_of(store, name) for name in ("comments", "touched")])
    assert stored[0] == stored[1]


def test_load_of_one_new_and_one_known_row_without_platform_counts_both(
    store: DuckDBStore,
) -> None:
    store.load("comments", pa.table({"comment_id": ["1"], "text": ["好"]}), "run-1")
    result = store.load("comments", pa.table({"comment_id": ["2", "1"], "text": ["好"] * 2}), "two")
    assert (result.inserted, result.unchanged) == (1, 1)


def test_load_without_platform_is_idempotent_too(store: DuckDBStore) -> None:
    table = pa.table({"comment_id": ["1"], "text": ["好"]})
    store.load("comments", table, "run-1")
    assert store.load("comments", table, "run-2").unchanged == 1


def test_load_shuffled_without_duplicates_stores_the_same(scored: pa.Table) -> None:
    order = list(range(scored.num_rows))
    random.Random(7).shuffle(order)
    contents = []
    for table in (scored, scored.take(order)):
        with DuckDBStore(":memory:", key=KEY) as store:
            store.load("comments", table, "run-1")
            contents.append(rows_of(store, "comments"))
    assert contents[0] == contents[1]


def test_load_unscored_again_keeps_scores_unless_the_text_changed(
    store: DuckDBStore, synthetic: ModuleType
) -> None:
    scored = synthetic.comments_table(
        [{"text": "好", "sentiment": "positive"}, {"text": "差", "sentiment": "negative"}]
    )
    store.load("comments", scored, "run-1")
    plain = pa.table({"comment_id": ["0", "1"], "platform": ["douyin"] * 2, "text": ["好", "不差"]})
    result = store.load("comments", plain, "run-2")
    assert (result.updated, result.unchanged) == (1, 1)
    stored = store.read("SELECT sentiment FROM comments ORDER BY comment_id")
    assert stored["sentiment"].to_pylist() == ["positive", None]


def test_load_stores_neither_raw_user_ids_nor_names(tmp_path: Path, synthetic: ModuleType) -> None:
    path = tmp_path / "store.duckdb"
    table = synthetic.comments_table(
        [{"user_id": "RAWUSER13800138000", "user_name": "RAWNAMEzhangsan", "text": "好"}]
    )
    with DuckDBStore(path, key=KEY) as store:
        store.load("comments", table, "run-1")
        assert rows_of(store, "comments")[0]["user_id"] == store.person_id(
            "douyin", "RAWUSER13800138000"
        )
    assert b"RAWUSER" not in path.read_bytes()
    assert b"RAWNAME" not in path.read_bytes()


def test_load_faulty_table_names_every_fault_and_stores_nothing(store: DuckDBStore) -> None:
    table = pa.table({"user_id": [1.5], "like_count": ["many"]})
    with pytest.raises(StoreError) as caught:
        store.load("comments", table, "run-1")
    for fault in ("3 fault(s)", "comment_id is missing", "user_id is double", "like_count is"):
        assert fault in str(caught.value)
    assert store.read("SELECT count(*) AS n FROM runs")["n"].to_pylist() == [0]


def test_load_null_key_is_refused(store: DuckDBStore) -> None:
    table = pa.table({"comment_id": ["1", None, None]})
    with pytest.raises(StoreError, match=r"comment_id is empty in 2 row\(s\)"):
        store.load("comments", table, "run-1")


def test_load_unknown_kind_is_refused(store: DuckDBStore) -> None:
    with pytest.raises(StoreError, match=r"expected one of comments, contents.*'likes'"):
        store.load("likes", pa.table({}), "run-1")


def test_load_empty_table_is_fine(store: DuckDBStore, scored: pa.Table) -> None:
    assert store.load("comments", scored.slice(0, 0), "run-1").rows == 0


def test_load_events_folds_further_columns_into_properties(store: DuckDBStore) -> None:
    table = pa.table(
        {
            "user_id": ["u", "u"],
            "platform": ["shop", "shop"],
            "event": ["view", "view"],
            "time": [NOON, NOON + timedelta(seconds=1)],
            "sku": ["A-1", None],
            "price": [9.5, None],
        }
    )
    assert store.load("events", table, "run-1").inserted == 2
    assert store.load("events", table, "run-2").unchanged == 2
    stored = store.read("SELECT properties FROM events ORDER BY time")["properties"].to_pylist()
    assert stored == ['{"sku":"A-1","price":9.5}', None]


def test_load_orders_and_users_by_their_keys(store: DuckDBStore) -> None:
    orders = pa.table(
        {
            "order_id": ["o1", "o1"],
            "platform": ["shop", "shop"],
            "user_id": [7, 7],
            "time": [NOON, NOON],
            "amount_cny": [10, 12],
        }
    )
    users = pa.table({"user_id": ["7"], "platform": ["shop"], "region": ["浙江"]})
    assert store.load("orders", orders, "run-1").inserted == 1
    store.load("users", users, "run-1")
    joined = store.read("SELECT amount_cny, region FROM orders JOIN users USING (user_id)")
    assert joined.to_pylist() == [{"amount_cny": 12.0, "region": "浙江"}]


def test_open_in_a_second_process_says_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    code = (
        "import sys; from profiles.store.duckdb_store import DuckDBStore\n"
        "from profiles.errors import StoreError\n"
        "try: DuckDBStore(sys.argv[1], key=bytes(range(32)))\n"
        "except StoreError as error: sys.stdout.write(str(error)); sys.exit(3)\n"
    )
    with DuckDBStore(path, key=KEY):
        second = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            timeout=60,
        )
    assert second.returncode == 3, second.stderr
    assert "in use by" in second.stdout and "\n" not in second.stdout


def test_open_with_another_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    DuckDBStore(path, key=KEY).close()
    with pytest.raises(StoreError, match="found another one"):
        DuckDBStore(path, key=b"x" * 32)
    DuckDBStore(f"duckdb://{path}", key=KEY).close()


def test_open_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("这不是数据库" * 1000)
    with pytest.raises(StoreError, match="expected a DuckDB file"):
        DuckDBStore(path, key=KEY)
    with pytest.raises(StoreError, match="this store is a file"):
        DuckDBStore("postgresql://localhost/db", key=KEY)


def test_transaction_that_fails_leaves_no_trace(store: DuckDBStore) -> None:
    def load_then_fail() -> None:
        with store.transaction():
            store.execute("INSERT INTO meta VALUES ('half', 'done')")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        load_then_fail()
    assert store.read("SELECT * FROM meta WHERE name = 'half'").num_rows == 0


def test_point_reads_use_an_index_after_a_refresh_and_give_the_same_without(
    tmp_path: Path,
) -> None:
    from profiles.refresh import refresh

    moment = datetime(2026, 5, 2, tzinfo=UTC)
    with DuckDBStore(tmp_path / "s.duckdb", key=bytes(32)) as store:
        for name in "abc":
            row = {"user_id": name, "platform": "douyin", "event": "view", "time": moment}
            store.load("events", pa.Table.from_pylist([{**row, "content_id": "v"}]), "load")
        refresh(store, moment, "refresh-1")
        ids = [store.person_id("douyin", name) for name in "ab"]
        plan = store.read(
            f"EXPLAIN ANALYZE SELECT * FROM profiles WHERE person_id IN ('{ids[0]}', 'x')"
        )
        assert "Index Scan" in plan["explain_value"][0].as_py()
        found = store.rows_where("profiles", "person_id", ids)
        assert sorted(found["person_id"].to_pylist()) == sorted(ids)
        store.drop_indexes()
        assert store.rows_where("profiles", "person_id", ids).sort_by("person_id") == found.sort_by(
            "person_id"
        )
        assert store.rows_where("persons", "person_id", [*ids, "x"]).num_rows == 2
        refresh(store, moment, "refresh-2", full=True)
        refresh(store, moment, "refresh-3", full=True)  # with indexes that are there
        assert store.rows_where("profiles", "person_id", ids).num_rows == 2
