"""Gives each corpus line its moment.

Phases keep to their windows, texts that name a time keep to it, answers come after questions.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Final

from data.sample.corpus import Content, CorpusLine
from data.sample.timeline import (
    APOLOGY_S,
    CRISIS_START_S,
    END_S,
    SPREAD_DELAY_S,
    START_S,
    apology_weight,
    beijing,
    crisis_weight,
    draw_moment,
    normal_weight,
)

STATEMENT: Final = "【致歉声明】"  # texts that begin so are the brand's own
_STORE_CLOSED: Final = "dy-store"  # nobody recommends the store once the video is out
_REPEATS: Final = 46
_REPEATABLE: Final = re.compile(
    r"^(\[[^\]]+\]|[^\w\s]|打卡|前排|来了来了|围观|投了|码住|懂得都懂|6666)+$"
)
_TIMED_CRISIS: Final = (
    (re.compile("晚上九点"), "2026-09-17 21:00", "2026-09-17 22:30"),
    (re.compile("下午刚|中午|晚饭|看完整晚|饭桌"), "2026-09-17 20:00", "2026-09-17 23:59"),
    (re.compile("凌晨三点"), "2026-09-18 03:10", "2026-09-18 06:30"),
    (
        re.compile("今早|一觉醒来|热搜|一整天|现在关门|设备维护|上班"),
        "2026-09-18 07:00",
        "2026-09-18 13:30",
    ),
    (re.compile("十二个小时"), "2026-09-18 07:40", "2026-09-18 10:00"),
)
_TIMED_NORMAL: Final = (
    (re.compile("最后一天原价"), "2026-09-08 09:00", "2026-09-08 21:00"),
    (re.compile("趁涨价前"), "2026-09-07 09:00", "2026-09-08 23:00"),
)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A corpus line at its moment; ``answers`` is the corpus id of the comment it replies to."""

    line: CorpusLine
    content: Content
    moment_s: int
    answers: str | None = None


def build_schedule(
    rng: random.Random,
    lines: list[CorpusLine],
    contents: dict[str, Content],
    threads: dict[str, str],
) -> list[Slot]:
    """Every line once, plus a few natural repeats of emote-only texts; in order of time."""
    moments = {line.id: _moment(rng, line, contents[line.content]) for line in lines}
    for answer, question in threads.items():
        first, second = sorted((moments[question], moments[answer]))
        moments[question], moments[answer] = min(first, second - 150), second
    slots = [
        Slot(
            line=line,
            content=contents[line.content],
            moment_s=moments[line.id],
            answers=threads.get(line.id),
        )
        for line in lines
    ]
    slots += _repeats(rng, slots)
    return sorted(slots, key=lambda slot: (slot.moment_s, slot.line.id))


def _repeats(rng: random.Random, slots: list[Slot]) -> list[Slot]:
    candidates = [slot for slot in slots if _REPEATABLE.match(slot.line.text)]
    picked = rng.choices(candidates, k=_REPEATS)
    return [replace(s, moment_s=_moment(rng, s.line, s.content)) for s in picked]


def _moment(rng: random.Random, line: CorpusLine, content: Content) -> int:
    start, end = _window(line, content)
    if line.text.startswith(STATEMENT):
        return start + rng.randrange(60)
    if line.phase == "crisis":
        return draw_moment(rng, start, end, crisis_weight)
    if line.phase == "apology":
        return draw_moment(rng, start + 300, end, apology_weight)
    return draw_moment(rng, start, end, normal_weight(content.created_s, content.half_life_days))


def _window(line: CorpusLine, content: Content) -> tuple[int, int]:
    if line.phase == "apology":
        return APOLOGY_S, END_S
    if line.phase == "crisis":
        opens = CRISIS_START_S + SPREAD_DELAY_S[line.content]
        start, end = _timed(_TIMED_CRISIS, line.text) or (opens, APOLOGY_S)
        return max(opens, start), end
    if timed := _timed(_TIMED_NORMAL, line.text):
        return timed
    closes = CRISIS_START_S if line.content == _STORE_CLOSED else END_S
    return max(START_S, content.created_s + 120), closes


def _timed(
    table: tuple[tuple[re.Pattern[str], str, str], ...], text: str
) -> tuple[int, int] | None:
    for pattern, start, end in table:
        if pattern.search(text):
            return beijing(start), beijing(end)
    return None
