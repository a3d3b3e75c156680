"""Rows of each platform's comment dump, with a common crawler's columns, units and quirks.

Douyin and Weibo stand in the crawler's schema 2, Xiaohongshu and Bilibili in schema 1; seconds
everywhere but in Xiaohongshu, which has milliseconds. ``last_modify_ts`` is always milliseconds.
"""

from __future__ import annotations

from typing import Final

from data.sample.crawl import Sighting, weibo_seconds
from data.sample.files import Row
from data.sample.people import avatar
from data.sample.timeline import clock

_WAN: Final = 10_000


def comment_row(sighting: Sighting) -> Row:
    """The dump row of a comment on its platform."""
    rows = {
        "douyin": _douyin_comment,
        "xhs": _xhs_comment,
        "weibo": _weibo_comment,
        "bilibili": _bilibili_comment,
        "shop": _shop_review,
    }
    return rows[sighting.comment.platform](sighting)


def wan(count: int) -> str:
    """A count as Chinese sites shorten it: 12345 becomes 1.2万."""
    return f"{count / _WAN:.1f}万" if count >= _WAN else str(count)


def _douyin_comment(sighting: Sighting) -> Row:
    comment = sighting.comment
    return {
        "comment_id": comment.comment_id,
        "create_time": comment.moment_s,
        "aweme_id": comment.content.content_id,
        "content": comment.text,
        "creator_hash": comment.author.user_id,
        "nickname": comment.author.shown_name,
        "sub_comment_count": str(comment.replies),
        "like_count": comment.likes,
        "last_modify_ts": sighting.crawled_s * 1000,
        "parent_comment_id": comment.parent_id or "0",
        "pictures": comment.pictures,
    }


def _xhs_comment(sighting: Sighting) -> Row:
    comment = sighting.comment
    return {
        "comment_id": comment.comment_id,
        "create_time": comment.moment_s * 1000,
        "ip_location": comment.author.region,
        "note_id": comment.content.content_id,
        "content": comment.text,
        "user_id": comment.author.user_id,
        "nickname": comment.author.shown_name,
        "avatar": avatar(comment.author),
        "sub_comment_count": comment.replies,
        "pictures": comment.pictures,
        "parent_comment_id": comment.parent_id or 0,
        "last_modify_ts": sighting.crawled_s * 1000,
        "like_count": wan(comment.likes),
    }


def _weibo_comment(sighting: Sighting) -> Row:
    comment = sighting.comment
    return {
        "comment_id": comment.comment_id,
        "create_time": weibo_seconds(comment.moment_s, sighting.crawled_s),
        "create_date_time": f"{clock(comment.moment_s)}+08:00",
        "note_id": comment.content.content_id,
        "content": comment.text,
        "sub_comment_count": str(comment.replies),
        "comment_like_count": str(comment.likes),
        "last_modify_ts": sighting.crawled_s * 1000,
        "parent_comment_id": comment.parent_id or comment.comment_id,
        "creator_hash": comment.author.user_id,
        "nickname": comment.author.shown_name,
    }


def _bilibili_comment(sighting: Sighting) -> Row:
    comment = sighting.comment
    return {
        "comment_id": comment.comment_id,
        "parent_comment_id": comment.parent_id or "0",
        "create_time": comment.moment_s,
        "video_id": comment.content.content_id,
        "content": comment.text,
        "user_id": int(comment.author.user_id),
        "nickname": comment.author.shown_name,
        "sex": {"female": "女", "male": "男"}.get(comment.author.gender, "保密"),
        "sign": "",
        "avatar": avatar(comment.author),
        "sub_comment_count": str(comment.replies),
        "like_count": comment.likes,
        "last_modify_ts": sighting.crawled_s * 1000,
    }


def _shop_review(sighting: Sighting) -> Row:
    comment = sighting.comment
    return {
        "评论ID": comment.comment_id,
        "商品ID": comment.content.content_id,
        "用户ID": comment.author.user_id,
        "昵称": comment.author.shown_name,
        "评论": comment.text,
        "时间": clock(comment.moment_s),
        "点赞数": comment.likes,
    }
