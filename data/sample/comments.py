"""Makes comments of the schedule: platform ids, authors, likes, replies, and some without text."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from data.sample.corpus import Content
from data.sample.people import Person
from data.sample.schedule import STATEMENT, Slot
from data.sample.timeline import beijing

_ID_EPOCH_S: Final = beijing("2026-08-30 00:00")
_REPLY_SHARE: Final = 0.12
_WITHOUT_TEXT: Final = 12
_PICTURE_PLATFORMS: Final = ("douyin", "xhs", "weibo")
_LIKE_SCALE: Final = {"normal": 1.6, "crisis": 9.0, "apology": 4.0}
_MAX_LIKES: Final = 58_000


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One comment as a platform holds it; ``corpus_id`` is null where there is no text."""

    platform: str
    comment_id: str
    corpus_id: str | None
    content: Content
    author: Person
    text: str
    moment_s: int
    likes: int
    parent_id: str | None = None
    replies: int = 0
    pictures: str = ""


def build_comments(rng: random.Random, slots: list[Slot], authors: list[Person]) -> list[Comment]:
    """One comment per slot in order of time, and a few that hold only a picture."""
    comments = [_comment(rng, slot, author) for slot, author in zip(slots, authors, strict=True)]
    comments = _with_parents(rng, comments, slots)
    comments += _pictures_only(rng, comments)
    replies = Counter(comment.parent_id for comment in comments)
    counted = [replace(c, replies=replies[c.comment_id]) for c in comments]
    return sorted(counted, key=lambda c: (c.moment_s, c.comment_id))


def _comment(rng: random.Random, slot: Slot, author: Person) -> Comment:
    platform = slot.content.platform
    return Comment(
        platform=platform,
        comment_id=_comment_id(rng, platform, slot.moment_s),
        corpus_id=slot.line.id,
        content=slot.content,
        author=author,
        text=slot.line.text,
        moment_s=slot.moment_s,
        likes=_likes(rng, slot.line.phase),
    )


def _likes(rng: random.Random, phase: str) -> int:
    return min(int(_LIKE_SCALE[phase] * (rng.paretovariate(0.98) - 1)), _MAX_LIKES)


def _with_parents(rng: random.Random, comments: list[Comment], slots: list[Slot]) -> list[Comment]:
    by_corpus = {slot.line.id: c for slot, c in zip(slots, comments, strict=True)}
    asked = {slot.answers for slot in slots}
    roots: dict[str, list[Comment]] = {}
    linked = []
    for slot, comment in zip(slots, comments, strict=True):
        earlier = roots.setdefault(comment.content.key, [])
        if slot.answers:
            parent: Comment | None = by_corpus[slot.answers]
        elif slot.line.id in asked or slot.line.text.startswith(STATEMENT):
            parent = None
        else:
            parent = _random_parent(rng, earlier)
        if parent is None or comment.platform == "shop":
            earlier.append(comment)
            linked.append(comment)
        else:
            linked.append(replace(comment, parent_id=parent.comment_id))
    return linked


def _random_parent(rng: random.Random, earlier: list[Comment]) -> Comment | None:
    if len(earlier) < 3 or rng.random() > _REPLY_SHARE:
        return None
    return rng.choice(earlier[-25:])


def _pictures_only(rng: random.Random, comments: list[Comment]) -> list[Comment]:
    models = rng.sample([c for c in comments if c.platform in _PICTURE_PLATFORMS], _WITHOUT_TEXT)
    return [
        replace(
            model,
            comment_id=_comment_id(rng, model.platform, model.moment_s + 300),
            corpus_id=None,
            text="",
            moment_s=model.moment_s + 300,
            likes=0,
            parent_id=None,
            pictures=f"https://img.example.com/{rng.randrange(16**12):012x}.jpg",
        )
        for model in models
    ]


def _comment_id(rng: random.Random, platform: str, moment_s: int) -> str:
    since = moment_s - _ID_EPOCH_S
    if platform == "douyin":
        return str((moment_s << 32) + rng.randrange(2**32))
    if platform == "xhs":
        return f"{moment_s:08x}{rng.randrange(16**16):016x}"
    if platform == "weibo":
        return str(5_336_900_000_000_000 + since * 4_000_000 + rng.randrange(4_000_000))
    if platform == "bilibili":
        return str(301_700_000_000 + since * 900 + rng.randrange(900))
    return f"PL{moment_s}{rng.randrange(1000):03d}"
