"""What the tests of delivery share: a notice, servers that behave like robots, channels to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.channels.build import build_channel
from serving.alerts.delivery.config import DeliveryConfig, parse_config
from serving.alerts.notice import Evidence, Notice
from tests.serving.delivery import robots

AT = datetime(2026, 11, 23, 13, 17, tzinfo=UTC)
HOSTILE = (
    "# 大家看\n@all @13800000000 [点我](https://evil.com/x) <at id=all></at> <@all> **粗** `code` "
    '![图](//evil.cn/i.png) <font color="red">红</font> www.evil.cn &lt;a&gt; ~~删~~ '
    "\u202e倒\u200b零\u0000宽\ud83d 3.5元\n> 引\n1. 列"
)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Any]]:
    """Starts a robot's server; all are stopped in the end."""
    started: list[Any] = []

    def start(robot: Any) -> Any:
        started.append(robots.serve(robot))
        return robot

    yield start
    for robot in started:
        robot.server.shutdown()
        robot.server.server_close()


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """A full notice, with members changed."""

    def make(**changed: Any) -> Notice:
        members: dict[str, Any] = {
            "kind": "opened",
            "incident_id": "inc-1",
            "dedup_key": "inc-1:opened",
            "severity": "critical",
            "key": {"brand": "花间茶", "platform": "douyin"},
            "title": "花间茶：抖音负面评论激增",
            "at": AT,
            "opened_at": datetime(2026, 11, 23, 13, 5, tzinfo=UTC),
            "window_s": 900,
            "observed": 48,
            "expected": 6.0,
            "comments": 77,
            "share": 48 / 77,
            "reach": 1204,
            "aspects": (("taste", 23), ("service", 12)),
            "risks": (("food_safety", 18),),
            "emotions": (("disgust", 20), ("none", 15), ("anger", 11)),
            "keywords": (("虫子", 14.2), ("拉肚子", 9.0)),
            "platforms": (("douyin", 40), ("weibo", 8)),
            "contents": (("7301234567890123456", 30), ("7302", 5)),
            "suspected_water_army": 0.18,
            "link": "https://tingfeng.example.com/incidents/inc-1",
            "evidence": (
                Evidence(
                    comment_id="c1",
                    text="喝了一半杯底有虫子，已经打12315",
                    why="点赞最多",
                    likes=321,
                    platform="douyin",
                    similar=12,
                    at=datetime(2026, 11, 23, 13, 7, tzinfo=UTC),
                ),
                Evidence(comment_id="c2", text=HOSTILE, why="最早出现", platform="weibo"),
            ),
        }
        return Notice(**{**members, **changed})

    return make


@pytest.fixture
def config_for(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., DeliveryConfig]:
    """The description of one channel ``ops`` to a local robot, which the allow-list names."""

    def make(robot: Any, kind: str, *, allow: bool = True, **more: Any) -> DeliveryConfig:
        monkeypatch.setenv("OPS_URL", robots.url_of(robot, kind))
        monkeypatch.setenv("OPS_SECRET", robots.SECRET)
        described = {"kind": kind, "url": "env:OPS_URL", **more}
        if kind != "wecom":
            described.setdefault("secret", "env:OPS_SECRET")
        internal = [robot.host] if allow else []
        return parse_config({"channels": {"ops": described}, "internal_receivers": internal}, "t")

    return make


@pytest.fixture
def channel_for(config_for: Callable[..., DeliveryConfig]) -> Callable[..., Channel]:
    """The channel of ``config_for``."""
    return lambda robot, kind, **more: build_channel("ops", config_for(robot, kind, **more))


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Channel]:
    """A channel that is rendered but never sent to."""

    def make(kind: str, **more: Any) -> Channel:
        monkeypatch.setenv("NO_URL", "https://robot.example.com/send?key=k-000000000000")
        url = {} if kind in ("stdout", "jsonl", "mail") else {"url": "env:NO_URL"}
        config = parse_config({"channels": {"one": {"kind": kind, **url, **more}}}, "t")
        return build_channel("one", config)

    return make
