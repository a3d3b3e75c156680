"""``ingest`` with sources: twice is once, rejects are kept, a preview writes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from data.readers import open_dump
from nlp.analyzer import Analyzer
from profiles.store.duckdb_store import DuckDBStore
from serving.cli import main
from serving.ingest import ingest
from serving.preview import preview_dump

ORDERS = (
    "订单编号,买家会员名,买家实际支付金额,订单状态,订单付款时间,宝贝标题\n"
    "1,甲,￥10,交易成功,2026-09-01,绿茶\n2,乙,20,交易关闭,2026-09-01,红茶\n"
    "1,甲,￥10,交易成功,2026-09-01,绿茶\n3,,5,交易成功,2026-09-02,茶\n"
)
EVENTS = "1,7,55,pv,1511544070\n1,8,56,buy,1511544071\n2,9,57,cart,99999999999\n"
OWN = "sources:\n  - {name: till, kind: users, requires: 票友, fields: {user_id: 票友}}\n"


def no_analyzer() -> Analyzer:
    raise AssertionError("expected no scoring")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINGFENG_MODEL", "fake")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", *arguments])
        with pytest.raises(SystemExit) as stop:
            main.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.mark.parametrize(("kind", "text"), [("orders", ORDERS), ("events", EVENTS)])
def test_same_file_twice_changes_nothing(
    kind: str, text: str, store: DuckDBStore, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")

    def load(run_name: str) -> tuple[int, ...]:
        dump = open_dump(path, kind=kind)  # type: ignore[arg-type]
        got = ingest(kind, [dump], store, run=run_name, analyzer=no_analyzer)
        assert got.rows_in == dump.rows
        return got.inserted, got.updated, got.unchanged, got.rejected

    first = load("r1")
    before = store.read(f"SELECT * FROM {kind} ORDER BY ALL")
    again = load("r2")
    assert first[0] == again[2] > 0 and again[:2] == (0, 0) and first[3] == again[3] > 0
    assert store.read(f"SELECT * FROM {kind} ORDER BY ALL").equals(before)


def test_columns_no_field_takes_become_properties(store: DuckDBStore, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(EVENTS, "utf-8")
    ingest("events", [open_dump(path, kind="events")], store, run="r", analyzer=no_analyzer)
    found = store.read("SELECT event, properties FROM events ORDER BY time").to_pylist()
    assert [row["event"] for row in found] == ["view", "pay"]
    assert [json.loads(row["properties"]) for row in found] == [
        {"category_id": "55"},
        {"category_id": "56"},
    ]


def test_ingest_keeps_rejects_with_file_line_reason_and_raw(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    code, _, err = run("ingest", "orders", "o.csv")
    assert code == 0 and "4 rows in = 1 new" in err and "1 given twice + 2 rejected" in err
    kept = [json.loads(s) for f in Path("var").glob("*.rejects.jsonl") for s in f.open()]
    assert [(row["file"], row["line"], row["reason"]) for row in kept] == [
        ("o.csv", 3, "order_not_standing: 订单状态 is 交易关闭"),
        ("o.csv", 5, "missing_user_id: 买家会员名 empty"),
    ]
    assert kept[1]["raw"] == "3,,5,交易成功,2026-09-02,茶"


def test_preview_shows_everything_and_writes_nothing(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    code, out, _ = run("ingest", "orders", "o.csv", "--preview")
    for part in (
        "orders as taobao-orders",
        "because: CSV with columns 订单编号",
        "amount_cny <- 买家实际支付金额",
        "platform <- always taobao",
        "columns not taken: 订单状态",
        "4 rows in = 2 read + 2 rejected",
        '"amount_cny": 10.0',
        "amounts freed from signs",
        "order_not_standing: 1",
        "line 5: missing_user_id",
    ):
        assert part in out
    assert code == 0 and [path.name for path in tmp_path.iterdir()] == ["o.csv"]


def test_preview_of_comments_scores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("comment_id,content\n1,好\n2,坏\n", "utf-8")
    found = preview_dump(open_dump(path, kind="comments"), rows=1)
    assert [row["text"] for row in found.first] == ["好"] and found.rows_read == 2


def test_campaigns_load_once(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.csv").write_text(
        "时间,计划ID,消耗,展示数\n2026-09-01,1,9,8\n合计,,9,8\n", "utf-8"
    )
    code, out, _ = run("ingest", "campaigns", "r.csv", "--preview")
    assert code == 0 and "oceanengine-report" in out and "sum_row" in out
    code, _, err = run("ingest", "campaigns", "r.csv")
    assert code == 0 and "2 rows in = 1 new" in err and "1 rejected" in err
    assert "1 unchanged" in run("ingest", "campaigns", "r.csv")[2]


def test_own_source_by_option_and_by_folder(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "till.yaml").write_text(OWN, "utf-8")
    (tmp_path / "u.csv").write_text("票友,甲\nu1,x\n", "utf-8")
    assert run("ingest", "users", "u.csv")[0] == 1
    code, out, _ = run("ingest", "users", "u.csv", "--source", "own/till.yaml", "--preview")
    assert code == 0 and "users as till" in out
    monkeypatch.setenv("TINGFENG_SOURCES_DIR", "own")
    code, _, err = run("ingest", "users", "u.csv")
    assert code == 0 and "1 new" in err


def test_faults_of_all_files_are_named_in_one_line(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n", "utf-8")
    code, _, err = run("ingest", "orders", "a.csv", "b.csv")
    assert code == 1 and "a.csv" in err and "b.csv" in err and err.count("user_id is missing") == 2
    assert len(err.strip().splitlines()) == 1 and not Path("var").exists()
