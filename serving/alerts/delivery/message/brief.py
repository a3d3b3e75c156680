"""A notice as paragraphs: what, how much, since when, why, where, the evidence, what to do next.

Every foreign text goes through the ``escape`` given, so a brief is safe where it was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from urllib.parse import quote, urlsplit

from serving.alerts.delivery.message import wording as say
from serving.alerts.delivery.message.escape import cut
from serving.alerts.notice import Evidence, Notice

Escape = Callable[[str], str]
_READ_CHARS: Final = 2000  # of a comment: more is cut off anyway
_URL_SAFE: Final = "%/:?&=#,;+$-._~"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is told; lists and labels in numbers of entries and characters."""

    quotes: int = 5
    quote_chars: int = 160
    steps: int = 6
    listed: int = 5
    label_chars: int = 24
    words: bool = True  # keywords and quotes may hold what a platform refuses


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A comment and what is known of it."""

    text: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Brief:
    """The paragraphs of a message, safe for one kind of place."""

    mark: str
    tag: str
    title: str
    lead: str
    since: str
    facts: tuple[tuple[str, str], ...]
    quotes: tuple[Quote, ...]
    quotes_left: int  # comments of the notice that are not quoted
    steps: tuple[str, ...]
    steps_left: int
    link: str | None
    footer: str
    withheld: bool = False

    @property
    def more_quotes(self) -> str:
        """What is said of comments that are not quoted; empty where all are."""
        if self.withheld and self.quotes_left:
            return "平台拒收评论原文，这里没有引用，请打开事件查看"
        return f"另有 {self.quotes_left} 条代表评论未列出" if self.quotes_left else ""

    @property
    def more_steps(self) -> str:
        """What is said of steps that are not listed; empty where all are."""
        return f"另有 {self.steps_left} 条建议未列出" if self.steps_left else ""


def build_brief(
    notice: Notice, escape: Escape, *, steps: Sequence[str], zone: tzinfo, limits: Limits
) -> Brief:
    """The notice as paragraphs within the limits; ``steps`` say what to do next."""

    def foreign(text: str) -> str:
        return cut(escape(text), limits.label_chars)

    resolved = notice.kind == "resolved"
    evidence = () if resolved else notice.evidence
    shown = evidence[: limits.quotes] if limits.words else ()
    return Brief(
        mark="✅" if resolved else say.MARKS[notice.severity],
        tag=f"{say.SEVERITIES[notice.severity]} · {say.KINDS[notice.kind]}",
        title=cut(escape(notice.title), 60) or "负面评论异常",
        lead=_lead(notice),
        since=_since(notice, zone),
        facts=tuple(_facts(notice, foreign, limits)),
        quotes=tuple(_quote(one, escape, foreign, limits, zone) for one in shown),
        quotes_left=len(evidence) - len(shown),
        steps=tuple(cut(escape(one), 80) for one in steps[: limits.steps]),
        steps_left=max(len(steps) - limits.steps, 0),
        link=safe_link(notice.link),
        footer=f"事件 {cut(escape(notice.incident_id), 40)} · {say.moment(notice.at, zone)} 发出",
        withheld=not limits.words,
    )


def safe_link(link: str | None) -> str | None:
    """The link with what could end it percent-encoded; none that is not http or https."""
    if not link:
        return None
    encoded = quote(link.strip(), safe=_URL_SAFE, errors="replace")
    try:
        parts = urlsplit(encoded)
    except ValueError:
        return None
    fine = parts.scheme in ("http", "https") and parts.hostname and len(encoded) <= 512
    return encoded if fine else None


def _lead(notice: Notice) -> str:
    """How much: observed against expected, and the share; in recoveries that of the peak."""
    if notice.cause == "silence":
        return _silence(notice)
    if notice.cause == "single" and notice.observed == 1:
        return "一条评论提到严重风险，一条就值得立刻核实。"
    counted = f"{say.span(notice.window_s)}内出现 {say.count(notice.observed)} 条负面评论"
    if notice.cause == "single":
        counted = f"出现 {say.count(notice.observed)} 条提到严重风险的评论"
    if notice.kind == "resolved":
        back = "，已平息" if notice.cause == "single" else f"，{_usual(notice)}，已回到正常范围"
        return f"最严重时 {counted}{back}。"
    if notice.cause == "single":
        return f"{counted}。"
    text = f"{counted}，{_against(notice)}。"
    if not notice.comments:
        return text
    total = say.count(notice.comments)
    return f"{text}同期共 {total} 条评论，负面占{say.percent(notice.share)}。"


def _silence(notice: Notice) -> str:
    if notice.kind == "resolved":
        return "又收到评论了。"
    usual = say.count(notice.expected)
    return f"已经 {say.span(notice.window_s)}没有收到任何评论，平时这段时间约 {usual} 条。"


def _usual(notice: Notice) -> str:
    if notice.expected < 0.5:
        return "平时同一时段几乎没有"
    return f"平时同一时段约 {say.count(notice.expected)} 条"


def _against(notice: Notice) -> str:
    usual = _usual(notice)
    told = notice.expected >= 0.5 and notice.ratio >= 1.05
    return f"{usual}，是平时的 {say.times(notice.ratio)}" if told else usual


def _since(notice: Notice, zone: tzinfo) -> str:
    start = f"{say.moment(notice.opened_at, zone)} 开始"
    if notice.kind == "resolved":
        end = notice.closed_at or notice.at
        lasted = say.span(say.seconds_between(notice.opened_at, end))
        return f"{start}，{say.moment(end, zone)} 恢复，历时 {lasted}"
    lasted_s = say.seconds_between(notice.opened_at, notice.at)
    return f"{start}，已持续 {say.span(lasted_s)}" if lasted_s >= 60 else start


def _facts(notice: Notice, foreign: Escape, limits: Limits) -> Iterable[tuple[str, str]]:
    """Labels and what is known, most useful first."""
    if notice.key:
        yield "对象", _about(notice, foreign, limits)
    if notice.kind == "resolved":  # the rest would be told as if it still were so
        return
    for label, kind, rows in (
        ("涉及风险", "risk", notice.risks),
        ("主要在说", "aspect", notice.aspects),
        ("情绪", "emotion", [row for row in notice.emotions if row[0] != "none"]),
    ):
        if rows:
            yield label, _counted(kind, rows[: min(3, limits.listed)], foreign)
    if notice.keywords and limits.words:
        words = notice.keywords[: limits.listed]
        yield "突增词", "、".join(f"{foreign(word)}（{say.times(lift)}）" for word, lift in words)
    spread = list(_spread(notice, foreign, limits))
    if spread:
        yield "扩散", "；".join(spread)
    share = notice.suspected_water_army
    if share:
        rest = say.count(round(notice.observed * (1 - min(share, 1.0))))
        yield "水军嫌疑", f"{say.percent(share).strip()} 的评论疑似水军，剔除后约 {rest} 条"


def _about(notice: Notice, foreign: Escape, limits: Limits) -> str:
    pairs = list(notice.key.items())[: max(limits.listed, 2)]
    return " · ".join(
        f"{foreign(say.KEYS.get(kind, kind))} {foreign(say.name_of(kind, value))}"
        for kind, value in pairs
    )


def _counted(kind: str, rows: Sequence[tuple[str, int]], foreign: Escape) -> str:
    named = ((foreign(say.name_of(kind, label)), number) for label, number in rows)
    return "、".join(f"{name} {say.count(number)} 条" for name, number in named)


def _spread(notice: Notice, foreign: Escape, limits: Limits) -> Iterable[str]:
    if notice.platforms:
        yield _counted("platform", notice.platforms[: limits.listed], foreign)
    if len(notice.contents) == 1:
        yield f"集中在内容 {foreign(notice.contents[0][0])}"
    elif notice.contents:
        top, number = notice.contents[0]
        n = len(notice.contents)
        yield f"涉及 {n} 个内容，最多的是 {foreign(top)}（{say.count(number)} 条）"
    if notice.reach:
        yield f"负面评论共获 {say.count(notice.reach)} 次点赞和回复"


def _quote(one: Evidence, escape: Escape, foreign: Escape, limits: Limits, zone: tzinfo) -> Quote:
    known = [
        foreign(one.why),
        f"{say.count(one.likes)} 赞" if one.likes else "",
        foreign(say.name_of("platform", one.platform)) if one.platform else "",
        say.moment(one.at, zone) if one.at else "",
        f"同类 {say.count(one.similar)} 条" if one.similar > 1 else "",
    ]
    text = cut(escape(one.text[:_READ_CHARS]), limits.quote_chars) or "（没有可显示的文字）"
    return Quote(text=text, note=" · ".join(part for part in known if part))
