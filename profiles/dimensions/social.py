"""Social relations: whom a person is tied to, how they talk with others, and how far they reach.

Degrees count distinct persons over ``relations`` (who follows whom). Replies and likes received are
the platform's counts on the person's own comments; ``mentions_written`` counts comments that
address somebody with @ — whom cannot be told, because names are not stored. Followers are summed
over the person's accounts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import newest, ratio, visible

# @ after a letter or digit is an e-mail address
MENTION: Final = r"(^|[^0-9A-Za-z_])@[^\s@,，。:：]"


def social_by_person(
    comments: ir.Table, users: ir.Table, relations: ir.Table, as_of: datetime
) -> ir.Table:
    """Return one row per person who wrote, has an account or a relation.

    Columns: user_id, n (comments and relations behind it), n_comments, replies_written,
    mentions_written, likes_received, replies_received, likes_per_comment, in_degree, out_degree,
    followers, following, last_seen, row_1 to row_3 (newest comments).
    """
    parts = [
        _spoken(comments, as_of),
        _degree(relations, as_of, "user_id", "target_id", "out"),
        _degree(relations, as_of, "target_id", "user_id", "in"),
        users.group_by("user_id").aggregate(
            followers=users.follower_count.sum(), following=users.following_count.sum()
        ),
    ]
    everyone = ibis.union(*(part.select("user_id") for part in parts), distinct=True)
    found = everyone
    for part in parts:
        found = found.left_join(part, "user_id").drop("user_id_right")
    counts = (found.n_comments, found.n_out, found.n_in)
    moments = (found.spoke_at, found.out_at, found.in_at)
    return found.select(
        "user_id",
        n=sum((count.fill_null(0) for count in counts[1:]), counts[0].fill_null(0)),
        n_comments=counts[0].fill_null(0),
        replies_written=found.replies_written.fill_null(0),
        mentions_written=found.mentions_written.fill_null(0),
        likes_received=found.likes_received,
        replies_received=found.replies_received,
        likes_per_comment=ratio(found.likes_received, found.n_comments).round(2),
        in_degree=found.in_degree.fill_null(0),
        out_degree=found.out_degree.fill_null(0),
        followers=found.followers,
        following=found.following,
        last_seen=_latest(*moments),
        row_1=found.row_1,
        row_2=found.row_2,
        row_3=found.row_3,
    )


def _spoken(comments: ir.Table, as_of: datetime) -> ir.Table:
    seen = visible(comments, as_of)
    counted = seen.group_by("user_id").aggregate(
        n_comments=seen.count(),
        replies_written=seen.parent_id.count(),
        mentions_written=seen.count(where=seen.text.re_search(MENTION)),
        likes_received=seen.like_count.sum(),
        replies_received=seen.reply_count.sum(),
        spoke_at=seen.created_at.max(),
    )
    rows = newest(seen, ["user_id"], at="created_at", ref="comment_id")
    return counted.left_join(rows, "user_id").drop("user_id_right")


def _degree(relations: ir.Table, as_of: datetime, own: str, other: str, way: str) -> ir.Table:
    """Distinct others that a person is tied to in one direction; nobody is tied to themselves."""
    seen = visible(relations, as_of)
    seen = seen.filter(seen[own].notnull() & seen[other].notnull() & (seen[own] != seen[other]))
    return seen.group_by(user_id=seen[own]).aggregate(
        **{
            f"{way}_degree": seen[other].nunique(),
            f"n_{way}": seen.count(),
            f"{way}_at": seen.created_at.max(),
        }
    )


def _latest(*moments: ir.TimestampColumn) -> ir.TimestampColumn:
    """The latest moment that is there; engines differ in what ``greatest`` makes of null."""
    known = [ibis.coalesce(one, *moments) for one in moments]
    return ibis.greatest(*known)
