"""The dump shapes that are known by name: columns that give each away, and what its columns mean.

A shape is data, not code: adding one is adding a row here and a golden test. Fields name the input
columns of a canonical column; of several, the first that holds a value in the row counts. The traps
of each shape (units, parents, clock faults) are settings of the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from data.readers.times import Unit

Kind = Literal["comments", "contents", "table"]
Fields = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One dump shape. ``requires`` must all be there, ``lacks`` must not, for the shape to be
    recognised.
    """

    name: str
    kind: Kind
    platform: str | None  # null: the columns do not say
    requires: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    fields: Fields = field(default_factory=dict)
    time_unit: Unit | None = None
    time_text: str | None = (
        None  # a text column that repeats created_at and is right where they differ
    )
    tables: tuple[str, ...] = ()  # names of the shape's table in a database


def _fields(**columns: str) -> Fields:
    """Fields from ``canonical="column"`` or ``canonical="column|fallback"``."""
    return MappingProxyType({name: tuple(text.split("|")) for name, text in columns.items()})


_AUTHOR: Final = {"user_id": "user_id|creator_hash", "user_name": "nickname"}
_MC_COMMENT: Final = {
    **_AUTHOR,
    "comment_id": "comment_id",
    "parent_id": "parent_comment_id",
    "text": "content",
    "created_at": "create_time",
    "like_count": "like_count",
    "reply_count": "sub_comment_count",
    "region": "ip_location",
}
_MC_POST: Final = {
    **_AUTHOR,
    "title": "title",
    "text": "desc",
    "created_at": "create_time",
    "like_count": "liked_count",
}

MEDIACRAWLER: Final = (
    Shape(
        name="mediacrawler-douyin-comments",
        kind="comments",
        platform="douyin",
        requires=("comment_id", "aweme_id", "content"),
        fields=_fields(**_MC_COMMENT, content_id="aweme_id"),
        time_unit="s",
        tables=("douyin_aweme_comment",),
    ),
    Shape(
        name="mediacrawler-xhs-comments",
        kind="comments",
        platform="xhs",
        requires=("comment_id", "note_id", "content"),
        lacks=("create_date_time", "comment_like_count", "tieba_name"),
        fields=_fields(**_MC_COMMENT, content_id="note_id"),
        time_unit="ms",
        tables=("xhs_note_comment",),
    ),
    Shape(
        name="mediacrawler-weibo-comments",
        kind="comments",
        platform="weibo",
        requires=("comment_id", "note_id", "content", "create_date_time"),
        fields=_fields(
            **{**_MC_COMMENT, "like_count": "comment_like_count|like_count"}, content_id="note_id"
        ),
        time_unit="s",
        time_text="create_date_time",
        tables=("weibo_note_comment",),
    ),
    Shape(
        name="mediacrawler-bilibili-comments",
        kind="comments",
        platform="bilibili",
        requires=("comment_id", "video_id", "content", "parent_comment_id"),
        fields=_fields(**_MC_COMMENT, content_id="video_id"),
        time_unit="s",
        tables=("bilibili_video_comment",),
    ),
    Shape(
        name="mediacrawler-kuaishou-comments",
        kind="comments",
        platform="kuaishou",
        requires=("comment_id", "video_id", "content"),
        lacks=("parent_comment_id", "like_count"),
        fields=_fields(**_MC_COMMENT, content_id="video_id"),
        time_unit="ms",
        tables=("kuaishou_video_comment",),
    ),
    Shape(
        name="mediacrawler-tieba-comments",
        kind="comments",
        platform="other",
        requires=("comment_id", "note_id", "content", "tieba_name"),
        fields=_fields(
            **{**_MC_COMMENT, "user_name": "user_nickname", "created_at": "publish_time"},
            content_id="note_id",
        ),
        tables=("tieba_comment",),
    ),
    Shape(
        name="mediacrawler-zhihu-comments",
        kind="comments",
        platform="other",
        requires=("comment_id", "content_id", "content", "publish_time"),
        fields=_fields(
            **{**_MC_COMMENT, "user_name": "user_nickname", "created_at": "publish_time"},
            content_id="content_id",
        ),
        time_unit="s",
        tables=("zhihu_comment",),
    ),
    Shape(
        name="mediacrawler-douyin-contents",
        kind="contents",
        platform="douyin",
        requires=("aweme_id", "desc", "liked_count"),
        lacks=("comment_id",),
        fields=_fields(
            **_MC_POST,
            content_id="aweme_id",
            comment_count="comment_count",
            share_count="share_count",
            collect_count="collected_count",
            url="aweme_url",
        ),
        time_unit="s",
        tables=("douyin_aweme",),
    ),
    Shape(
        name="mediacrawler-xhs-contents",
        kind="contents",
        platform="xhs",
        requires=("note_id", "title", "desc", "time"),
        lacks=("comment_id",),
        fields=_fields(
            **{**_MC_POST, "created_at": "time"},
            content_id="note_id",
            comment_count="comment_count",
            share_count="share_count",
            collect_count="collected_count",
            url="note_url",
        ),
        time_unit="ms",
        tables=("xhs_note",),
    ),
    Shape(
        name="mediacrawler-weibo-contents",
        kind="contents",
        platform="weibo",
        requires=("note_id", "content", "comments_count"),
        lacks=("comment_id",),
        fields=_fields(
            **{**_MC_POST, "text": "content"},
            content_id="note_id",
            comment_count="comments_count",
            share_count="shared_count",
            url="note_url",
        ),
        time_unit="s",
        time_text="create_date_time",
        tables=("weibo_note",),
    ),
    Shape(
        name="mediacrawler-bilibili-contents",
        kind="contents",
        platform="bilibili",
        requires=("video_id", "title", "video_play_count"),
        lacks=("comment_id",),
        fields=_fields(
            **_MC_POST,
            content_id="video_id",
            comment_count="video_comment",
            share_count="video_share_count",
            collect_count="video_favorite_count",
            view_count="video_play_count",
            url="video_url",
        ),
        time_unit="s",
        tables=("bilibili_video",),
    ),
    Shape(
        name="mediacrawler-kuaishou-contents",
        kind="contents",
        platform="kuaishou",
        requires=("video_id", "title", "viewd_count"),
        lacks=("comment_id",),
        fields=_fields(
            **_MC_POST, content_id="video_id", view_count="viewd_count", url="video_url"
        ),
        time_unit="ms",
        tables=("kuaishou_video",),
    ),
)

OTHERS: Final = (
    Shape(
        name="douyin-open-platform-comments",
        kind="comments",
        platform="douyin",
        requires=("comment_id", "comment_user_id", "content"),
        fields=_fields(
            comment_id="comment_id",
            content_id="item_id",
            parent_id="reply_to_comment_id|parent_id",
            user_id="comment_user_id",
            user_name="nick_name|nickname",
            text="content",
            created_at="create_time",
            like_count="digg_count",
            reply_count="reply_comment_total",
        ),
        time_unit="s",
    ),
    *(
        Shape(
            name="douyin-open-platform-items",
            kind="contents",
            platform="douyin",
            requires=("item_id", "title", "create_time", telling),
            lacks=("comment_id",),
            fields=_fields(
                content_id="item_id",
                title="title",
                created_at="create_time",
                like_count="digg_count",  # this and the other counts are lifted from "statistics"
                comment_count="comment_count",
                share_count="share_count",
                view_count="play_count",
                url="share_url",
            ),
            time_unit="s",
        )
        for telling in ("share_url", "is_top")
    ),
    Shape(
        name="douyin-open-platform-fans",
        kind="table",
        platform="douyin",
        requires=("distribution", "item", "value", "all_fans_num"),
    ),
    Shape(
        name="douyin-comment-tree",
        kind="comments",
        platform="douyin",
        requires=("aweme_id", "cid", "text", "digg_count"),
        fields=_fields(
            comment_id="cid",
            content_id="aweme_id",
            parent_id="reply_to_reply_id|reply_id",  # the comment answered, else the root
            user_id="user_unique_id",
            user_name="user_nickname",
            text="text",
            created_at="create_time",
            like_count="digg_count",
            reply_count="reply_comment_total",
            region="ip_label",
        ),
        time_unit="s",
    ),
    Shape(
        name="douyin-video-list",
        kind="contents",
        platform="douyin",
        requires=("aweme_id", "desc", "media_type"),
        fields=_fields(
            content_id="aweme_id",
            user_id="sec_uid",
            text="desc",
            created_at="create_time",
            comment_count="comment_count",
        ),
        time_unit="s",
    ),
    Shape(
        name="douyin-comment-export-zh",
        kind="comments",
        platform="douyin",
        requires=("评论ID", "用户ID", "用户sec_id", "评论"),
        fields=_fields(
            comment_id="评论ID",
            user_id="用户ID",
            user_name="昵称",
            text="评论",
            created_at="时间",
            like_count="点赞数",
            reply_count="回复数",
            region="地区",
        ),
    ),
    Shape(
        name="douyin-account-table",
        kind="comments",
        platform="douyin",
        requires=("UID", "account", "num_like", "sub_comment_num", "comment"),
        fields=_fields(  # its id is a running number of each file
            user_id="UID",
            user_name="user",
            text="comment",
            created_at="comment_time",
            like_count="num_like",
            reply_count="sub_comment_num",
        ),
    ),
    Shape(
        name="weibo-article-comments",
        kind="comments",
        platform="weibo",
        requires=("articleId", "likes_counts", "content", "authorName"),
        fields=_fields(
            content_id="articleId",
            user_name="authorName",
            text="content",
            created_at="created_at",
            like_count="likes_counts",
            region="region",
        ),
    ),
    Shape(
        name="weibo-reposts",
        kind="comments",
        platform="weibo",
        requires=("mid", "uid", "date", "text", "post"),
        fields=_fields(
            comment_id="mid", content_id="post", user_id="uid", text="text", created_at="date"
        ),
    ),
    Shape(
        name="weibo-user-comments",
        kind="comments",
        platform="weibo",
        requires=("wid", "time", "text", "uid", "username"),
        fields=_fields(
            comment_id="wid",
            user_id="uid",
            user_name="username",
            text="text",
            created_at="time",
            like_count="like_count",
        ),
    ),
    Shape(name="orders", kind="table", platform=None, requires=("customer_id", "date", "amount")),
    Shape(name="orders", kind="table", platform=None, requires=("customer_id", "time", "amount")),
    Shape(name="orders", kind="table", platform=None, requires=("person_id", "date", "amount")),
    Shape(name="orders", kind="table", platform=None, requires=("person_id", "time", "amount")),
    Shape(name="events", kind="table", platform=None, requires=("person_id", "event", "time")),
    Shape(
        name="shop-events",
        kind="table",
        platform="shop",
        requires=("user_id", "item_id", "behavior_type", "timestamp"),
    ),
)

SHAPES: Final = MEDIACRAWLER + OTHERS
