"""Rows of each platform's content dump; schemas and units as in ``comment_rows``."""

from __future__ import annotations

from data.sample.corpus import Content
from data.sample.crawl import first_crawl_s, weibo_seconds
from data.sample.files import Row
from data.sample.people import IMAGES, Person, avatar, brand_account
from data.sample.timeline import clock


def content_row(content: Content) -> Row:
    """The dump row of a content on its platform."""
    rows = {
        "douyin": _douyin_content,
        "xhs": _xhs_content,
        "weibo": _weibo_content,
        "bilibili": _bilibili_content,
        "shop": _shop_product,
    }
    return rows[content.platform](content, brand_account(content))


def _douyin_content(content: Content, author: Person) -> Row:
    return {
        "aweme_id": content.content_id,
        "aweme_type": "0",
        "title": content.title,
        "desc": content.text,
        "create_time": content.created_s,
        "creator_hash": author.user_id,
        "nickname": author.shown_name,
        "liked_count": content.likes,
        "collected_count": content.collects,
        "comment_count": content.comments,
        "share_count": content.shares,
        "last_modify_ts": first_crawl_s(content.created_s) * 1000,
        "aweme_url": f"https://www.douyin.com/video/{content.content_id}",
        "cover_url": f"{IMAGES}/{content.content_id}.jpg",
        "video_download_url": "",
        "music_download_url": "",
        "note_download_url": "",
        "source_keyword": content.keyword,
    }


def _xhs_content(content: Content, author: Person) -> Row:
    url = f"https://www.xiaohongshu.com/explore/{content.content_id}"
    return {
        "note_id": content.content_id,
        "type": "normal",
        "title": content.title,
        "desc": content.text,
        "video_url": "",
        "time": content.created_s * 1000,
        "last_update_time": content.created_s * 1000,
        "user_id": author.user_id,
        "nickname": author.shown_name,
        "avatar": avatar(author),
        "liked_count": content.likes,
        "collected_count": content.collects,
        "comment_count": content.comments,
        "share_count": content.shares,
        "ip_location": author.region,
        "image_list": f"{IMAGES}/{content.content_id}_1.jpg,{IMAGES}/{content.content_id}_2.jpg",
        "tag_list": ",".join(word[1:] for word in content.text.split("。")[-1].split()),
        "last_modify_ts": first_crawl_s(content.created_s) * 1000,
        "note_url": url,
        "source_keyword": content.keyword,
        "xsec_token": "",
    }


def _weibo_content(content: Content, author: Person) -> Row:
    return {
        "note_id": content.content_id,
        "content": content.text,
        "create_time": weibo_seconds(content.created_s, first_crawl_s(content.created_s)),
        "create_date_time": f"{clock(content.created_s)}+08:00",
        "liked_count": content.likes,
        "comments_count": content.comments,
        "shared_count": content.shares,
        "last_modify_ts": first_crawl_s(content.created_s) * 1000,
        "note_url": f"https://m.weibo.cn/detail/{content.content_id}",
        "creator_hash": author.user_id,
        "nickname": author.shown_name,
        "source_keyword": content.keyword,
    }


def _bilibili_content(content: Content, author: Person) -> Row:
    return {
        "video_id": content.content_id,
        "video_type": "video",
        "title": content.title,
        "desc": content.text,
        "create_time": content.created_s,
        "user_id": author.user_id,
        "nickname": author.shown_name,
        "avatar": avatar(author),
        "liked_count": content.likes,
        "disliked_count": "",
        "video_play_count": content.views,
        "video_favorite_count": content.collects,
        "video_share_count": content.shares,
        "video_coin_count": "",
        "video_danmaku": "",
        "video_comment": content.comments,
        "last_modify_ts": first_crawl_s(content.created_s) * 1000,
        "video_url": f"https://www.bilibili.com/video/av{content.content_id}",
        "video_cover_url": f"{IMAGES}/{content.content_id}.jpg",
        "source_keyword": content.keyword,
    }


def _shop_product(content: Content, author: Person) -> Row:
    return {
        "platform": "shop",
        "content_id": content.content_id,
        "user_id": author.user_id,
        "title": content.title,
        "text": content.text,
        "created_at": clock(content.created_s),
        "comment_count": content.comments,
        "collect_count": content.collects,
    }
