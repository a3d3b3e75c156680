"""Advice: counted by hand, each line with its comments, nothing said from too little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from data.columns import COMMENTS, SCORES
from profiles.advice.brief import draft
from profiles.advice.facts import falling, rising, segment_facts, two_proportions

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCHEMA = pa.schema([*COMMENTS, *SCORES])


def comment(i: int, days_ago: float, **values: Any) -> dict[str, Any]:
    base = {
        "comment_id": f"c{i}",
        "platform": "douyin",
        "text": f"这是第{i}条评论",
        "created_at": NOW - timedelta(days=days_ago),
        "like_count": i,
        "keywords": [],
        "flags": [],
        "risks": [],
        "aspects": [],
        "interests": [],
    }
    return base | values


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def segment() -> pa.Table:
    good = [{"aspect": "effect", "polarity": "positive", "score": 0.9}]
    bad = [{"aspect": "price", "polarity": "negative", "score": 0.9}]
    asked = {"flags": ["question"], "keywords": ["色号"], "text": "这个色号叫什么名字呀"}
    rows = [comment(i, 3, interest="beauty", aspects=good) for i in range(20)]
    rows += [comment(i, 4, interest="food", aspects=bad) for i in range(20, 26)]
    rows += [comment(i, 60, interest="food") for i in range(30, 60)]
    rows += [comment(i, 5, **asked) for i in range(60, 63)]
    rows += [comment(i, 5, risks=["injury"], text="用完过敏进医院了") for i in range(70, 72)]
    rows += [comment(99, -2, interest="auto"), comment(98, 900, interest="auto")]
    return table(rows)


def test_topics_that_rise_and_fall_by_hand() -> None:
    facts = segment_facts(segment(), NOW)
    assert (facts.comments, facts.recent) == (61, 31)
    (up,), (down,) = rising(facts), falling(facts)
    assert (up.topic, up.recent, up.before) == ("beauty", 20, 0)
    assert (down.topic, down.recent, down.before) == ("food", 6, 30)
    assert up.z == pytest.approx(two_proportions(20, 31, 0, 30))


def test_nothing_after_the_moment_and_nothing_too_old_counts() -> None:
    assert not any(t.topic == "auto" for t in segment_facts(segment(), NOW).topics)


def test_every_line_of_a_brief_names_its_comments() -> None:
    brief = draft(segment_facts(segment(), NOW))
    lines = {line.part: line for line in reversed(brief.lines)}
    assert lines["topic"].text.startswith("美妆护肤") or "美妆" in lines["topic"].text
    assert "色号" in lines["angle"].text and "3 条提问" in lines["angle"].text
    assert "效果：20 条好评、0 条差评" in lines["selling_point"].text
    assert lines["selling_point"].evidence[0].comment_id == "c19"  # the most liked one
    assert "人身伤害：2 条" in lines["avoid"].text
    assert any("价格：6 条差评" in line.text for line in brief.lines)
    assert "抖音" in lines["channel"].text
    assert brief.missing == ()


def test_too_little_is_said_to_be_missing() -> None:
    brief = draft(segment_facts(table([comment(1, 1)]), NOW))
    assert brief.lines == ()
    assert set(brief.missing) == {"主题", "切入角度", "卖点", "避开", "发布时间", "渠道"}


def test_no_comments_at_all_are_no_error() -> None:
    facts = segment_facts(table([]), NOW)
    assert (facts.comments, facts.topics, facts.channels) == (0, (), ())


def test_two_proportions_by_hand() -> None:
    assert two_proportions(30, 100, 20, 100) == pytest.approx(1.633, abs=1e-3)
    assert two_proportions(0, 0, 5, 10) == 0.0
