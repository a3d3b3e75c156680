"""Sources as data: exports of shops, CRM and ad platforms, their traps, and a user's own entry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.readers import Batch, Dump, DumpError, open_dump
from data.readers.shapes import load_folder, load_shapes, shipped_shapes
from tests.data.reader_tools import write

TAOBAO = (
    "订单编号,买家会员名,买家实际支付金额,订单状态,订单付款时间,订单创建时间,宝贝标题,退款金额\n"
)
OWN = """
sources:
  - name: kiosk
    kind: orders
    platform: shop
    requires: [票号, 顾客]
    time_zone: Asia/Tokyo
    fields: {order_id: 票号, user_id: 顾客, time: 何时, amount_cny: 分}
    units: {amount_cny: cents}
    dates: {time: "%d/%m/%Y %H:%M"}
"""


def rows_of(dump: Dump, rows: int = 8192) -> tuple[list[dict[str, Any]], list[str]]:
    batches: list[Batch] = list(dump.batches(rows=rows))
    records = [row for batch in batches for row in batch.records.to_pylist()]
    rejects = [reject for batch in batches for reject in batch.rejects]
    assert len(records) + len(rejects) == dump.rows
    return records, [reject.reason for reject in rejects]


GOLDEN = {
    "taobao-orders": (
        "orders",
        TAOBAO + '="1234567890123456789",茶客,"￥1,234.50",交易成功,2026-09-01 10:00:00,,绿茶,0\n',
        {
            "order_id": "1234567890123456789",
            "platform": "taobao",
            "user_id": "茶客",
            "time": datetime(2026, 9, 1, 2, 0, tzinfo=UTC),
            "amount_cny": 1234.5,
            "items": "绿茶",
        },
    ),
    "taobao-order-lines": (
        "orders",
        "子订单编号,主订单编号,买家会员名,买家实际支付金额,订单状态,订单付款时间,标题\n"
        "11,1,茶客,10,交易成功,2026-09-01,绿茶\n12,1,茶客,5.5,交易成功,2026-09-01,红茶\n",
        {"order_id": "1", "amount_cny": 15.5, "items": "绿茶; 红茶"},
    ),
    "jd-orders": (
        "orders",
        "订单号,商品ID,商品名称,下单时间,下单帐号,应付金额,订单状态\n"
        "300,7,绿茶,2026-09-01 10:00,jd_x,30,完成\n300,8,红茶,2026-09-01 10:00,jd_x,30,完成\n",
        {"order_id": "300", "platform": "jd", "amount_cny": 30.0, "items": "绿茶; 红茶"},
    ),
    "youzan-orders": (
        "orders",
        "订单号,订单状态,买家付款时间,订单实付金额,买家昵称,商品名称,订单已退款金额\n"
        "E1,交易完成,2026-09-01 10:00,30,某人,绿茶,10\n",
        {"order_id": "E1", "platform": "youzan", "user_id": "某人", "amount_cny": 20.0},
    ),
    "crm-customers": (
        "users",
        "客户编号,姓名,性别,年龄,城市,注册时间\nK1,某人,先生,30,杭州,2024/5/1\n",
        {"user_id": "K1", "gender": "male", "age": 30, "region": "杭州"},
    ),
    "mediacrawler-xhs-creators": (
        "users",
        "user_id,nickname,ip_location,gender,follows,fans,interaction,tag_list\n"
        "u1,某人,浙江,女,12,1.2万,3亿,{}\n",
        {"platform": "xhs", "gender": "female", "follower_count": 12_000, "following_count": 12},
    ),
    "shop-events": (
        "events",
        "1,1,2520377,pv,1511544070\n1,9,2520377,buy,1511544071\n",
        {
            "user_id": "1",
            "platform": "shop",
            "event": "view",
            "content_id": "1",
            "time": datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC),
        },
    ),
    "oceanengine-report": (
        "campaigns",
        "时间-天,广告计划ID,广告计划名称,消耗,展示数,点击数,转化数\n"
        '2026-09-01,1700000000000001,秋茶,"1,000.5","12,000",300,4\n',
        {"campaign_id": "1700000000000001", "cost_cny": 1000.5, "shown_count": 12_000},
    ),
}


@pytest.mark.parametrize("name", list(GOLDEN))
def test_source_is_recognised_and_mapped(tmp_path: Path, name: str) -> None:
    kind, text, expected = GOLDEN[name]
    dump = open_dump(write(tmp_path, "t.csv", text), kind=kind)  # type: ignore[arg-type]
    records, reasons = rows_of(dump)
    assert (dump.kind, dump.format, reasons) == (kind, name, [])
    assert {field: records[0][field] for field in expected} == expected


def test_taobao_file_of_another_encoding_reads_the_same(tmp_path: Path) -> None:
    text = GOLDEN["taobao-orders"][1]
    found = [
        rows_of(open_dump(write(tmp_path, f"{codec}.csv", text.encode(codec)), kind="orders"))
        for codec in ("utf-8", "utf-8-sig", "gb18030", "utf-16")
    ]
    assert all(each == found[0] for each in found) and found[0][0]


@pytest.mark.parametrize("title", ["九月订单导出", "评论", "导出时间,2026-09-30"])
@pytest.mark.parametrize("name", ["taobao-orders", "jd-orders", "crm-customers"])
def test_rows_above_the_header_hide_no_source(tmp_path: Path, name: str, title: str) -> None:
    kind, text, expected = GOLDEN[name]
    dump = open_dump(write(tmp_path, "t.csv", f"{title}\n{text}"), kind=kind)  # type: ignore[arg-type]
    records, reasons = rows_of(dump)
    assert (dump.format, reasons, dump.repairs.counts["rows_above_header"]) == (name, [], 1)
    assert {field: records[0][field] for field in expected} == expected
    assert "header in line 2" in dump.why


def test_rows_above_usual_names_or_an_own_source_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "店铺日报\n订单编号,客户编号,日期,金额\n1,u,2026-09-01,3\n")
    assert rows_of(open_dump(path, kind="orders"))[0][0]["amount_cny"] == 3.0
    shapes = load_shapes(write(tmp_path, "own.yaml", OWN))
    path = write(tmp_path, "o.csv", "日报\n票号,顾客,何时,分\n1,u,02/09/2026 09:30,2550\n")
    assert rows_of(open_dump(path, kind="orders", shapes=shapes))[0][0]["amount_cny"] == 25.5


def test_bytes_of_no_known_encoding_are_a_reject_each(tmp_path: Path) -> None:
    good = "2,茶客,1,交易成功,2026-09-01,,茶,\n"
    content = (TAOBAO + good * 3).encode() + b"3,\xff\xff,1,x,2026-09-01,,y,\n"
    records, reasons = rows_of(open_dump(write(tmp_path, "t.csv", content), kind="orders"))
    assert len(records) == 3 and [reason.split(":")[0] for reason in reasons] == ["invalid_bytes"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-09-01 08:00:00", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("2026/9/1 8:00", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("2026年9月1日 8时00分", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("20260901080000", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("2026-09-01T00:00:00Z", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("46266.3333333", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),  # a spreadsheet's day
        ("1788220800", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("09/01/2026", None),  # day first or month first
        ("昨天", None),
    ],
)
def test_dates_of_mixed_formats(tmp_path: Path, written: str, expected: datetime | None) -> None:
    text = f"{TAOBAO}1,茶客,1,交易成功,{written},,茶,\n"
    records, reasons = rows_of(open_dump(write(tmp_path, "t.csv", text), kind="orders"))
    if expected is None:
        assert not records and reasons == [f"unreadable_time: 订单付款时间 {written!r}"]
    else:
        assert records[0]["time"] == expected and not reasons


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("￥1,234.50", 1234.5),
        ("¥ 99", 99.0),
        ("１２．５元", 12.5),
        ("1.2万", 12_000.0),
        ("CNY 7", 7.0),
        ("12,50", None),
        ("$3", None),
        ("1,23,456", None),
        ("-5", None),
    ],
)
def test_amounts_with_signs_and_separators(
    tmp_path: Path, written: str, expected: float | None
) -> None:
    text = f'{TAOBAO}1,茶客,"{written}",交易成功,2026-09-01,,茶,\n'
    records, reasons = rows_of(open_dump(write(tmp_path, "t.csv", text), kind="orders"))
    assert [row["amount_cny"] for row in records] == ([] if expected is None else [expected])
    assert bool(reasons) == (expected is None)


def test_closed_and_refunded_orders_are_rejects_with_their_reason(tmp_path: Path) -> None:
    text = (
        f"{TAOBAO}1,甲,10,交易关闭,2026-09-01,,茶,\n2,乙,10,交易成功,2026-09-01,,茶,10\n"
        "3,丙,10,交易成功,2026-09-01,,茶,￥4\n4,丁,10,等待买家付款,,2026-09-01,茶,\n"
    )
    dump = open_dump(write(tmp_path, "t.csv", text), kind="orders")
    records, reasons = rows_of(dump)
    assert [(row["order_id"], row["amount_cny"]) for row in records] == [("3", 6.0)]
    assert reasons == [
        "order_not_standing: 订单状态 is 交易关闭",
        "refunded: 退款金额 is 10",
        "order_not_standing: 订单状态 is 等待买家付款",
    ]
    assert dump.repairs.counts["refunds_subtracted"] == 1


@pytest.mark.parametrize("rows", [1, 2, 8192])
def test_lines_given_twice_count_once_whatever_the_batch(tmp_path: Path, rows: int) -> None:
    text = GOLDEN["taobao-order-lines"][1]
    again = text + text.split("\n", 1)[1] + "21,2,茶客,1,交易成功,2026-09-02,茶\n"
    dump = open_dump(write(tmp_path, "t.csv", again), kind="orders")
    records, _ = rows_of(dump, rows)
    assert {(row["order_id"], row["amount_cny"]) for row in records} == {("1", 15.5), ("2", 1.0)}
    assert dump.repairs.counts["duplicate_lines"] == 2


def test_row_with_several_faults_names_all(tmp_path: Path) -> None:
    text = f"{TAOBAO}1.2E+18,,x,交易成功,never,,茶,\n"
    dump = open_dump(write(tmp_path, "t.csv", text), kind="orders")
    reject = next(dump.batches()).rejects[0]
    keys = [part.split(":")[0] for part in reject.reason.split("; ")]
    assert keys == [
        "damaged_order_id",
        "missing_user_id",
        "unreadable_time",
        "unreadable_amount_cny",
    ]
    assert (reject.file, reject.line, reject.raw) == ("t.csv", 2, "1.2E+18,,x,交易成功,never,,茶,")


def test_all_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n")
    mapping = {"colour": "a", "items": "none"}
    with pytest.raises(DumpError) as caught:
        open_dump(path, kind="orders", mapping=mapping)
    for part in ("5 fault(s)", "colour", "'none'", "order_id is", "user_id is", "time is"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mapping_and_filled_columns_make_a_table_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,谁,何时\n1,u,2026-09-01\n")
    mapping = {"user_id": "谁", "time": "何时"}
    dump = open_dump(path, kind="events", mapping=mapping, filled=["event"])
    assert dump.columns == {"user_id": ["谁"], "time": ["何时"]}


def test_own_source_needs_no_code(tmp_path: Path) -> None:
    shapes = load_shapes(write(tmp_path, "own.yaml", OWN))
    path = write(tmp_path, "t.csv", "票号,顾客,何时,分\n1,u,02/09/2026 09:30,2550\n")
    dump = open_dump(path, kind="orders", shapes=shapes, insist=True)
    assert rows_of(dump)[0][0] == {
        "order_id": "1",
        "platform": "shop",
        "user_id": "u",
        "time": datetime(2026, 9, 2, 0, 30, tzinfo=UTC),
        "amount_cny": 25.5,
        "items": None,
    }
    assert "user" in dump.why and load_folder(tmp_path) == shapes


def test_own_source_that_does_not_fit_says_what_the_file_lacks(tmp_path: Path) -> None:
    shapes = load_shapes(write(tmp_path, "own.yaml", OWN))
    path = write(tmp_path, "t.csv", TAOBAO + "1,a,1,x,2026-09-01,,t,\n")
    with pytest.raises(DumpError, match="kiosk lacks 票号, 顾客"):
        open_dump(path, kind="orders", shapes=shapes, insist=True)


def test_faults_of_a_source_file_are_named_at_once(tmp_path: Path) -> None:
    text = (
        "sources:\n  - {name: a, kind: cars, requires: x}\n"
        "  - {name: b, kind: users, requires: x, fields: {amount_cny: y}, time_zone: Mars, z: 1}\n"
        "  - {name: c, kind: users, fields: {colour: y}}\n"
    )
    with pytest.raises(DumpError) as caught:
        load_shapes(write(tmp_path, "own.yaml", text))
    for part in ("source 1 (a): kind", "(b): time_zone", "(b): z", "(c)", "colour", "requires"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shipped_sources_have_names_of_their_own_and_every_kind() -> None:
    shapes = shipped_shapes()
    assert len({shape.name for shape in shapes}) == len(shapes)
    general = [shape.kind for shape in shapes if shape.general]
    assert sorted(general) == [
        "campaigns",
        "contents",
        "events",
        "feedback",
        "orders",
        "relations",
        "users",
    ]
