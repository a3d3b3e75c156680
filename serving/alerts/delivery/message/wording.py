"""How numbers, times and names are said in Chinese."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final

from data.labels import ASPECTS, EMOTIONS, PLATFORMS, RISKS

SEVERITIES: Final = MappingProxyType({"info": "提示", "warning": "警告", "critical": "严重"})
MARKS: Final = MappingProxyType({"info": "🔵", "warning": "🟠", "critical": "🔴"})
KINDS: Final = MappingProxyType(
    {
        "opened": "新事件",
        "updated": "有新进展",
        "worsened": "正在加重",
        "reminder": "仍未恢复",
        "escalated": "无人确认，升级通知",
        "resolved": "已恢复",
        "test": "测试消息",
    }
)
KEYS: Final = MappingProxyType(
    {
        "tenant": "租户",
        "brand": "品牌",
        "product": "商品",
        "content": "内容",
        "aspect": "方面",
        "risk": "风险",
        "platform": "平台",
        "source": "数据来源",
    }
)
_NAMES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "aspect": ASPECTS,
        "risk": RISKS,
        "platform": PLATFORMS,
        "emotion": EMOTIONS,
        "source": {"comments": "评论"},
    }
)


def name_of(kind: str, label: str) -> str:
    """The Chinese name of a label; other texts as they are."""
    return _NAMES.get(kind, {}).get(label, label)


def count(number: float) -> str:
    """A count with thousands marks; a fraction only below ten; ? for what is no number."""
    if not math.isfinite(number):
        return "?"
    if number < 10 and number != int(number):
        return f"{number:.1f}".rstrip("0").rstrip(".")
    return f"{round(number):,}"


def times(ratio: float) -> str:
    """A multiple: one decimal below ten."""
    return f"{count(ratio)} 倍"


def percent(share: float) -> str:
    """A share in percent, blank first, that never says 0 or 100 of what is not."""
    if not math.isfinite(share):
        return " ?"
    share = min(max(share, 0.0), 1.0)
    if 0 < share < 0.01:
        return "不到 1%"
    if 0.99 < share < 1:
        return " 99% 以上"
    return f" {share * 100:.0f}%"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    minutes = max(round(seconds / 60), 0)
    if minutes < 1:
        return f"{max(round(seconds), 0)} 秒"
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    units = ((days, "天"), (hours, "小时"), (minutes, "分钟"))
    named = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(named[:2])


def moment(at: datetime, zone: tzinfo) -> str:
    """A time of day with its date; a time without a zone is UTC."""
    local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def seconds_between(start: datetime, end: datetime) -> float:
    """Seconds from one moment to another, whether or not they have zones."""
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return (end - start).total_seconds()
