"""Three crawls of the same contents, appended to one file per platform, as crawlers leave them.

A comment stands where it was first seen; some are written again by a later crawl with more likes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

from data.sample.comments import Comment
from data.sample.timeline import HOUR_S, beijing

CRAWLS_S: Final = (
    beijing("2026-09-10 23:10"),
    beijing("2026-09-19 23:10"),
    beijing("2026-09-29 09:30"),
)
# The checkout that ran the first crawl still wrote Weibo's create_time eight hours late.
_WEIBO_LATE_BEFORE_S: Final = CRAWLS_S[0] + HOUR_S
_WEIBO_LATE_S: Final = 8 * HOUR_S
_SEEN_AGAIN_SHARE: Final = 0.03
_SPACING_S: Final = 2


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A comment as one crawl wrote it."""

    comment: Comment
    crawled_s: int


def first_crawl_s(created_s: int) -> int:
    """When the crawler first saw a content: just before it read the comments."""
    return next(crawl for crawl in CRAWLS_S if crawl > created_s) - 120


def weibo_seconds(moment_s: int, crawled_s: int) -> int:
    """A moment as the Weibo crawler wrote it in ``create_time`` when it ran."""
    return moment_s + _WEIBO_LATE_S if crawled_s < _WEIBO_LATE_BEFORE_S else moment_s


def build_sightings(rng: random.Random, comments: list[Comment]) -> list[Sighting]:
    """Every comment where it was first crawled, and the rows that a later crawl wrote again."""
    sightings = []
    for index, crawl_s in enumerate(CRAWLS_S):
        since = CRAWLS_S[index - 1] if index else 0
        new = [c for c in comments if since <= c.moment_s < crawl_s]
        again = [_again(rng, c) for c in comments if c.moment_s < since]
        rows = new + [c for c in again if rng.random() < _SEEN_AGAIN_SHARE]
        rows.sort(key=lambda c: (c.content.key, c.moment_s, c.comment_id))
        sightings += [
            Sighting(comment=c, crawled_s=crawl_s + place * _SPACING_S)
            for place, c in enumerate(rows)
        ]
    return sightings


def _again(rng: random.Random, comment: Comment) -> Comment:
    return replace(comment, likes=comment.likes + rng.randrange(1 + comment.likes // 4))
