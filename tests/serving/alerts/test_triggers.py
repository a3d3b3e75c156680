"""Single comments: harm to minors is one, a manner of speaking with 孩子 in it is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from serving.alerts.rules import Rules, Trigger
from serving.alerts.triggers import Hit, find_hits

Make = Callable[..., pa.Table]


@pytest.fixture
def hits(comments: Make, rules: Rules, monday: int) -> Callable[..., list[Hit]]:
    """The hits of one sure comment under the default rules."""

    def find(text: str, risk: str = "food_safety", **more: Any) -> list[Hit]:
        table = comments(monday, 60, 1, 1, text=text, risks=[[risk]], **more)
        return find_hits(table, rules.triggers)

    return find


@pytest.mark.parametrize(
    "text",
    [
        "我孩子都快馋哭了",
        "笑死，跟个孩子似的",
        "救救孩子吧，这味道真的会中毒",
        "学生党钱包受伤了",
        "本宝宝今天又过敏了，怪我自己嘴馋",
        "宝宝们别买，我用了过敏",
        "孩子饿死了，外卖怎么还不到",
        "孩子都要哭死了，店员态度真差",
        "难吃到像喂小孩的，差评",
        "娃哈哈过期了",
        "熊孩子踹了我一路椅背",
        "带孩子等位俩小时[吐血]",
        "这东西还敢给孩子吃？",
        "老板跟个孩子一样耍脾气，把我气吐了",
        "店员小声说又一个只看不买的穷学生",
        "像个孩子，笑出血了",
        "带孩子来的，等了两个小时没人理，服务员翻白眼，菜上来都凉了，差评，退钱，老板出来解释下吧，隔壁桌说前年有人过敏",
    ],
)
@pytest.mark.parametrize("risk", ["food_safety", "injury", "staff"])
def test_manner_of_speaking_with_children_is_no_trigger(
    text: str, risk: str, hits: Callable[..., list[Hit]]
) -> None:
    assert [one for one in hits(text, risk) if one.name == "未成年人"] == []


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        ("孩子喝完上吐下泻，一晚上没睡", "food_safety"),
        ("给宝宝用了全身过敏起疹子", "injury"),
        ("发烧到39度，孩子就吃了你家蛋糕", "food_safety"),
        ("小孩被热汤烫伤了，店里没人管", "injury"),
        ("店员推倒我家小孩还不道歉", "staff"),
        ("老师体罚学生", "staff"),
        ("宝宝辅食里吃出玻璃", "food_safety"),
        ("我女儿的手\n被门夹伤", "injury"),
        ("跟个孩子似的店员，把我儿子骂哭了", "staff"),
        ("幼儿园小朋友好几个拉肚子", "food_safety"),
        ("吃坏了，孩子还躺在医院输液", "food_safety"),
        ("把孩子从楼梯上推下去，没救过来", "injury"),
        ("阿姨掐孩子，还踹了一脚", "staff"),
        ("我吃了难受，孩子一样拉肚子", "food_safety"),
        ("娃娃被你家保温杯烫伤", "injury"),
    ],
)
def test_harm_to_a_minor_is_a_critical_trigger(
    text: str, risk: str, hits: Callable[..., list[Hit]]
) -> None:
    (found,) = hits(text, risk)
    assert (found.name, found.severity, found.key["risk"]) == ("未成年人", "critical", risk)


def test_unsure_comment_or_another_risk_is_no_trigger(hits: Callable[..., list[Hit]]) -> None:
    text = "孩子喝完上吐下泻"
    assert hits(text, p_negative=0.79) == [] and hits(text, "legal") == []


def test_near_words_stand_within_so_many_characters(comments: Make, monday: int) -> None:
    given: dict[str, Any] = {"name": "x", "risks": ["injury"], "min_p_negative": 0.5}
    near = Trigger(words=("娃",), near=("伤",), near_chars=3, ignore=("伤心",), **given)
    for text, fits in {
        "娃123伤": True,
        "伤123娃": True,
        "娃1234伤": False,
        "娃伤心": False,
        "娃": False,
        "伤": False,
        "伤1234娃1伤": True,
        "": False,
    }.items():
        table = comments(monday, 60, 1, 1, text=text, risks=[["injury"]])
        assert bool(find_hits(table, (near,))) is fits, text
    alone = Trigger(words=("娃.",), **given)  # words are no patterns
    assert find_hits(comments(monday, 60, 1, 1, text="娃1", risks=[["injury"]]), (alone,)) == []


@pytest.mark.parametrize("wrong", [{"words": [""]}, {"near": [""]}, {"near_chars": -1}])
def test_words_that_would_fit_everything_are_refused(wrong: dict[str, Any]) -> None:
    given = {"name": "x", "risks": ["injury"], "words": ["伤"], "min_p_negative": 0.5}
    with pytest.raises(ValidationError):
        Trigger.model_validate(given | wrong)
