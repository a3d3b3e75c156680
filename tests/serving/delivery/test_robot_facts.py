"""What each robot's documentation says, a test per fact that the other tests do not hold exactly.

DingTalk: signature in milliseconds, in the query, encoded once; 20 a minute; 310000 for any mode.
Feishu: signature in seconds, in the body, key and no message; 100 a minute and 5 a second; 20 KB.
WeCom: no signature; 4096 and 2048 bytes; three colours; only texts mention everyone or phones.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from serving.alerts.delivery.channels import dingtalk, feishu, wecom
from serving.alerts.delivery.channels.base import Channel, HttpChannel, Rate
from serving.alerts.delivery.channels.build import build_channel
from serving.alerts.delivery.config import DeliveryConfig, parse_config
from serving.alerts.delivery.errors import ChannelError
from serving.alerts.delivery.notifier import Notifier
from serving.alerts.delivery.outcome import judge_robot
from serving.alerts.delivery.wire import Answer, Post
from serving.alerts.notice import Evidence, Notice
from tests.serving.delivery import robots

MakeNotice = Callable[..., Notice]
Described = Callable[..., Channel]
MOMENT = 1_700_000_000.0
ADDRESS = "https://robot.example.com/send?key=k-000000000000"
CODES = {"dingtalk": dingtalk.CODES, "feishu": feishu.CODES, "wecom": wecom.CODES}


def post(channel: Channel, notice: Notice, now: float = MOMENT) -> Post:
    return cast(HttpChannel, channel).post_for(notice, now=now, withheld=False)


def judged(kind: str, document: Any, status: int = 200, **headers: str) -> tuple[str, float]:
    body = json.dumps(document).encode()
    found = judge_robot(Answer(status=status, headers=headers, body=body), CODES[kind])
    return found.result, found.wait_s


# signatures and timestamps


def test_dingtalk_signature_stands_in_the_query_in_milliseconds_and_encoded_once(
    described: Described, notice: MakeNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S", "SECtest123")
    request = post(described("dingtalk", secret="env:S"), notice())
    signature = "w3RMHXzixTMdzr8OHJUmVLS4IoPJVdu%2BUt1LE48MePE%3D"
    assert request.url == f"{ADDRESS}&timestamp=1700000000000&sign={signature}"
    assert b"timestamp" not in request.body and b"w3RMHX" not in request.body
    assert request.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("kind", ["feishu", "lark"])
def test_feishu_signature_stands_in_the_body_in_seconds_as_text(
    kind: str, described: Described, notice: MakeNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S", "test123")
    request = post(described(kind, secret="env:S"), notice(), MOMENT + 0.9)
    body = json.loads(request.body)
    assert body["timestamp"] == "1700000000"
    assert body["sign"] == "gtONOD5zs2a6P9SszKMhjk5fukFdNyg6JEPgFKK5mHE="
    assert request.url == ADDRESS


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "wecom"])
def test_robot_without_secret_gets_no_signature(
    kind: str, described: Described, notice: MakeNotice
) -> None:
    request = post(described(kind), notice())
    assert request.url == ADDRESS and not {"sign", "timestamp"} & set(json.loads(request.body))


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_message_that_waited_for_hours_is_signed_anew(
    kind: str,
    serve: Callable[[Any], Any],
    config_for: Callable[..., DeliveryConfig],
    notice: MakeNotice,
    tmp_path: Path,
) -> None:
    """Signatures are good for an hour: each attempt has its own."""
    robot = serve(getattr(robots, kind)())
    taken = robots.answer({"errcode": 0, "code": 0})
    robot.answers = [robots.answer({}, 500), robots.answer({}, 500), taken]
    notifier = Notifier(config_for(robot, kind), tmp_path / "alerts.db")
    notifier.offer(notice())
    start = time.time()
    assert [notifier.deliver_due(start + h * 3600).sent for h in (0.1, 2, 4)] == [0, 0, 1]
    for hours, one in zip((0.1, 2, 4), robot.received, strict=True):
        at = start + hours * 3600
        if kind == "dingtalk":
            stamp, given = int(one.query["timestamp"][0]), one.query["sign"][0]
            assert abs(stamp / 1000 - at) < 60
            assert given == dingtalk.sign(robots.SECRET, stamp)
        else:
            stamp, given = int(one.json["timestamp"]), one.json["sign"]
            assert abs(stamp - at) < 60 and given == feishu.sign(robots.SECRET, stamp)


# shapes


def test_dingtalk_body_is_markdown_under_its_own_type(
    described: Described, notice: MakeNotice
) -> None:
    everyone = {"mentions": {"all": True, "mobiles": ["13800000000"], "users": ["u1"]}}
    body = json.loads(described("dingtalk", **everyone).render(notice()))
    assert set(body) == {"msgtype", "markdown", "at"} and body["msgtype"] == "markdown"
    assert set(body["markdown"]) == {"title", "text"}
    assert body["at"] == {"atMobiles": ["13800000000"], "atUserIds": ["u1"], "isAtAll": True}
    assert body["markdown"]["text"].endswith("@13800000000 @u1")  # else nobody is called


def test_feishu_body_is_a_card_beside_its_type(described: Described, notice: MakeNotice) -> None:
    body = json.loads(described("feishu").render(notice()))
    assert set(body) == {"msg_type", "card"} and body["msg_type"] == "interactive"
    assert body["card"]["header"]["title"]["tag"] == "plain_text"
    assert body["card"]["header"]["template"] == "red" and body["card"]["elements"]


def test_wecom_text_is_for_everyone_and_phones_alone(
    described: Described, notice: MakeNotice
) -> None:
    phones = described("wecom", mentions={"mobiles": ["13800000000"]})
    body = json.loads(phones.render(notice()))
    assert set(body) == {"msgtype", "text"}
    assert body["text"]["mentioned_mobile_list"] == ["13800000000"]
    assert body["text"]["mentioned_list"] == [] and "<font" not in body["text"]["content"]


def test_wecom_text_calls_nobody_from_a_comment(
    described: Described, notice: MakeNotice, hostile: str
) -> None:
    everyone = described("wecom", mentions={"all": True})
    text = json.loads(everyone.render(notice(title=hostile, link=None)))["text"]
    assert text["mentioned_list"] == ["@all"]
    assert "大家" in text["content"] and not re.search(r"[@<>]|https?:", text["content"])


@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
@pytest.mark.parametrize("event", ["opened", "resolved"])
def test_wecom_has_three_colours(
    severity: str, event: str, described: Described, notice: MakeNotice
) -> None:
    body = json.loads(described("wecom").render(notice(severity=severity, kind=event)))
    content = body["markdown"]["content"]
    assert set(re.findall(r'<font color="(\w+)">', content)) <= {"info", "comment", "warning"}
    assert content.count("<font") == content.count("</font>") > 0


# sizes, in bytes


@pytest.mark.parametrize(
    ("kind", "everyone", "limit"),
    [
        ("dingtalk", True, 20_000),
        ("feishu", True, 20_000),
        ("wecom", False, 4096),
        ("wecom", True, 2048),
    ],
)
def test_longest_message_with_most_people_is_whole_and_within_the_bytes(
    kind: str,
    everyone: bool,
    limit: int,
    described: Described,
    notice: MakeNotice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("S", "s" * 64)
    users = [f"{n:064}" for n in range(20)]
    more = {} if kind == "wecom" else {"secret": "env:S"}
    channel = described(kind, keyword="值班", mentions={"all": everyone, "users": users}, **more)
    comment = Evidence(comment_id="c", text="险" * 3000, why="一类" * 50, likes=10**7)
    many = notice(
        title="长" * 999,
        evidence=(comment,) * 80,
        playbook=("马上处理" * 40,) * 50,
        key=dict.fromkeys(("tenant", "brand", "product", "platform", "content"), "名" * 300),
        incident_id="i" * 200,
        link="https://tingfeng.example.com/" + "x" * 480,
        keywords=(("词" * 99, 3.0),) * 30,
    )
    request = post(channel, many)
    body = json.loads(request.body)
    text = body[body["msgtype"]]["content"] if kind == "wecom" else request.body.decode()
    assert len(text.encode()) <= limit
    assert "48 条负面评论" in text and "值班" in text and "已截短" not in text
    named = json.dumps(body, ensure_ascii=False)
    assert all(one in named for one in users)


@pytest.mark.parametrize(("everyone", "limit"), [(False, 4096), (True, 2048)])
def test_wecom_uses_the_room_to_the_last_bytes_and_no_more(
    everyone: bool, limit: int, described: Described, notice: MakeNotice
) -> None:
    """A Han character is 3 bytes; growing by one byte at a time, no size is over the limit."""
    channel = described("wecom", mentions={"all": everyone})
    comment = Evidence(comment_id="c", text="险" * 160, why="点赞最多", likes=9)
    sizes = []
    for more in range(470):
        link = "https://tingfeng.example.com/" + "x" * more
        many = notice(evidence=(comment,) * 5, link=link, playbook=("马" * 60,) * 5)
        body = json.loads(channel.render(many))
        sizes.append(len(body[body["msgtype"]]["content"].encode()))
    assert limit - 3 < max(sizes) <= limit


def test_more_people_than_fit_are_refused() -> None:
    mentions = {"users": [f"u{n}" for n in range(21)]}
    described = {"kind": "wecom", "url": "env:U", "mentions": mentions}
    with pytest.raises(ChannelError, match=r"mentions\.users.*20"):
        parse_config({"channels": {"ops": described}}, "t")


# rates


def test_rates_are_those_of_the_documentation() -> None:
    assert dingtalk.RATE == wecom.RATE == Rate(per_minute=20)
    assert Rate(per_minute=100, per_second=5) == feishu.RATE


@pytest.mark.parametrize(("kind", "most"), [("dingtalk", 20), ("wecom", 20), ("lark", 100)])
def test_rate_above_the_robots_is_refused(
    kind: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("U", ADDRESS)
    for wanted in (most, most + 1):
        config = parse_config(
            {"channels": {"ops": {"kind": kind, "url": "env:U", "per_minute": wanted}}}, "t"
        )
        if wanted == most:
            assert build_channel("ops", config).rate.per_minute == most
        else:
            with pytest.raises(ChannelError, match=f"at most {most}.*found {wanted}"):
                build_channel("ops", config)


def test_feishu_gets_five_a_second_and_a_hundred_a_minute(
    serve: Callable[[Any], Any],
    config_for: Callable[..., DeliveryConfig],
    notice: MakeNotice,
    tmp_path: Path,
) -> None:
    robot = serve(robots.feishu(secret=None))
    notifier = Notifier(config_for(robot, "feishu"), tmp_path / "alerts.db")
    for number in range(12):
        notifier.offer(notice(dedup_key=str(number), incident_id=str(number)))
    now = time.time() + 60
    assert [notifier.deliver_due(now + 2 * n).sent for n in range(3)] == [5, 5, 2]


# answers: HTTP 200 says nothing


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("dingtalk", {"errcode": 0, "errmsg": "ok"}, ("sent", 0)),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, ("limited", 600)),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, ("final", 0)),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, ("final", 0)),
        ("dingtalk", {"errcode": 310000, "errmsg": "ip 1.2.3.4 not in whitelist"}, ("final", 0)),
        ("dingtalk", {"errcode": 310000, "errmsg": "关键词「频率过快」不匹配"}, ("final", 0)),
        ("dingtalk", {"errcode": False, "errmsg": "ok"}, ("uncertain", 0)),
        ("dingtalk", {"errcode": None, "errmsg": "ok"}, ("uncertain", 0)),
        ("dingtalk", {"code": 0, "msg": "success"}, ("uncertain", 0)),  # another robot's answer
        ("feishu", {"code": 0, "msg": "success"}, ("sent", 0)),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, ("limited", 60)),
        ("feishu", {"code": 9499, "msg": "Bad Request"}, ("shorten", 0)),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, ("final", 0)),
        ("feishu", {"code": 19022, "msg": "Ip Not Allowed"}, ("final", 0)),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, ("final", 0)),
        ("feishu", {"errcode": 0, "errmsg": "ok"}, ("uncertain", 0)),
        ("wecom", {"errcode": 0, "errmsg": "ok"}, ("sent", 0)),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, ("limited", 60)),
    ],
)
def test_answer_means_what_its_code_says(
    kind: str, document: dict[str, Any], expected: tuple[str, float]
) -> None:
    assert judged(kind, document) == expected


@pytest.mark.parametrize(
    ("status", "code", "headers", "expected"),
    [
        (503, 777, {}, ("retry", 0)),
        (429, 777, {"retry-after": "77"}, ("limited", 77)),
        (429, 11232, {"retry-after": "77"}, ("limited", 77)),
        (429, 11232, {}, ("limited", 60)),
        (400, 9499, {}, ("shorten", 0)),
        (400, 777, {}, ("final", 0)),
        (403, 19022, {}, ("final", 0)),
        (500, 0, {}, ("retry", 0)),
    ],
)
def test_status_decides_where_the_code_is_unknown_and_the_longer_wait_counts(
    status: int, code: int, headers: dict[str, str], expected: tuple[str, float]
) -> None:
    assert judged("feishu", {"code": code, "msg": "?"}, status, **headers) == expected


def test_feishu_throttled_on_the_whole_hour_gets_the_message_a_minute_later(
    serve: Callable[[Any], Any],
    config_for: Callable[..., DeliveryConfig],
    notice: MakeNotice,
    tmp_path: Path,
) -> None:
    robot = serve(robots.feishu())
    robot.answers = [robots.answer({"code": 11232, "msg": "frequency limited"})]
    notifier = Notifier(config_for(robot, "feishu"), tmp_path / "alerts.db")
    notifier.offer(notice())
    now = time.time()
    assert [notifier.deliver_due(now + s).sent for s in (0, 30, 62)] == [0, 0, 1]
