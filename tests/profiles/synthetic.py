"""A small scored table, the same every time: 200 comments, 6 contents, 12 days."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from data import columns

START = datetime(2026, 4, 20, tzinfo=UTC)
AS_OF = datetime(2026, 5, 2, tzinfo=UTC)

TEXTS = {
    "negative": [
        "用了三天就坏了，客服一直不回复",
        "太失望了，和宣传的完全不一样",
        "快递慢得离谱，包装都压扁了",
        "吃完肚子疼，这真的能卖吗？",
        "涨价也太狠了，不会再买",
    ],
    "neutral": [
        "请问有没有大一号的？",
        "已下单，等收到再来说",
        "和去年那款有什么区别",
        "蹲一个测评",
        "路过看看",
    ],
    "positive": [
        "味道真的不错，会回购！",
        "颜值太高了，爱了爱了",
        "客服小姐姐很耐心，给个好评",
        "续航比上一代强太多",
        "这个价格真香",
    ],
}
KEYWORDS = ["客服", "快递", "味道", "颜值", "续航", "价格", "包装", "测评", "回购", "宣传"]
ASPECTS = ["quality", "price", "logistics", "service", "taste", "packaging", "appearance"]
TOPICS = ["beauty", "food", "digital", "home", "parenting", "travel"]
EMOTIONS = {
    "negative": ["anger", "disgust", "sadness", "fear"],
    "neutral": ["none", "surprise"],
    "positive": ["like", "happiness"],
}


def scored_comments(n: int = 200) -> pa.Table:
    """Return ``n`` comments with scores; content c6 turns against its maker on the last day."""
    dice = random.Random(20260502)
    rows = [_row(dice, number) for number in range(n)]
    return pa.Table.from_pylist(rows, schema=pa.schema([*columns.COMMENTS, *columns.SCORES]))


def comments_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a complete table; what a row leaves out is null."""
    schema = pa.schema([*columns.COMMENTS, *columns.SCORES])
    filled = [
        {"comment_id": str(number), "platform": "douyin", **row} for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(filled, schema=schema)


def _row(dice: random.Random, number: int) -> dict[str, Any]:
    crisis = number % 5 == 0
    if crisis:
        content, day = "c6", dice.choice([0, 2, 4, 6, *[11] * 12])
    else:
        content, day = f"c{dice.randint(1, 5)}", dice.randint(0, 11)
    odds = (8, 1, 1) if crisis and day == 11 else (2, 3, 5)
    sentiment = dice.choices(["negative", "neutral", "positive"], odds)[0]
    row: dict[str, Any] = {
        "comment_id": f"k{number}",
        "platform": "douyin" if content in {"c1", "c2", "c6"} else "xhs",
        "content_id": content,
        "parent_id": f"k{number - 1}" if number % 7 == 6 else None,
        "user_id": f"u{dice.randint(1, 24)}",
        "user_name": "不应入库",
        "text": dice.choice(TEXTS[sentiment]),
        "created_at": START + timedelta(days=day, minutes=dice.randint(0, 1439)),
        "like_count": int(dice.expovariate(1 / 12)),
        "reply_count": dice.randint(0, 3),
        "region": dice.choice(["浙江", "广东", "四川", None]),
    }
    if number % 23 == 22:  # a picture without text: nothing to judge
        return row | {"text": None}
    if number % 41 == 40:
        row["created_at"] = None
    return row | _scores(dice, sentiment, crisis=crisis and day == 11)


def _scores(dice: random.Random, sentiment: str, *, crisis: bool) -> dict[str, Any]:
    sure = round(dice.uniform(0.55, 0.97), 3)
    rest = (1 - sure) / 2
    p = {name: sure if name == sentiment else rest for name in TEXTS}
    topics = dice.sample(TOPICS, dice.choice([0, 1, 1, 2]))
    negative = sentiment == "negative"
    return {
        "sentiment": sentiment,
        "sentiment_score": p["positive"] - p["negative"],
        **{f"p_{name}": value for name, value in p.items()},
        "emotion": dice.choice(EMOTIONS[sentiment]),
        "interest": topics[0] if topics else None,
        "interests": [{"topic": topic, "score": dice.uniform(0.4, 0.95)} for topic in topics],
        "keywords": dice.sample(KEYWORDS, 2),
        "aspects": [
            {"aspect": aspect, "polarity": sentiment, "score": 0.8}
            for aspect in dice.sample(ASPECTS, dice.choice([0, 1, 2]))
        ],
        "flags": ["complaint"]
        if negative
        else dice.choice([[], ["purchase_intent"], ["question"]]),
        "risks": ["food_safety"] if negative and crisis else [],
        "truncated": False,
        "model_version": "fake-1",
    }
