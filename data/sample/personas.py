"""People with a story, for profiles to find: a fan who turns away, a drift from food to fitness.

A persona takes comments that fit its chapters; the rest go to the crowd, where a few write much.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from data.sample.people import Person, brand_account
from data.sample.schedule import STATEMENT, Slot
from data.sample.timeline import CRISIS_START_S, beijing

Fits = Callable[[Slot], bool]
_DRIFT_S: Final = beijing("2026-09-12 00:00")


@dataclass(frozen=True, kw_only=True)
class Persona:
    """A named account and its chapters: which comments it wrote and how many at most."""

    name: str
    platform: str
    chapters: tuple[tuple[Fits, int], ...]


def _mood(sentiment: str, *phases: str) -> Fits:
    return lambda slot: (
        slot.line.sentiment == sentiment
        and slot.line.phase in phases
        and not {"spam", "toxic", "question"} & set(slot.line.flags)
        and slot.answers is None
    )


def _before(fits: Fits, moment_s: int) -> Fits:
    return lambda slot: slot.moment_s < moment_s and fits(slot)


def _after(fits: Fits, moment_s: int) -> Fits:
    return lambda slot: slot.moment_s >= moment_s and fits(slot)


def _interest(topic: str) -> Fits:
    return lambda slot: topic in slot.line.interests and slot.line.phase == "normal"


def _flag(name: str) -> Fits:
    return lambda slot: name in slot.line.flags


TURNED_FAN: Final = "青柠不加糖"
LOYAL_FAN: Final = "阿禾的小日子"

PERSONAS: Final = (
    Persona(
        name=TURNED_FAN,
        platform="douyin",
        chapters=(
            (_before(_mood("positive", "normal"), CRISIS_START_S), 14),
            (_mood("negative", "crisis"), 5),
            (_mood("negative", "apology"), 4),
        ),
    ),
    Persona(
        name=LOYAL_FAN,
        platform="douyin",
        chapters=((_mood("positive", "normal"), 11), (_mood("positive", "crisis", "apology"), 3)),
    ),
    Persona(name="副业研究所", platform="douyin", chapters=((_flag("spam"), 6),)),
    Persona(name="路过的杠精", platform="douyin", chapters=((_flag("toxic"), 6),)),
    Persona(
        name="撸铁的小鹿",
        platform="xhs",
        chapters=(
            (_before(_interest("food"), _DRIFT_S), 8),
            (_after(_interest("fitness"), _DRIFT_S), 9),
        ),
    ),
    Persona(name="山里看云去", platform="xhs", chapters=((_interest("travel"), 9),)),
    Persona(
        name="云七今天到站了吗",
        platform="weibo",
        chapters=(
            (_before(_interest("anime"), CRISIS_START_S), 10),
            (_mood("negative", "crisis"), 5),
            (_mood("positive", "apology"), 2),
        ),
    ),
    Persona(name="精打细算老周", platform="weibo", chapters=((_interest("finance"), 6),)),
    Persona(name="岩骨花香", platform="bilibili", chapters=((_interest("culture"), 11),)),
    Persona(name="抓包小能手", platform="bilibili", chapters=((_interest("digital"), 10),)),
    Persona(name="办公室茶水间", platform="shop", chapters=((_mood("positive", "normal"), 8),)),
    Persona(name="较真的陈先生", platform="shop", chapters=((_flag("complaint"), 7),)),
)


def persona_names() -> dict[str, list[str]]:
    """Persona names by platform, in the order in which accounts are given to them."""
    names: dict[str, list[str]] = {}
    for persona in PERSONAS:
        names.setdefault(persona.platform, []).append(persona.name)
    return names


def assign_authors(rng: random.Random, slots: list[Slot], people: list[Person]) -> list[Person]:
    """The author of each slot, in the slots' order."""
    authors: dict[int, Person] = {
        i: brand_account(slot.content)
        for i, slot in enumerate(slots)
        if slot.line.text.startswith(STATEMENT)
    }
    by_name = {person.name: person for person in people}
    for persona in PERSONAS:
        _take(rng, persona, by_name[persona.name], slots, authors)
    crowd = [person for person in people if person.name not in {p.name for p in PERSONAS}]
    _fill(rng, slots, crowd, authors)
    return [authors[i] for i in range(len(slots))]


def _take(
    rng: random.Random,
    persona: Persona,
    person: Person,
    slots: list[Slot],
    authors: dict[int, Person],
) -> None:
    for fits, limit in persona.chapters:
        free = [
            i
            for i, slot in enumerate(slots)
            if i not in authors and slot.content.platform == persona.platform and fits(slot)
        ]
        for i in rng.sample(free, min(limit, len(free))):
            authors[i] = person


def _fill(
    rng: random.Random, slots: list[Slot], crowd: list[Person], authors: dict[int, Person]
) -> None:
    for platform in sorted({person.platform for person in crowd}):
        members = [person for person in crowd if person.platform == platform]
        weights = [person.activity for person in members]
        free = [
            i for i, s in enumerate(slots) if s.content.platform == platform and i not in authors
        ]
        once = rng.sample(members, min(len(free), int(len(members) * 0.8)))  # most people do speak
        for order, i in enumerate(rng.sample(free, len(free))):
            quiet = order < len(once)
            authors[i] = once[order] if quiet else rng.choices(members, weights)[0]
