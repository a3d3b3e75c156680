"""``tingfeng rfm``, ``ltv``, ``groups`` and ``influence``: answers, files, the store, bad input."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore
from serving.cli import main
from serving.cli.common import open_store
from serving.relations import read_relations
from serving.settings import Settings


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs ``tingfeng`` in this process with a home of its own."""
    for name in [n for n in os.environ if n.startswith("TINGFENG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["tingfeng", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A shop's year: half of the persons buy once."""
    dice = np.random.default_rng(1)
    lines = ["customer_id,date,amount"]
    for person in range(120):
        rate, day, gone = dice.gamma(0.8) / 20, int(dice.integers(0, 60)), dice.exponential(150)
        start = day
        while day < 365 and day - start < gone + 1:
            when = np.datetime64("2025-01-01") + day
            lines.append(f"{person:04},{when},{dice.gamma(4, 20):.2f}")
            day += 1 + int(dice.exponential(1 / rate))
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_rfm_answers_the_contract(command: Command, orders: Path, tmp_path: Path) -> None:
    out = tmp_path / "rfm.parquet"
    done = command(
        "rfm", "--orders", orders, "--as-of", "2026-01-01", "--method", "ntile", "--json",
        "--compare-to", "2025-07-01", "--out", out,
    )  # fmt: skip
    found = json.loads(done.out)
    assert done.code == 0 and found["persons"] == 120 and 0 < found["tie_share"] <= 1
    assert sum(found["segments8"].values()) == sum(found["segments11"].values()) == 120
    assert len(found["segments8"]) == 8 and len(found["segments11"]) == 11
    moved = found["migration"]["segments8"]
    assert sum(n for row in moved.values() for n in row.values()) == 120
    table = pq.read_table(out)
    assert {"person_id", "r", "f", "m", "segment8", "segment11"} <= set(table.column_names)
    assert table.num_rows == 120 and table["person_id"][1].as_py() == "0001"
    shown = command("rfm", "--orders", orders, "--as-of", "2026-01-01")
    assert "重要价值" in shown.out and "并列" in shown.out


def test_ltv_answers_the_contract(command: Command, orders: Path, tmp_path: Path) -> None:
    out = tmp_path / "ltv.csv"
    done = command(
        "ltv", "--orders", orders, "--end", "2025-12-31", "--unit", "week", "--horizon", "13",
        "--calibration-end", "2025-09-30", "--json", "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert set(found["bg_nbd"]) >= {"r", "alpha", "a", "b", "log_likelihood"}
    assert set(found["gamma_gamma"]) >= {"p", "q", "v"}
    assert set(found["holdout"]) >= {"actual", "mae", "rmse", "top_decile_capture"}
    assert found["persons"] == 120 and found["expected_purchases_total"] > 0
    assert len(out.read_text("utf-8-sig").splitlines()) == 121
    done = command("ltv", "--orders", orders, "--end", "2025-12-31", "--json")
    assert json.loads(done.out)["holdout"] is None
    assert "Gamma-Gamma" in command("ltv", "--orders", orders, "--end", "2025-12-31").out


def test_orders_in_other_forms_give_the_same(command: Command, orders: Path) -> None:
    import pyarrow.csv as pc

    table = pc.read_csv(orders)
    pq.write_table(table, orders.with_suffix(".parquet"))
    text = orders.read_text("utf-8").replace("customer_id,date,amount", "客户ID,日期,金额")
    orders.with_name("gbk.csv").write_bytes(text.encode("gb18030"))
    lines = [json.dumps(row, default=str) for row in table.to_pylist()]
    orders.with_suffix(".jsonl").write_text("\n".join(lines), "utf-8")
    counts = []
    for name in ("orders.csv", "orders.parquet", "gbk.csv", "orders.jsonl"):
        done = command("rfm", "--orders", name, "--as-of", "2026-01-01", "--json")
        assert done.code == 0, (name, done.err)
        counts.append(json.loads(done.out)["segments11"])
    assert counts[0] == counts[1] == counts[2] == counts[3]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rfm", "--orders", "none.csv"), 2, "expected a file"),
        (("rfm", "--orders", "bad.csv"), 2, "expected columns"),
        (("rfm", "--orders", "torn.parquet"), 1, "correct the file"),
        (("rfm", "--orders", "empty.csv"), 1, "expected a table"),
        (("rfm", "--as-of", "gestern"), 2, "--as-of: expected a day"),
        (("rfm", "--method", "best"), 2, "ties, ntile"),
        (("rfm", "--compare-to", "2027-01-01", "--as-of", "2026-01-01"), 2, "earlier"),
        (("ltv", "--unit", "year"), 2, "day, week, month"),
        (("ltv", "--horizon", "0"), 2, "--horizon"),
        (("ltv", "--end", "2026-01-01", "--calibration-end", "2026-01-01"), 2, "before"),
        (("ltv", "--orders", "one.csv", "--end", "2026-01-01"), 1, "repeat purchase"),
        (("groups", "--vectors", "v.csv"), 1, "expected 20 persons"),
        (("groups", "--model", "m.json", "--k", "3"), 2, "--model"),
        (("influence", "--relations", "self.csv"), 1, "found none"),
        (("influence",), 1, "expected a store"),
        (("rfm", "--out", "a.doc"), 2, "--out"),
    ],
)
def test_bad_input_is_one_line(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    for name, text in {
        "bad.csv": "a,b\n1,2\n", "torn.parquet": "PAR1", "empty.csv": "",
        "one.csv": "person_id,date,amount\n1,2025-01-01,2\n", "self.csv": "source,target\na,a\n",
        "v.csv": "person_id,topic,weight\na,food,1\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text, "utf-8")
    done = command(*arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err and len(done.err.strip().splitlines()) == 1


def test_groups_are_saved_placed_and_compared(command: Command, tmp_path: Path) -> None:
    dice = np.random.default_rng(3)
    rows = ["person_id,topic,weight"]
    for i in range(90):
        for topic, lot in zip(("beauty", "food", "game"), np.roll([8, 1, 1], i % 3), strict=True):
            rows.append(f"p{i},{topic},{dice.gamma(lot):.3f}")
    (tmp_path / "v.csv").write_text("\n".join(rows), "utf-8")
    done = command("groups", "--vectors", "v.csv", "--save", "m.json", "--json")
    found = json.loads(done.out)
    assert found["k"] == 3 and {29, 30, 31} >= {g["persons"] for g in found["groups"]}
    placed = command("groups", "--vectors", "v.csv", "--model", "m.json", "--out", "g.csv")
    assert placed.code == 0 and len((tmp_path / "g.csv").read_text("utf-8").splitlines()) == 91
    same = command("groups", "--vectors", "v.csv", "--compare-to", "m.json", "--json")
    assert [pair["distance"] for pair in json.loads(same.out)["drift"]] == [0, 0, 0]
    assert "美妆护肤" in placed.out


def test_influence_answers_from_a_file(command: Command, tmp_path: Path) -> None:
    rows = ["follower,followee", *(f"f{i},star" for i in range(9)), "star,f1"]
    (tmp_path / "r.csv").write_text("\n".join(rows), "utf-8")
    found = json.loads(command("influence", "--relations", "r.csv", "--json").out)
    assert found["top"][0]["person_id"] == "star" and found["seeds"][0]["reached"] == 10
    assert "种子" in command("influence", "--relations", "r.csv").out


def stored(store: DuckDBStore) -> None:
    """Thirty persons who answer the first one and buy."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    who = [f"u{i}" for i in range(30)]
    topics = ["beauty", "food"]
    interests: list[Any] = [[{"topic": topics[i % 2], "score": 0.9}] for i in range(30)]
    comments = {
        "comment_id": [f"c{i}" for i in range(30)],
        "platform": ["douyin"] * 30,
        "user_id": who,
        "parent_id": [None] + ["c0"] * 29,
        "text": ["好"] * 30,
        "created_at": [at] * 30,
    }
    given = pa.table(comments).append_column(
        "interests",
        pa.array(interests, pa.list_(pa.struct([("topic", pa.string()), ("score", pa.float32())]))),
    )
    given = given.set_column(5, "created_at", pa.array([at] * 30, pa.timestamp("ms", tz="UTC")))
    store.load("comments", given, "r1")
    bought = {
        "order_id": [f"o{i}" for i in range(30)],
        "platform": ["douyin"] * 30,
        "user_id": who,
        "time": pa.array([at] * 30, pa.timestamp("ms", tz="UTC")),
        "amount_cny": [float(i) for i in range(30)],
    }
    store.load("orders", pa.table(bought), "r2")
    refresh(store, datetime(2026, 3, 2, tzinfo=UTC), "r3")


def test_every_verb_reads_the_store(command: Command, tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path / "home"), create=True) as store:
        stored(store)
        edges = read_relations(store)
        assert edges.num_rows == 29 and len(edges["target"].unique()) == 1
    found = json.loads(command("rfm", "--as-of", "2026-03-10", "--json").out)
    assert found["persons"] == 30 and found["rows"]["used"] == 30
    found = json.loads(command("influence", "--json").out)
    assert found["persons"] == 30 and found["top"][0]["followers"] == 29
    found = json.loads(command("groups", "--k", "2", "--json").out)
    assert {g["persons"] for g in found["groups"]} == {15}
    done = command("ltv", "--end", "2026-03-10", "--json")
    assert done.code == 1 and "repeat purchase" in done.err and done.out == ""
