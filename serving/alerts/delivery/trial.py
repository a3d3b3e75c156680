"""Trying a channel out: a notice that nobody can take for a real one, sent at once."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.outbox import Outbox
from serving.alerts.delivery.outcome import Outcome
from serving.alerts.notice import Evidence, Notice


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of a test message."""

    channel: str
    kind: str
    outcome: Outcome
    seconds: float

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.outcome.result == "sent"


def sample_notice(now: datetime) -> Notice:
    """A notice with every part, marked as a test; its dedup key is new each time."""
    return Notice(
        kind="test",
        incident_id="test",
        dedup_key=f"test-{uuid.uuid4().hex}",
        severity="info",
        key={"brand": "示例品牌", "platform": "douyin"},
        title="这是一条测试消息，请忽略",
        at=now,
        opened_at=now - timedelta(minutes=12),
        window_s=900,
        observed=48,
        expected=6.0,
        comments=77,
        share=48 / 77,
        reach=1204,
        aspects=(("taste", 23), ("service", 12)),
        risks=(("food_safety", 18),),
        emotions=(("disgust", 20), ("anger", 11)),
        keywords=(("虫子", 14.2), ("拉肚子", 9.0)),
        platforms=(("douyin", 40), ("weibo", 8)),
        contents=(("示例内容", 30),),
        evidence=(
            Evidence(
                comment_id="示例",
                text="示例评论：喝了一半杯底有虫子",
                why="点赞最多",
                likes=321,
                platform="douyin",
                similar=12,
            ),
        ),
    )


def try_channel(channel: Channel, outbox: Outbox) -> Trial:
    """Sends the sample notice within the receiver's rate."""
    started = time.monotonic()
    now = time.time()
    slot = outbox.take_slot(channel.target, channel.rate, now)
    if isinstance(slot, float):
        at = datetime.fromtimestamp(slot, channel.zone)
        outcome = Outcome(result="limited", code="rate", message=f"no room until {at:%H:%M:%S}")
    else:
        outcome = channel.send(sample_notice(datetime.fromtimestamp(now, UTC)), now=now)
        outbox.settle_slot(slot, time.time())
    return Trial(
        channel=channel.name,
        kind=channel.kind,
        outcome=outcome,
        seconds=time.monotonic() - started,
    )
