"""Rows with the traps in them: null keys, empty text, quotes, line ends, nested lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from data.columns import COMMENTS, SCORES

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def comments(n: int = 6) -> pa.Table:
    """Scored comments; the second has neither user nor platform, the third empty lists."""
    rows = [_comment(number) for number in range(n)]
    rows[1] |= {"user_id": None, "platform": None, "created_at": None}
    rows[2] |= {"text": "", "interests": [], "keywords": [], "aspects": [], "risks": []}
    rows[3] |= dict.fromkeys(SCORES.names)
    return pa.Table.from_pylist(rows, schema=pa.schema([*COMMENTS, *SCORES]))


def _comment(number: int) -> dict[str, object]:
    return {
        "comment_id": f"c{number}",
        "platform": "douyin",
        "content_id": f"v{number % 2}",
        "user_id": f"u{number % 3}",
        "user_name": "某人",
        "text": f'第{number}条,"好"\n换行\t\\N😀\'',
        "created_at": NOON + timedelta(days=number, milliseconds=number),
        "like_count": number if number % 2 else None,
        "sentiment": "positive",
        "sentiment_score": 0.1 * number,
        "p_negative": 0.1,
        "p_neutral": 0.2,
        "p_positive": 0.7,
        "emotion": "like",
        "interest": "food",
        "interests": [
            {"topic": "food", "score": 0.9},
            {"topic": "beauty", "score": 0.1 * number},
        ],
        "keywords": ["奶茶", 'a"b', "{x,y}", "NULL"],
        "aspects": [{"aspect": "taste", "polarity": "positive", "score": 0.75}],
        "flags": ["question"],
        "risks": [],
        "truncated": False,
        "model_version": "m1",
    }


def events(n: int = 6) -> pa.Table:
    return pa.table(
        {
            "user_id": [f"u{at % 3}" for at in range(n)],
            "platform": ["shop" if at % 2 else None for at in range(n)],
            "event": ["view" if at % 2 else "pay" for at in range(n)],
            "time": pa.array([NOON + timedelta(seconds=at) for at in range(n)]),
            "content_id": [None if at % 3 else "v1" for at in range(n)],
            "sku": [f"A-{at}" if at % 2 else None for at in range(n)],
        }
    )


def orders(n: int = 4) -> pa.Table:
    return pa.table(
        {
            "order_id": [f"o{at}" for at in range(n)],
            "platform": ["shop"] * n,
            "user_id": [f"u{at % 3}" for at in range(n)],
            "time": pa.array([NOON - timedelta(days=at) for at in range(n)]),
            "amount_cny": [0.1 + at for at in range(n)],
            "items": ['[{"sku": "甲"}]', "", None, "[]"][:n],
        }
    )


def users() -> pa.Table:
    return pa.table(
        {
            "user_id": ["u0", "u1", "u2"],
            "platform": ["shop", "shop", None],
            "region": ["浙江", None, ""],
            "age": [30, None, 0],
            "verified": [True, False, None],
        }
    )


def contents() -> pa.Table:
    return pa.table(
        {
            "content_id": ["v0", "v1"],
            "platform": ["douyin", "douyin"],
            "user_id": ["author", None],
            "title": ["标题", None],
            "view_count": [2**40, 0],
        }
    )


def identifiers() -> pa.Table:
    return pa.table(
        {
            "platform": ["shop", "shop", "douyin", "shop"],
            "user_id": ["u0", "u1", "u0", None],
            "phone": ["13900000000", "13900000001", "139 0000 0000", "***"],
            "device": ["aabbccddeeff", None, "aabbccddeeff", None],
        }
    )


def relations() -> pa.Table:
    """Two follow each other, one is followed by somebody who is nowhere else."""
    return pa.table(
        {
            "user_id": ["u0", "u1", "fan", "u0"],
            "target_id": ["u1", "u0", "u0", "u1"],
            "platform": ["douyin", "douyin", "douyin", None],
            "relation": ["follow", "follow", None, "friend"],
            "created_at": pa.array([NOON, None, NOON, NOON]),
        }
    )


ALL = {
    "comments": comments,
    "events": events,
    "orders": orders,
    "users": users,
    "contents": contents,
    "relations": relations,
    "identifiers": identifiers,
}
