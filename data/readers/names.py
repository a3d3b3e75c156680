"""Column names that usually mean a canonical column, for dumps whose shape is not known.

Names are compared without case and surrounding blanks; within a field the order is the preference.
For the text there is no preference: two candidates are a question to the user.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from data.labels import PLATFORMS


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TEXT: Final = _words(
    "content text comment comments comment_text comment_content commenttext "
    "commentcontent review reviews review_text review_content review_body body "
    "message sentence 评论 评论内容 评论正文 评论文本 评价 评价内容 内容 正文 文本 "
    "微博正文 弹幕 弹幕内容 留言 留言内容 回复内容"
)

COMMENT_FIELDS: Final = MappingProxyType(
    {
        "comment_id": _words(
            "comment_id commentid cid rpid review_id reviewid mid 评论id 评论编号 评论_id"
        ),
        "content_id": _words(
            "content_id contentid aweme_id note_id video_id item_id post_id "
            "article_id articleid 作品id 视频id 笔记id 微博id 帖子id 商品id 内容id"
        ),
        "parent_id": _words("parent_id parent_comment_id reply_id 父评论id 上级评论id 回复评论id"),
        "user_id": _words("user_id userid uid author_id creator_hash 用户id 用户编号 uid号"),
        "user_name": _words(
            "user_name username nickname nick_name nick author user name 昵称 "
            "用户昵称 用户名 用户名称 用户 作者"
        ),
        "created_at": _words(
            "created_at create_time created comment_time publish_time pub_time "
            "time date datetime timestamp 时间 评论时间 发布时间 创建时间 发表时间 日期 评论日期"
        ),
        "like_count": _words(
            "like_count likes like_num liked_count digg_count likes_count "
            "num_like 点赞数 点赞 点赞量 赞数 赞 获赞数"
        ),
        "reply_count": _words(
            "reply_count replies sub_comment_count reply_comment_total 回复数 "
            "评论回复数 子评论数 回复数量"
        ),
        "region": _words(
            "region ip_location ip_label location province 地区 ip属地 属地 省份 ip归属地 "
            "归属地 ip地址 所在地"
        ),
        "platform": _words("platform 平台 来源平台"),
    }
)

PLATFORM_WORDS: Final = MappingProxyType(
    {
        "douyin": "douyin",
        "抖音": "douyin",
        "xiaohongshu": "xhs",
        "xhs": "xhs",
        "rednote": "xhs",
        "小红书": "xhs",
        "weibo": "weibo",
        "微博": "weibo",
        "bilibili": "bilibili",
        "哔哩哔哩": "bilibili",
        "b站": "bilibili",
        "kuaishou": "kuaishou",
        "快手": "kuaishou",
        "taobao": "shop",
        "淘宝": "shop",
        "tmall": "shop",
        "天猫": "shop",
        "京东": "shop",
        "拼多多": "shop",
        "电商": "shop",
    }
)


def normal_name(name: str) -> str:
    """The name as it is compared."""
    return name.strip().strip("\ufeff").casefold()


def platform_key(text: str) -> str:
    """The key of the platform that a cell names, or the text as it is where it names none."""
    return text if text in PLATFORMS else platform_in(text) or text


def platform_in(text: str) -> str | None:
    """The platform whose name occurs in the text (a file name); null when none or several do."""
    found = {key for word, key in PLATFORM_WORDS.items() if word in text.casefold()}
    return found.pop() if len(found) == 1 else None
