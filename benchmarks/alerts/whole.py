"""The smaller stream of whole comments: grouping, evidence and water-army suspicion on the way."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa

from serving.alerts.comments import WATCHED
from serving.alerts.replay import replay
from serving.alerts.rules import load_rules

MONDAY = 1_788_163_200 + 6 * 86_400
COPIES = ("这家店的奶茶喝出虫子大家千万不要再买了", "黑心商家虚假宣传大家一起抵制")


def crisis_stream(seed: int, days: int = 14, contents: int = 4, per_day: int = 300) -> pa.Table:
    """Contents with a day curve; from two thirds on, a storm under one and a flood of copies under another."""
    dice = np.random.default_rng(seed)
    parts = []
    for content in range(contents):
        n = days * per_day
        day = np.clip(dice.normal(15, 5, n), 0, 23.99) * 3600
        at = MONDAY + dice.integers(0, days, n) * 86_400 + day.astype(int)
        parts.append(
            _rows(dice, f"7{content}", at, dice.random(n) < 0.2, [f"评论 {k}" for k in range(n)])
        )
    begin = MONDAY + days * 2 // 3 * 86_400 + 12 * 3600
    at = begin + dice.integers(0, 7200, 150)
    words = "杯盖漏虫甜苦贵慢冷酸涩硬糊"
    texts = ["".join(dice.choice(list(words), 12)) for _ in range(150)]
    parts.append(_rows(dice, "70", at, np.ones(150, dtype=bool), texts))
    at = begin + 10 * 3600 + dice.integers(0, 1800, 120)
    texts = [COPIES[int(k)] + "！" * int(k) for k in dice.integers(0, 2, 120)]
    parts.append(_rows(dice, "71", at, np.ones(120, dtype=bool), texts))
    return pa.concat_tables(parts)


def several_crises(brands: int = 2, days: int = 3) -> pa.Table:
    """Smaller ones of such streams under several brands, by time."""
    parts = []
    for number in range(brands):
        one = crisis_stream(seed=5 + number, days=days, contents=2, per_day=120)
        place = one.schema.get_field_index("brand")
        named = pa.array([f"品牌{number + 1}"] * one.num_rows, pa.string())
        parts.append(one.set_column(place, one.schema.field(place), named))
    return pa.concat_tables(parts).sort_by("at")


def _rows(
    dice: np.random.Generator, content: str, at: np.ndarray, bad: np.ndarray, texts: list[str]
) -> pa.Table:
    n = len(at)
    base = int(dice.integers(0, 1 << 40))
    values = {
        "comment_id": [f"{base}-{k}" for k in range(n)],
        "brand": ["all"] * n,
        "platform": ["douyin"] * n,
        "content": [content] * n,
        "user": [f"u{base}-{k}" for k in range(n)],
        "text": texts,
        "at": at.tolist(),
        "likes": dice.geometric(0.3, n).tolist(),
        "replies": [0] * n,
        "judged": [True] * n,
        "negative": bad.tolist(),
        "p_negative": bad.astype(float).tolist(),
    }
    empty: list[list[str]] = [[]] * n
    arrays = [
        pa.array(values.get(f.name, empty if pa.types.is_list(f.type) else [None] * n), f.type)
        for f in WATCHED
    ]
    return pa.table(arrays, schema=WATCHED)


def whole_comments(seed: int = 5) -> str:
    """One line of what was found, with the suspicion beside it."""
    stream = crisis_stream(seed)
    start = time.process_time()
    found = replay([stream], load_rules())
    told = "; ".join(
        f"{one.key.get('content', 'all')} {one.severity}, {one.root.observed} of {one.root.expected:.1f} expected, "
        f"suspected {one.told.get('suspected_water_army') or 0:.0%}, {len(one.alerts)} keys"
        for one in found
    )
    spent_s = time.process_time() - start
    return f"{stream.num_rows:,} comments in {spent_s:.1f} s of processor time; 2 crises, found {len(found)}: {told}"
