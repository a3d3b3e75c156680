"""A draft brief from a segment's facts: topic, angle, selling points, what to avoid, when, where.

Every line names the comments behind it; where there is too little, the line is left out and said to
be. No language model writes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.labels import ASPECTS, INTERESTS, PLATFORMS, RISKS
from profiles.advice.facts import (
    LEAST,
    Channel,
    Quote,
    SegmentFacts,
    TopicTrend,
    falling,
    rising,
)

POINTS: Final = 3
SHOWN_CHARS: Final = 40


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the brief in Chinese and the comments that carry it."""

    part: str  # topic angle selling_point avoid time channel
    text: str
    evidence: tuple[Quote, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Brief:
    """The lines in reading order, and in ``missing`` what there were too few comments for."""

    lines: tuple[Line, ...]
    missing: tuple[str, ...]


def draft(facts: SegmentFacts) -> Brief:
    """The brief for a segment.

    A topic needs 5 recent comments, an aspect 5 and more for than against (or against than for).
    """
    parts = {
        "主题": _topic(facts),
        "切入角度": _angle(facts),
        "卖点": _selling_points(facts),
        "避开": _avoid(facts),
        "发布时间": _time(facts),
        "渠道": _channel(facts),
    }
    lines = tuple(line for found in parts.values() for line in found)
    return Brief(lines=lines, missing=tuple(name for name, found in parts.items() if not found))


def _topic(facts: SegmentFacts) -> list[Line]:
    up = rising(facts)
    if up:
        return [_topic_line(up[0], f"近期明显升温（占比为此前的 {up[0].ratio:.1f} 倍）")]
    known = [t for t in facts.topics if t.recent >= LEAST]
    if not known:
        return []
    most = max(known, key=lambda t: (t.recent, t.topic))
    return [_topic_line(most, "近期谈得最多，占比平稳")]


def _topic_line(topic: TopicTrend, why: str) -> Line:
    name = INTERESTS.get(topic.topic, topic.topic)
    text = f"{name}：{why}，近期 {topic.recent} 条评论"
    return Line(part="topic", text=text, evidence=topic.quotes)


def _angle(facts: SegmentFacts) -> list[Line]:
    if not facts.questions:
        return []
    asked = facts.questions[0]
    text = f"先回答大家问得最多的“{asked.word}”（{asked.n} 条提问），例如“{_short(asked.quotes)}”"
    return [Line(part="angle", text=text, evidence=asked.quotes)]


def _selling_points(facts: SegmentFacts) -> list[Line]:
    liked = [a for a in facts.aspects if a.positive > a.negative and a.positive >= LEAST]
    liked.sort(key=lambda a: (a.negative - a.positive, a.aspect))
    return [
        Line(
            part="selling_point",
            text=f"{ASPECTS.get(a.aspect, a.aspect)}：{a.positive} 条好评、{a.negative} 条差评，"
            f"如“{_short(a.for_it)}”",
            evidence=a.for_it,
        )
        for a in liked[:POINTS]
    ]


def _avoid(facts: SegmentFacts) -> list[Line]:
    disliked = [a for a in facts.aspects if a.negative > a.positive and a.negative >= LEAST]
    disliked.sort(key=lambda a: (a.positive - a.negative, a.aspect))
    lines = [
        Line(
            part="avoid",
            text=f"{RISKS.get(r.risk, r.risk)}：{r.n} 条评论提到，先由公关处理，内容里不要碰",
            evidence=r.quotes,
        )
        for r in facts.risks
        if r.n >= 2
    ]
    lines += [
        Line(
            part="avoid",
            text=f"{ASPECTS.get(a.aspect, a.aspect)}：{a.negative} 条差评，"
            f"不要当卖点讲，如“{_short(a.against_it)}”",
            evidence=a.against_it,
        )
        for a in disliked[:POINTS]
    ]
    cold = falling(facts)
    if cold:
        name = INTERESTS.get(cold[0].topic, cold[0].topic)
        text = f"{name}：热度在降（占比为此前的 {cold[0].ratio:.1f} 倍），不宜再押"
        lines.append(Line(part="avoid", text=text, evidence=cold[0].quotes))
    return lines


def _time(facts: SegmentFacts) -> list[Line]:
    total = sum(n for _, n in facts.hours)
    if total < LEAST:
        return []
    best = sorted(facts.hours, key=lambda hour: (-hour[1], hour[0]))[:3]
    said = "、".join(f"{h} 点" for h, _ in sorted(best))
    share = sum(n for _, n in best) / total
    return [Line(part="time", text=f"{said}最活跃，占全部评论的 {share:.0%}（共 {total} 条）")]


def _channel(facts: SegmentFacts) -> list[Line]:
    known = [c for c in facts.channels if c.n >= LEAST and c.platform != "unknown"]
    if not known:
        return []
    best = max(known, key=lambda c: (c.n, c.platform))
    return [Line(part="channel", text=_channel_text(best))]


def _channel_text(channel: Channel) -> str:
    name = PLATFORMS.get(channel.platform, channel.platform)
    mood = "" if channel.mean_score is None else f"，平均情感 {channel.mean_score:+.2f}"
    return f"{name}：{channel.n} 条评论，平均每条 {channel.likes_per_comment:.1f} 个赞{mood}"


def _short(quotes: tuple[Quote, ...]) -> str:
    text = quotes[0].text.replace("\n", " ") if quotes else "…"
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
