"""Comments in, incidents and messages out: grouping, severity, evidence, triggers, keys."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from serving.alerts.comments import count_keys
from serving.alerts.incidents import Incident
from serving.alerts.monitor import Monitor
from serving.alerts.notice import Notice
from serving.alerts.postmortem import post_mortem
from serving.alerts.replay import incident_line, replay
from serving.alerts.rules import Rules

DAY_S = 86_400
Make = Callable[..., pa.Table]


@pytest.fixture(scope="module")
def crisis(
    comments: Make, quiet_days: Make, rules: Rules, monday: int
) -> tuple[list[Incident], list[Notice]]:
    """Four quiet days of two contents, and on the fourth a storm under one of them."""
    start = monday + 3 * DAY_S + 6 * 3600
    storm = comments(
        start, 3600, 90, 85, seed=9,
        text="喝完拉肚子还有虫子太恶心了", risks=[["food_safety"]] * 90,
        likes=list(range(90)), keywords=[["虫子"]] * 90, bad_aspects=[["quality"]] * 90,
        aspects=[["quality"]] * 90,
    )  # fmt: skip
    other = quiet_days(4, content="7302")
    names = pa.array([f"x{k}" for k in range(other.num_rows)])
    other = other.set_column(0, "comment_id", names)
    quiet = [quiet_days(4), other]
    told: list[Notice] = []
    found = replay([*quiet, storm.slice(40), storm.slice(0, 60)], rules, told.append)
    return found, told


def test_related_alerts_are_one_incident_about_the_content(
    crisis: tuple[list[Incident], list[Notice]], monday: int
) -> None:
    (one,), _ = crisis
    assert one.key == {"brand": "all", "platform": "douyin", "content": "7301"}
    names = " ".join(one.alerts)
    assert "risk=food_safety" in names and "aspect=quality" in names
    start = monday + 3 * DAY_S + 6 * 3600
    assert start < one.opened_at <= start + 900
    assert one.closed_at is not None and one.closed_at > start + 3600
    assert one.severity == "critical"


def test_messages_of_the_incident(crisis: tuple[list[Incident], list[Notice]]) -> None:
    (one,), told = crisis
    assert told[0].kind == "opened" and told[-1].kind == "resolved"
    assert len({notice.dedup_key for notice in told}) == len(told) == one.messages
    notice = told[-1]
    assert notice.key == {"platform": "douyin", "content": "7301"}
    assert notice.observed > 5 * notice.expected and notice.risks[0][0] == "food_safety"
    assert notice.keywords[0][0] == "虫子" and notice.evidence
    assert notice.suspected_water_army is not None and notice.suspected_water_army > 0.8


def test_replay_line_has_what_scripts_rely_on(
    crisis: tuple[list[Incident], list[Notice]],
) -> None:
    (one,), told = crisis
    line = incident_line(one)
    names = "incident_id key severity opened_at closed_at observed expected risks evidence"
    assert set(names.split()) <= set(line)
    assert line["opened_at"] == told[0].at.isoformat().replace("+00:00", "Z")
    assert line["risks"] == ["food_safety"] and line["evidence"][0]["text"].startswith("喝完")
    assert line["without_suspects"] < line["observed"]


def test_post_mortem_tells_the_story_and_escapes(
    crisis: tuple[list[Incident], list[Notice]],
) -> None:
    (one,), _ = crisis
    one.evidence[0]["text"] = "# [点我](http://x) | *粗*"
    told = post_mortem(one)
    assert "## 经过" in told and "opened" in told and "closed" in told
    assert r"\# \[点我\]\(http://x\) \| \*粗\*" in told


def test_single_comment_with_a_grave_word_is_enough(
    comments: Make, rules: Rules, monday: int
) -> None:
    one = comments(
        monday,
        60,
        3,
        3,
        text="孩子喝完食物中毒住院了",
        risks=[["food_safety"], ["food_safety"], []],
    )
    later = comments(monday + 2 * DAY_S, 60, 1, 0, seed=1)
    (found,) = replay([one, later], rules)
    assert found.severity == "critical" and found.key == {"brand": "all", "risk": "food_safety"}
    assert found.root.observed == 2 and found.closed_at == monday + 300 + DAY_S
    unsure = comments(
        monday, 60, 1, 1, text="食物中毒住院", risks=[["food_safety"]], p_negative=0.3
    )
    assert replay([unsure, later], rules) == []


def test_quiet_days_are_quiet_and_repeats_count_once(quiet_days: Make, rules: Rules) -> None:
    quiet = quiet_days(3)
    assert replay([quiet, quiet, quiet], rules) == []
    assert replay([], rules) == []


def test_count_keys_of_aspects_and_risks(comments: Make, rules: Rules, monday: int) -> None:
    table = comments(
        monday, 200, 4, 2, aspects=[["taste"], ["taste", "price"], [], []],
        bad_aspects=[["taste"], [], [], []], risks=[["legal"], [], [], []],
    )  # fmt: skip
    found = {
        dict(one.key).get("aspect") or dict(one.key).get("risk"): (one.comments, one.negatives)
        for one in count_keys(table, rules.watch[3:])
    }
    assert found["taste"] == (2, 1) and found["price"] == (1, 0)
    assert found["legal"] == (4, 1) and found["boycott"] == (4, 0)


def test_idle_keys_leave_when_there_are_too_many(comments: Make, rules: Rules, monday: int) -> None:
    few = rules.model_copy(update={"max_keys": 15, "watch": (rules.watch[2],)})
    monitor = Monitor(few)
    for k in range(40):
        monitor.feed(comments(monday + 60 * k, 50, 2, 1, seed=k, content=str(k)))
        monitor.advance(monday + 60 * k)
    assert len(monitor.keys) <= 30 and monitor.counts["dropped_keys"] > 0
    assert len(monitor.keys) == monitor.state.keys
