"""What people read: golden messages of each channel, hostile comments, sizes in bytes."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.message import wording
from serving.alerts.delivery.message.brief import safe_link
from serving.alerts.delivery.message.escape import clean, cut_bytes, defang, markdown
from serving.alerts.notice import Evidence, Notice

GOLDEN = Path(__file__).with_name("golden")
Described = Callable[..., Channel]
MakeNotice = Callable[..., Notice]
ROBOTS = ("dingtalk", "feishu", "wecom")
FILES = {"dingtalk": "md", "feishu": "json", "wecom": "md", "stdout": "txt", "mail": "txt"}
MAIL = {"host": "mail.example.com", "sender": "tf@example.com", "recipients": ["pr@example.com"]}


def shown(kind: str, rendered: str) -> str:
    """The rendered message as a person would want to compare it."""
    if kind == "feishu":
        return json.dumps(json.loads(rendered), ensure_ascii=False, indent=1) + "\n"
    if kind in ("dingtalk", "wecom"):
        document = json.loads(rendered)["markdown"]
        return "\n".join(filter(None, [document.get("title"), document.get("text")])) + str(
            document.get("content", "")
        )
    return rendered


def content_bytes(kind: str, rendered: str) -> int:
    if kind == "wecom":
        document = json.loads(rendered)
        return len(document[document["msgtype"]]["content"].encode())
    return len(rendered.encode())


LIMITS = {"dingtalk": 20_000, "feishu": 20_000, "wecom": 4096}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("event", ["opened", "resolved"])
def test_message_is_the_golden_one(
    kind: str, event: str, described: Described, notice: MakeNotice
) -> None:
    """Written anew with TINGFENG_TEST_GOLDEN=write; read the difference before committing it."""
    changed: dict[str, Any] = {"kind": event}
    if event == "resolved":
        later = notice().at + timedelta(minutes=95)
        changed |= {"observed": 3, "comments": 40, "share": 3 / 40, "at": later, "closed_at": later}
    text = shown(
        kind, described(kind, **(MAIL if kind == "mail" else {})).render(notice(**changed))
    )
    path = GOLDEN / f"{kind}-{event}.{FILES[kind]}"
    if os.environ.get("TINGFENG_TEST_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("kind", ROBOTS)
def test_hostile_comment_brings_no_markup(
    kind: str, described: Described, notice: MakeNotice, hostile: str
) -> None:
    evil = notice(
        title=hostile,
        link=None,
        key={"brand": hostile},
        keywords=((hostile, 3.0),),
        contents=((hostile, 1),),
        incident_id=hostile,
        playbook=(hostile,),
        evidence=(Evidence(comment_id="c", text=hostile, why=hostile, platform=hostile),),
    )
    rendered = described(kind).render(evil)
    texts = [text for text in strings(json.loads(rendered)) if "大家" in text]
    assert texts
    for text in texts:
        for mark in ("@", "](", "`", "![", "~~", "<at", "<@", "&lt;", "http:", "https:"):
            assert mark not in text
        assert "evil.c" not in text and "＠all" in text
        assert not any(unicodedata.category(one) in ("Cf", "Cs") for one in text)
        assert all(one == "\n" or unicodedata.category(one) != "Cc" for one in text)
    assert not re.search(r"^(#(?!## )|1\. 列|> 引)", "\n".join(texts), re.MULTILINE)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in strings(one)]


@pytest.mark.parametrize("kind", ROBOTS)
@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
def test_nobody_is_mentioned_unless_configured(
    kind: str, severity: str, described: Described, notice: MakeNotice
) -> None:
    rendered = described(kind).render(notice(severity=severity))
    assert "@" not in rendered and "<at " not in rendered and "mentioned" not in rendered
    assert '"isAtAll": true' not in rendered


def test_mentions_follow_severity_and_stay_out_of_recoveries(
    described: Described, notice: MakeNotice
) -> None:
    everyone = {"mentions": {"all": True, "users": ["u1"], "min_severity": "warning"}}
    at = json.loads(described("dingtalk", **everyone).render(notice()))["at"]
    assert at == {"atMobiles": [], "atUserIds": ["u1"], "isAtAll": True}
    card = described("feishu", **everyone).render(notice(severity="warning"))
    assert "<at id=all></at> <at id=u1></at>" in card
    text = json.loads(described("wecom", **everyone).render(notice()))
    assert text["msgtype"] == "text" and text["text"]["mentioned_list"] == ["u1", "@all"]
    only = described("wecom", mentions={"users": ["u1"]}).render(notice())
    assert "<@u1>" in only and json.loads(only)["msgtype"] == "markdown"
    for calm in (notice(severity="info"), notice(kind="resolved")):
        assert "all></at>" not in described("feishu", **everyone).render(calm)
        assert json.loads(described("dingtalk", **everyone).render(calm))["at"]["isAtAll"] is False


@pytest.mark.parametrize("kind", ROBOTS)
def test_long_notice_is_shortened_honestly(
    kind: str, described: Described, notice: MakeNotice
) -> None:
    evidence = tuple(
        Evidence(comment_id=str(n), text="太难喝了" * 400, why="代表一类") for n in range(60)
    )
    rendered = described(kind).render(notice(evidence=evidence, playbook=("做" * 300,) * 40))
    assert content_bytes(kind, rendered) <= LIMITS[kind]
    quoted = rendered.count("「")
    assert f"另有 {60 - quoted} 条代表评论未列出" in rendered
    steps = int(re.findall(r"另有 (\d+) 条建议未列出", rendered)[0])
    assert len(re.findall(r"\d\. 做", rendered)) + steps == 40
    assert "48 条负面评论" in rendered and "严重" in rendered


TEXTS = st.text(st.characters(), max_size=60) | st.sampled_from(["险" * 500, "\ud800", "\u200b"])
PAIRS = st.lists(st.tuples(TEXTS, st.integers(0, 10**9)), max_size=30).map(tuple)
COMMENTS = st.lists(
    st.builds(Evidence, comment_id=TEXTS, text=TEXTS, why=TEXTS, likes=st.integers(0, 10**7)),
    max_size=30,
).map(tuple)


@pytest.fixture
def sized(described: Described) -> list[tuple[Channel, int]]:
    """Channels with the limits of what they render, in bytes."""
    everyone = {"mentions": {"all": True, "users": ["u" * 64]}}
    usual = [(described(kind), LIMITS[kind]) for kind in ROBOTS]
    return [
        *usual,
        (described("wecom", **everyone), 2048),
        (described("feishu", **everyone), 20_000),
    ]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    title=TEXTS,
    key=st.dictionaries(TEXTS, TEXTS, max_size=12),
    pairs=PAIRS,
    evidence=COMMENTS,
    steps=st.lists(TEXTS, max_size=30).map(tuple),
    expected=st.floats(0, 1e9) | st.just(float("nan")),
)
def test_any_notice_fits_every_robot(
    sized: list[tuple[Channel, int]], described: Described, notice: MakeNotice, **drawn: Any
) -> None:
    pairs, steps = drawn.pop("pairs"), drawn.pop("steps")
    lists = ("aspects", "risks", "emotions", "platforms", "contents", "keywords")
    many = notice(**drawn, **dict.fromkeys(lists, pairs), playbook=steps)
    for channel, limit in sized:
        rendered = channel.render(many)
        assert content_bytes(channel.kind, rendered) <= limit
        assert "48 条负面评论" in rendered
    document = json.loads(described("jsonl").render(many))
    assert document["observed"] == 48 and len(document["evidence"]) == len(many.evidence)


def test_refused_words_are_left_out_and_told(described: Described, notice: MakeNotice) -> None:
    for kind in ROBOTS:
        rendered = described(kind).render(notice(), withheld=True)
        assert "虫子" not in rendered and "这里没有引用" in rendered and "食品安全" in rendered


def test_keyword_is_added_once(described: Described, notice: MakeNotice) -> None:
    for kind in ROBOTS:
        assert described(kind, keyword="听风").render(notice()).count("听风") == 1


def test_playbook_names_what_to_do_for_the_risk(described: Described, notice: MakeNotice) -> None:
    bare = described("stdout")
    assert "封存同批次产品" in bare.render(notice())
    assert "请先确认收到" not in bare.render(notice(severity="warning"))
    assert "指定一名负责人并确认" in bare.render(notice(risks=(), severity="warning"))
    own = bare.render(notice(playbook=("打电话给店长",)))
    assert "1. 打电话给店长" in own and "封存" not in own


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"expected": 0.2}, "平时同一时段几乎没有。"),
        ({"observed": 6}, "出现 6 条负面评论，平时同一时段约 6 条。"),
        ({"observed": 60, "expected": 2.5}, "平时同一时段约 2.5 条，是平时的 24 倍。"),
        ({"comments": 0}, "是平时的 8 倍。\n"),
        ({"window_s": 5400}, "1 小时 30 分钟内出现"),
        ({"share": 0.004}, "负面占不到 1%"),
        ({"kind": "escalated"}, "无人确认，升级通知"),
    ],
)
def test_numbers_are_said_as_people_say_them(
    changed: dict[str, Any], said: str, described: Described, notice: MakeNotice
) -> None:
    assert said in described("stdout").render(notice(**changed))


def test_times_are_local_and_those_without_zone_are_utc(
    described: Described, notice: MakeNotice
) -> None:
    naive = notice().opened_at.replace(tzinfo=None)
    assert "11月23日 21:05 开始，已持续 12 分钟" in described("stdout").render(
        notice(opened_at=naive)
    )


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\u200bb\u202ec\ufeff", "abc"),
        ("一\r\n二\u2028三\x00四\x1b[31m", "一 二 三 四 [31m"),
        ("e" + "\u0301" * 50, "e\u0301\u0301"),
        ("好\ud83d！", "好！"),
        ("\u3164\u2800 ", ""),
    ],
)
def test_clean_leaves_one_visible_line(text: str, safe: str) -> None:
    assert clean(text) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("看 https://a.b.com/x", "看 https：//a．b．com/x"),
        ("www.evil.cn", "www．evil．cn"),
        ("http://1.2.3.4/", "http：//1．2．3．4/"),
        ("3.5元 v2.0 好...", "3.5元 v2.0 好..."),
        ("javascript:alert", "javascript：alert"),
        ("dingtalk://x", "dingtalk：//x"),
    ],
)
def test_defang_leaves_no_address(text: str, safe: str) -> None:
    assert defang(text) == safe


@given(st.text(max_size=80), st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_cutting_keeps_whole_characters_within_the_limit(text: str, limit: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    found = cut_bytes(text, limit, "…")
    assert len(found.encode()) <= max(limit, 3)
    assert found == text or found.endswith("…")
    assert markdown(markdown(text)) == markdown(text)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "ftp://x/y", "https://", "//x", "http:///x", "https://x/" * 90],
)
def test_other_links_are_left_out(link: str) -> None:
    assert safe_link(link) is None


def test_link_cannot_end_its_markup() -> None:
    found = safe_link("https://x.cn/a)b[c](d) \"e'<f>\n事件")
    assert found is not None and not re.search(r"[()\[\]<>\"'\s]", found)


def test_recovery_tells_no_stale_evidence(described: Described, notice: MakeNotice) -> None:
    text = described("stdout").render(replace(notice(kind="resolved"), closed_at=None))
    assert "虫子" not in text and "已回到正常范围" in text and "历时 12 分钟" in text


def test_spans_name_two_units() -> None:
    assert [wording.span(s) for s in (30, 60, 3600, 90061)] == [
        "30 秒",
        "1 分钟",
        "1 小时",
        "1 天 1 小时",
    ]
