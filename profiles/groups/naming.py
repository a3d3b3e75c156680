"""Names for groups in Chinese, from the topics that they have more of than all persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.taxonomy import TaxonomyError, load_taxonomy
from profiles.groups.vectors import Floats

MIN_LIFT: Final = 1.2  # times the share of all persons; below, a topic does not mark a group
MIN_SHARE: Final = 0.05  # of the group's interest; below, it is an aside
TERMS: Final = 3  # shown; the name has at most two


@dataclass(frozen=True, kw_only=True)
class Term:
    """A topic of a group: its share there, 0..1, and that share over the one of all persons."""

    topic: str
    name: str
    share: float
    lift: float


def name_groups(
    shares: Floats, overall: Floats, topics: tuple[str, ...]
) -> list[tuple[str, list[Term]]]:
    """Return name and terms of each group, of mean shares (groups by topics) and those of all.

    Names are distinct: of equal ones the later get a number.
    """
    named: list[tuple[str, list[Term]]] = []
    used: dict[str, int] = {}
    for row in shares:
        terms = _terms(row, overall, topics)
        name = "、".join(term.name for term in terms[:2]) + "人群" if terms else "兴趣均衡人群"
        used[name] = used.get(name, 0) + 1
        named.append((name if used[name] == 1 else f"{name}（{used[name]}）", terms))
    return named


def topic_name(topic: str) -> str:
    """Return the Chinese name of a topic; one outside the taxonomy is its own."""
    try:
        return load_taxonomy().name(topic)
    except TaxonomyError:
        return topic


def _terms(row: Floats, overall: Floats, topics: tuple[str, ...]) -> list[Term]:
    """The most telling first: by what the group has more than its lot."""
    found = [
        Term(
            topic=topic,
            name=topic_name(topic),
            share=float(share),
            lift=float(share / every),
        )
        for topic, share, every in zip(topics, row, overall, strict=True)
        if every > 0 and share >= MIN_SHARE and share >= MIN_LIFT * every
    ]
    gain = {topic: s - o for topic, s, o in zip(topics, row, overall, strict=True)}
    return sorted(found, key=lambda term: (-gain[term.topic], term.topic))[:TERMS]
