"""Column names and Arrow schemas of everything that crosses a folder's border, in one place.

``TABLES`` has what readers give, by kind; ``SCORES`` is what scoring adds, one row per
comment.
Times are UTC with millisecond resolution; a value that the source did not give is null, never a
guess.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import pyarrow as pa

TIMESTAMP: Final = pa.timestamp("ms", tz="UTC")

COMMENTS: Final = pa.schema(
    [
        pa.field(
            "comment_id", pa.string(), nullable=False
        ),  # the source's id, or "<file name>#<row number>"
        pa.field("platform", pa.string()),  # a key of labels.PLATFORMS
        pa.field("content_id", pa.string()),  # the video, note or post commented on
        pa.field("parent_id", pa.string()),  # comment answered; null for a root comment
        pa.field("user_id", pa.string()),  # as the source gives it; the store hashes it
        pa.field("user_name", pa.string()),
        pa.field("text", pa.string()),  # exactly as it came; null when there is none
        pa.field("created_at", TIMESTAMP),
        pa.field("like_count", pa.int64()),
        pa.field("reply_count", pa.int64()),
        pa.field("region", pa.string()),  # as shown by the platform, e.g. 浙江
    ]
)

CONTENTS: Final = pa.schema(
    [
        pa.field("content_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("user_id", pa.string()),  # the author
        pa.field("user_name", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("created_at", TIMESTAMP),
        pa.field("like_count", pa.int64()),
        pa.field("comment_count", pa.int64()),
        pa.field("share_count", pa.int64()),
        pa.field("collect_count", pa.int64()),
        pa.field("view_count", pa.int64()),
        pa.field("url", pa.string()),
    ]
)

USERS: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("gender", pa.string()),
        pa.field("age", pa.int64()),  # years
        pa.field("region", pa.string()),
        pa.field("follower_count", pa.int64()),
        pa.field("following_count", pa.int64()),
        pa.field("content_count", pa.int64()),
        pa.field("like_count", pa.int64()),
        pa.field("verified", pa.bool_()),
        pa.field("created_at", TIMESTAMP),
    ]
)
# what a row of users may say of consent: kept in a table of its own, not with the user
CONSENT: Final = pa.schema(
    [
        pa.field("consent_purpose", pa.string()),  # several with ; or 、 between them
        pa.field("consent_basis", pa.string()),  # the ground in law, e.g. consent, contract
        pa.field("consent_given_at", TIMESTAMP),
        pa.field("consent_withdrawn_at", TIMESTAMP),  # no longer allowed from then on
    ]
)
EVENTS: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("event", pa.string(), nullable=False),
        pa.field("time", TIMESTAMP, nullable=False),
        pa.field("content_id", pa.string()),
        pa.field(
            "properties", pa.string()
        ),  # a JSON object; further columns of a load are folded in
    ]
)
ORDERS: Final = pa.schema(
    [
        pa.field("order_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("time", TIMESTAMP, nullable=False),
        pa.field("amount_cny", pa.float64()),
        pa.field("items", pa.string()),  # JSON, as the source gives it
    ]
)
# who is tied to whom: "user_id follows target_id"
RELATIONS: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("target_id", pa.string(), nullable=False),  # hashed like user_id
        pa.field("platform", pa.string()),  # of both
        pa.field("relation", pa.string()),  # follow, friend, or the source's word
        pa.field("created_at", TIMESTAMP),
    ]
)
# what a campaign cost and brought on one day
CAMPAIGNS: Final = pa.schema(
    [
        pa.field("campaign_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("campaign_name", pa.string()),
        pa.field("time", TIMESTAMP, nullable=False),  # the start of the day
        pa.field("cost_cny", pa.float64()),
        pa.field("shown_count", pa.int64()),
        pa.field("click_count", pa.int64()),
        pa.field("conversion_count", pa.int64()),
    ]
)
# what came of one person in one campaign; amounts and conversions of its measuring period
FEEDBACK: Final = pa.schema(
    [
        pa.field("campaign_id", pa.string(), nullable=False),
        pa.field("platform", pa.string()),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("arm", pa.string()),  # treatment or holdout; null is treatment
        pa.field("sent", pa.bool_()),
        pa.field("matched", pa.bool_()),
        pa.field("shown", pa.bool_()),
        pa.field("clicked", pa.bool_()),
        pa.field("converted", pa.bool_()),
        pa.field("amount_cny", pa.float64()),
    ]
)
TABLES: Final = MappingProxyType(
    {
        "comments": COMMENTS,
        "contents": CONTENTS,
        "users": pa.schema([*USERS, *CONSENT]),
        "events": EVENTS,
        "orders": ORDERS,
        "relations": RELATIONS,
        "campaigns": CAMPAIGNS,
        "feedback": FEEDBACK,
    }
)

INTEREST_ITEM: Final = pa.struct([("topic", pa.string()), ("score", pa.float32())])
ASPECT_ITEM: Final = pa.struct(
    [("aspect", pa.string()), ("polarity", pa.string()), ("score", pa.float32())]
)

SCORES: Final = pa.schema(
    [
        pa.field("sentiment", pa.string()),  # null where there is nothing to judge
        pa.field("sentiment_score", pa.float32()),  # p_positive - p_negative, -1..1
        pa.field("p_negative", pa.float32()),
        pa.field("p_neutral", pa.float32()),
        pa.field("p_positive", pa.float32()),
        pa.field("emotion", pa.string()),
        pa.field("interest", pa.string()),
        pa.field("interests", pa.list_(INTEREST_ITEM)),
        pa.field("keywords", pa.list_(pa.string())),
        pa.field("aspects", pa.list_(ASPECT_ITEM)),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("risks", pa.list_(pa.string())),
        pa.field("truncated", pa.bool_()),
        pa.field("model_version", pa.string()),
    ]
)
