"""Aspects, risks and flags on sentences that any Chinese reader finds easy."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import ASPECTS, POLARITIES, RISKS
from data.taxonomy import TaxonomyError
from nlp import rules


def _aspects(text: str, packs: tuple[str, ...] = ()) -> dict[str, str]:
    return {found.aspect: found.polarity for found in rules.aspects(text, packs)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("质量很好，物流也快", {"quality": "positive", "logistics": "positive"}),
        ("味道不好", {"taste": "negative"}),
        ("味道不错，就是有点贵", {"taste": "positive", "price": "negative"}),
        ("价格便宜但是质量太差", {"price": "positive", "quality": "negative"}),
        ("质量和物流都很好", {"quality": "positive", "logistics": "positive"}),
        ("包装好质量差", {"packaging": "positive", "quality": "negative"}),
        ("快递包装很好", {"packaging": "positive"}),
        ("客服的态度很差", {"service": "negative"}),
        ("没想到这么好吃", {"taste": "positive"}),
        ("不要太好吃", {"taste": "positive"}),
        ("没有异味", {"smell": "positive"}),
        ("味道很刺鼻", {"smell": "negative"}),
        ("性价比很高", {"price": "positive"}),
        ("价格太高了", {"price": "negative"}),
        ("油耗很低", {"performance": "positive"}),
        ("一点都不便宜", {"price": "negative"}),
        ("价格不算贵", {"price": "positive"}),
        ("质量没有想象中好", {"quality": "negative"}),
        ("没有传说的那么好吃", {"taste": "negative"}),
        ("不如以前好吃", {"taste": "negative"}),
        ("好贵啊", {"price": "negative"}),
        ("好吃个屁", {"taste": "negative"}),
        ("味道，真不错", {"taste": "positive"}),
        ("不是不好吃", {"taste": "positive"}),
        ("不难吃", {"taste": "positive"}),
        ("难道不好吃吗", {"taste": "positive"}),
        ("谁说不好吃", {"taste": "positive"}),
        ("谁说好吃", {"taste": "negative"}),
        ("发货慢，客服也不理人", {"logistics": "negative", "service": "negative"}),
        ("垃圾客服", {"service": "negative"}),
        ("喜欢这个味道", {"taste": "positive"}),
        ("效果不明显", {"effect": "negative"}),
        ("不卡顿，很流畅", {"performance": "positive"}),
        ("衣服起球掉色", {"quality": "negative"}),
        ("香味持久", {"smell": "positive"}),
        ("退款很快", {"after_sales": "positive"}),
        ("客服不给退款", {"after_sales": "negative"}),
        ("讲得很清楚，干货满满", {"content": "positive"}),
        ("卫生间很脏", {"environment": "negative"}),
        ("这个颜色显白，很喜欢", {"appearance": "positive"}),
    ],
)
def test_aspects_easy_sentences(text: str, expected: dict[str, str]) -> None:
    assert _aspects(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "好吃吗",
        "好不好吃",
        "贵不贵",
        "质量怎么样",
        "希望质量好一点",
        "要是便宜点就好了",
        "物流一般",
    ],
)
def test_aspects_asked_wished_or_average_are_neutral(text: str) -> None:
    assert set(_aspects(text).values()) == {"neutral"}


@pytest.mark.parametrize(
    "text",
    ["", "你好", "哈哈哈", "我最近打卡了香港", "贵州人在出差", "[赞][赞]", "@好吃的客服 你看"],
)
def test_aspects_nothing_to_judge_gives_nothing(text: str) -> None:
    assert rules.aspects(text) == ()


def test_aspects_score_grows_with_certainty() -> None:
    def score(text: str) -> float:
        return rules.aspects(text)[0].score

    assert score("质量") < score("质量，真不错") < score("质量有点差") < score("质量很差")


def test_aspects_gives_both_polarities_once_each() -> None:
    found = rules.aspects("续航不行，屏幕倒是清晰，拍照也清晰")
    assert [(a.aspect, a.polarity) for a in found] == [
        ("performance", "positive"),
        ("performance", "negative"),
    ]


def test_aspects_pack_adds_terms() -> None:
    assert _aspects("底盘质感不错") != {}
    assert _aspects("胎噪很差") == {}
    assert _aspects("胎噪很差", ("automotive",)) == {"performance": "negative"}


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        ("吃完拉肚子了，找谁说理", "food_safety"),
        ("牛奶里有虫子！", "food_safety"),
        ("菜里吃出一只苍蝇", "food_safety"),
        ("面包发霉了还拿出来卖", "food_safety"),
        ("收到的酸奶已经过期了", "food_safety"),
        ("食物中毒进医院了", "food_safety"),
        ("里面居然有虫子？？菜里的！", "food_safety"),
        ("用了三天脸过敏红肿", "injury"),
        ("充电的时候手机爆炸了", "injury"),
        ("热水壶漏电，差点触电", "injury"),
        ("没用几天充电器就起火了", "injury"),
        ("假货，跟专柜的不一样", "counterfeit"),
        ("骗子商家，退钱", "counterfeit"),
        ("个人信息被泄露了，天天骚扰电话", "privacy"),
        ("酒店房间有针孔摄像头", "privacy"),
        ("这广告歧视女性", "discrimination"),
        ("已经打12315投诉了", "legal"),
        ("再不退款我就打12315", "legal"),
        ("我要起诉你们公司", "legal"),
        ("大家一起抵制这个品牌", "boycott"),
        ("服务员骂人，态度恶劣", "staff"),
        ("快递员偷东西", "staff"),
        ("厂家宣布召回这批车", "defect"),
        ("绿屏是这款手机的通病", "defect"),
    ],
)
def test_risks_stated_is_found(text: str, risk: str) -> None:
    assert rules.risks(text) == (risk,)


@pytest.mark.parametrize(
    "text",
    [
        "没有发霉，很新鲜",
        "会不会过期啊",
        "优惠券过期了",
        "快过期了赶紧用",
        "如果食物中毒怎么办",
        "吃完没有拉肚子",
        "拉肚子吃什么好",
        "没发现异物",
        "菜里没有头发",
        "不会过敏",
        "我是过敏体质，用着没事",
        "对花粉过敏",
        "好吃到爆炸",
        "信息爆炸的时代",
        "这电影爆炸场面震撼",
        "怕起火，不敢充电",
        "小心烫伤",
        "不是假货，放心买",
        "保证正品，假一赔十",
        "这是假货吗？",
        "担心是假货，结果是正品",
        "从来没买到过假货",
        "你个小骗子",
        "周末去度假酒店",
        "别泄露剧情",
        "拒绝歧视",
        "倒车报警器不响",
        "太可爱了我要报警了",
        "抵制不住诱惑",
        "坚决不抵制",
        "顾客辱骂服务员",
        "外卖员被打了",
        "男人的通病",
        "",
    ],
)
def test_risks_denied_feared_asked_or_unrelated_is_none(text: str) -> None:
    assert rules.risks(text) == ()


def test_risks_come_in_label_order() -> None:
    text = "我要起诉你们公司，卖假货，吃完拉肚子"
    assert rules.risks(text) == ("food_safety", "counterfeit", "legal")


def test_risks_pack_words_are_literal_and_can_be_denied() -> None:
    assert rules.risks("牛奶胀包了") == ()
    assert rules.risks("牛奶胀包了", ("dairy",)) == ("food_safety",)
    assert rules.risks("没有胀包", ("dairy",)) == ()
    with pytest.raises(TaxonomyError, match="banks"):
        rules.risks("假货", ("banks",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("多少钱", {"question", "purchase_intent"}),
        ("请问哪里可以买", {"question", "purchase_intent"}),
        ("这个怎么用啊", {"question"}),
        ("好吃吗", {"question"}),
        ("真的假的？", {"question"}),
        ("什么时候补货", {"question", "purchase_intent"}),
        ("一个月工资多少钱", {"question"}),
        ("想买，求链接", {"purchase_intent"}),
        ("种草了", {"purchase_intent"}),
        ("准备入手一台", {"purchase_intent"}),
        ("已下单，期待", {"purchase_intent"}),
        ("客服不理人，要投诉", {"complaint"}),
        ("申请退款一周了还没到", {"complaint"}),
        ("一直没发货", {"complaint"}),
        ("给差评", {"complaint"}),
        ("再也不买了", {"complaint"}),
        ("垃圾商家，避雷了", {"complaint"}),
        ("可以退货吗", {"question"}),
        ("难道不好吃吗", set()),
        ("怎么这么好看", set()),
        ("不想买", set()),
        ("没有差评", set()),
        ("七天无理由退货", set()),
        ("???", set()),
        ("你好", set()),
        ("我要退役", set()),
        ("这是宣传什么价值观", set()),
        ("", set()),
    ],
)
def test_flags_easy_sentences(text: str, expected: set[str]) -> None:
    assert rules.flags(text) == expected


@given(st.text(alphabet="质量好不差很吗没有贵过期吃菜虫子假货？，。但是的 #@[]", max_size=60))
def test_rules_any_text_gives_known_labels(text: str) -> None:
    for found in rules.aspects(text):
        assert found.aspect in ASPECTS
        assert found.polarity in POLARITIES
        assert 0.0 <= found.score <= 1.0
    assert set(rules.risks(text)) <= set(RISKS)
    assert rules.flags(text) <= {"question", "purchase_intent", "complaint"}


@pytest.mark.parametrize(
    "unit", ["质量好不", "拉肚子", "吗", "[", "@", "没有虫子", "好", "大家", "http"]
)
def test_rules_long_repetitive_text_stays_fast(unit: str) -> None:
    text = (unit * 2000)[:2000]
    for find in (rules.aspects, rules.risks, rules.flags):
        find("热身")
        started = time.process_time()
        find(text)
        assert time.process_time() - started < 0.5, find.__name__


@given(
    st.lists(
        st.sampled_from(["求问", "多少钱", "过敏", "味道", "很好", "贵", "奶茶", "，", "[色]"])
    )
)
def test_find_all_gives_what_each_rule_gives(parts: list[str]) -> None:
    text = "".join(parts)
    found = rules.find_all(text)
    assert found.topics == rules.topics(text) and found.flags == rules.flags(text)
    assert found.risks == rules.risks(text) and found.aspects == rules.aspects(text)
