"""Packs: every one loads, reads what people tell, and refuses what cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis
import pytest

from profiles.conditions.text import parse
from profiles.conditions.tree import Kind, check, from_data
from profiles.tags.attributes import read_attributes
from profiles.tags.children import Child, births, is_minor, months_of, number, read_children
from profiles.tags.cycle import read_cycles
from profiles.tags.pack import PackError, build_pack, load_pack, pack_names

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
CORE: dict[str, Kind] = {"interest.*": "number", "spending.orders": "number"}


def told(pack: str, *texts: str) -> dict[str, set[str]]:
    """Fields and values of one person who wrote these comments."""
    rows = {
        "person_id": ["p"] * len(texts),
        "text": list(texts),
        "created_at": [NOW + timedelta(days=i) for i in range(len(texts))],
    }
    schema = {"person_id": "string", "text": "string", "created_at": "timestamp('UTC')"}
    comments = ibis.memtable(rows, schema=ibis.schema(schema))
    found = ibis.duckdb.connect().to_pyarrow(read_attributes(comments, load_pack(pack))).to_pylist()
    values: dict[str, set[str]] = {}
    for row in found:
        values.setdefault(row["field"].partition(".")[2], set()).add(row["value"])
    return values


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_loads_and_its_tags_can_be_meant(name: str) -> None:
    pack = load_pack(name)
    assert pack.attributes and pack.tags
    for tag in pack.tags.values():
        assert check(from_data(tag.when, parse), CORE | pack.kinds)


def test_seven_industries_are_there() -> None:
    wanted = {"apparel", "b2b", "beauty", "digital", "health", "mother_baby", "snacks"}
    assert set(pack_names()) == wanted


@pytest.mark.parametrize(
    ("pack", "text", "field", "values"),
    [
        ("beauty", "我大油皮，夏天必须控油", "skin_type", {"oily"}),
        ("beauty", "敏感肌求推荐修护面霜", "skin_type", {"sensitive"}),
        ("beauty", "敏感肌求推荐修护面霜", "efficacy", {"repair"}),
        ("beauty", "我不是油皮", "skin_type", None),
        ("beauty", "我闺蜜是油皮", "skin_type", None),
        ("beauty", "含酒精不敢用", "avoids", {"alcohol"}),
        ("snacks", "追剧必备，麻辣的最香", "flavour", {"spicy"}),
        ("snacks", "追剧必备，麻辣的最香", "scene", {"drama"}),
        ("apparel", "小个子穿着显高", "body", {"petite"}),
        ("digital", "这手机续航真顶", "need", {"battery"}),
        ("health", "最近老失眠", "goal", {"sleep"}),
        ("b2b", "这个一台多少钱，能开票吗", "decision_stage", {"quote"}),
        ("mother_baby", "转奶第三天了", "feeding", {"formula"}),
    ],
)
def test_words_tell_of_fields(pack: str, text: str, field: str, values: set[str] | None) -> None:
    assert told(pack, text).get(field) == values


def test_a_single_value_is_the_one_seen_most_then_the_latest() -> None:
    assert told("beauty", "我油皮", "我干皮", "我油皮")["skin_type"] == {"oily"}
    assert told("beauty", "我油皮", "我干皮")["skin_type"] == {"dry"}


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("宝宝六个月了", 6),
        ("我家宝宝10个月", 10),
        ("女儿三岁了", 36),
        ("儿子一岁半", 18),
        ("娃两岁", 24),
        ("孕28周", -12 * 7 / 30.4375),
        ("怀孕五个月", -4.2),
        ("预产期5月", -2),
    ],
)
def test_ages_are_read_as_birth_months(text: str, months: float) -> None:
    (born,) = births(text, NOW)
    assert months_of(NOW) - born == pytest.approx(months, abs=0.01)


@pytest.mark.parametrize("text", ["宝宝六个月前买的", "用了六个月", "三岁看老", "走了两个月"])
def test_other_numbers_are_no_ages(text: str) -> None:
    assert list(births(text, NOW)) == []


def test_a_stage_advances_by_itself() -> None:
    (child,) = read_children([("p", "宝宝六个月了", NOW)])
    assert child.months(NOW) == pytest.approx(6)
    assert child.months(NOW.replace(year=2027)) == pytest.approx(18)


def test_two_comments_on_one_child_are_one_child_and_siblings_are_two() -> None:
    later = NOW + timedelta(days=61)
    found = read_children(
        [("p", "宝宝六个月", NOW), ("p", "宝宝八个月", later), ("p", "女儿五岁", NOW)]
    )
    assert [(c.n, round(c.months(later))) for c in found] == [(2, 8), (1, 62)]
    assert isinstance(found[0], Child)


@pytest.mark.parametrize("text", ["我今年12岁", "我读三年级", "我才十岁", "我上小学"])
def test_of_minors_nothing_is_read(text: str) -> None:
    assert is_minor(text)
    assert read_children([("p", "宝宝六个月", NOW), ("p", text, NOW)]) == []


@pytest.mark.parametrize("text", ["我30岁", "我十八岁的时候", "我二十五岁了"])
def test_adults_are_no_minors(text: str) -> None:
    assert not is_minor(text)


@pytest.mark.parametrize(
    ("text", "n"), [("12", 12), ("十", 10), ("十二", 12), ("二十", 20), ("两", 2)]
)
def test_numbers(text: str, n: int) -> None:
    assert number(text) == n


def test_a_cycle_is_the_median_gap_and_tells_when_the_next_buy_is_due() -> None:
    days = [0, 10, 20, 34]
    rows = {
        "person_id": ["p"] * 4 + ["q"] * 2,
        "time": [NOW + timedelta(days=d) for d in [*days, 0, 5]],
        "items": ["坚果零食"] * 6,
    }
    schema = {"person_id": "string", "time": "timestamp('UTC')", "items": "string"}
    orders = ibis.memtable(rows, schema=ibis.schema(schema))
    cycle = load_pack("snacks").cycle
    assert cycle is not None
    as_of = ibis.literal(NOW + timedelta(days=40), type="timestamp('UTC')")
    found = ibis.duckdb.connect().to_pyarrow(read_cycles(orders, cycle, as_of)).to_pylist()
    assert [(r["person_id"], r["cycle_days"], r["days_to_next_buy"]) for r in found] == [
        ("p", 10.0, 4.0)
    ]


def test_faults_of_a_pack_are_named_all_at_once() -> None:
    text = """
name: x
topics: [cars]
attributes:
  a:
    name: a
    values: {b: {name: b, words: [w]}, c: {name: c, words: [w]}, d: {name: d, words: []}}
tags: {}
"""
    with pytest.raises(PackError) as error:
        build_pack("x", text)
    for part in ("topics", "w stands for both b and c", "a.d: expected words"):
        assert part in str(error.value)


@pytest.mark.parametrize("text", ["[]", "name: [", "name: x\nattributs: {}\n"])
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(PackError):
        build_pack("x", text)


def test_an_unknown_pack_is_refused() -> None:
    with pytest.raises(PackError, match="expected a pack of apparel"):
        load_pack("cars")
