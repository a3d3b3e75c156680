"""The sample's 265 people: ids as each platform writes them, names, and what a CRM knows of them.

A person is one account on one platform; nobody is linked across platforms.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Final

from data.sample.corpus import Content
from data.sample.timeline import DAY_S, START_S, clock

HEADCOUNT: Final = {"douyin": 100, "xhs": 55, "weibo": 50, "bilibili": 32, "shop": 28}
HASHED_PLATFORMS: Final = ("douyin", "weibo")  # crawler schema 2 gives a hash and a masked name
IMAGES: Final = "https://img.example.com"
REGIONS: Final = {
    "杭州": "浙江",
    "宁波": "浙江",
    "上海": "上海",
    "苏州": "江苏",
    "南京": "江苏",
    "合肥": "安徽",
    "福州": "福建",
    "厦门": "福建",
    "广州": "广东",
    "深圳": "广东",
    "长沙": "湖南",
    "武汉": "湖北",
    "成都": "四川",
    "重庆": "重庆",
    "西安": "陕西",
    "郑州": "河南",
    "北京": "北京",
    "青岛": "山东",
    "沈阳": "辽宁",
    "香港": "中国香港",
    "台北": "中国台湾",
}
_CITY_WEIGHTS: Final = (26, 10, 14, 9, 9, 5, 5, 4, 8, 8, 5, 6, 7, 4, 3, 4, 8, 3, 2, 1, 2)
_OPENING_WORDS: Final = """
    半糖 去冰 小鹿 山月 晚风 阿橘 豆包 芋圆 木木 南风 星河 栗子
    云朵 青柠 阿七 江江 小满 知夏 桃桃 米粒 北岛 拾光 阿灿 可乐
    团子 鱼丸 白露 十一 兔兔 老周 阿May 大福 momo 橙子 柚子 雨停
    夏至 阿宁 胖虎 喵叔
"""
_ENDING_WORDS: Final = """
    不睡觉 在路上 要暴富 爱喝茶 今天也加班 的日常 本人 吃饱了 去看海 没有烦恼 酱 同学
    呀 _0716 99 爱生活 小号 不吃辣 慢慢来 的碎碎念 er 在摸鱼 想放假 大魔王
    失眠中
"""
_AGES: Final = ("18-23", "24-30", "31-40", "41-50", "51+", "")
_LEVELS: Final = ("普通", "银卡", "金卡", "黑金")


@dataclass(frozen=True, kw_only=True)
class Person:
    """One account; ``raw_id`` is the platform's number, ``user_id`` what a dump shows."""

    platform: str
    raw_id: str
    name: str
    gender: str
    age_group: str
    city: str
    registered: str
    level: str
    activity: float

    @property
    def user_id(self) -> str:
        """The account's id in a dump: the crawler's hash where it writes one."""
        return hashed(self.raw_id) if self.platform in HASHED_PLATFORMS else self.raw_id

    @property
    def shown_name(self) -> str:
        """The account's name in a dump: masked where the crawler masks it."""
        return masked(self.name) if self.platform in HASHED_PLATFORMS else self.name

    @property
    def region(self) -> str:
        """The province that the platform shows beside a comment."""
        return REGIONS[self.city]


def hashed(raw_id: str) -> str:
    """The crawler's author hash: the first 16 hex digits of SHA-256."""
    return hashlib.sha256(raw_id.encode()).hexdigest()[:16]


def masked(name: str) -> str:
    """The crawler's masked name: first and last character around three stars."""
    if len(name) < 2:
        return "*"
    return name[0] + "*" if len(name) == 2 else f"{name[0]}***{name[-1]}"


def avatar(person: Person) -> str:
    """The address of an account's picture."""
    return f"{IMAGES}/avatar/{person.user_id}.jpg"


def build_people(rng: random.Random, named: dict[str, list[str]]) -> list[Person]:
    """Every account, platform by platform; the first ones of a platform bear the given names."""
    people = []
    taken: set[str] = set()
    for platform, count in HEADCOUNT.items():
        for rank in range(count):
            names = named.get(platform, [])
            name = names[rank] if rank < len(names) else _name(rng, taken)
            people.append(_person(rng, platform, name, rank))
    return people


def brand_account(content: Content) -> Person:
    """The author of a content as a commenting account."""
    return Person(
        platform=content.platform,
        raw_id=content.author_id,
        name=content.author,
        gender="",
        age_group="",
        city="杭州",
        registered="",
        level="",
        activity=0.0,
    )


def _person(rng: random.Random, platform: str, name: str, rank: int) -> Person:
    registered = START_S - rng.randrange(160, 1100) * DAY_S
    return Person(
        platform=platform,
        raw_id=_raw_id(rng, platform),
        name=name,
        gender=rng.choices(("female", "male", ""), (58, 30, 12))[0],
        age_group=rng.choices(_AGES, (30, 34, 17, 6, 2, 11))[0],
        city=rng.choices(tuple(REGIONS), _CITY_WEIGHTS)[0],
        registered=clock(registered)[:10],
        level=rng.choices(_LEVELS, (62, 23, 11, 4))[0],
        activity=round(1 / (rank + 4), 4),  # few write much, most write once or twice
    )


def _name(rng: random.Random, taken: set[str]) -> str:
    while True:
        name = rng.choice(_OPENING_WORDS.split()) + rng.choice(_ENDING_WORDS.split())
        if name not in taken:
            taken.add(name)
            return name


def _raw_id(rng: random.Random, platform: str) -> str:
    if platform == "xhs":
        return f"{rng.randrange(0x5A000000, 0x66000000):08x}{rng.randrange(2**64):016x}"
    if platform == "shop":
        return f"tb{rng.randrange(10**9, 10**10)}"
    digits = {"douyin": 15, "weibo": 10, "bilibili": 9}[platform]
    return str(rng.randrange(10 ** (digits - 1), 10**digits))
