"""A small refreshed store of forty persons: what they said, bought and did is known by hand.

The even ones talk of food, like its taste and mind its price; each asks one question. The first ten
bought four times lately, the next ten once long ago. All viewed, who bought paid.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.columns import COMMENTS, EVENTS, ORDERS, SCORES
from profiles.refresh import refresh
from serving.cli.common import open_store
from serving.settings import Settings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PERSONS, BUYERS, LOYAL = 40, 20, 10


def fill_home(home: Path) -> None:
    """Makes the store of ``home``, loads and refreshes it."""
    with open_store(Settings(home=home, model="fake"), create=True) as store:
        for kind, rows, schema in (
            ("comments", _comments(), pa.schema([*COMMENTS, *SCORES])),
            ("orders", _orders(), ORDERS),
            ("events", _events(), EVENTS),
        ):
            store.load(kind, pa.Table.from_pylist(rows, schema=schema), "load")
        refresh(store, NOW, "refresh")


def _comments() -> list[dict[str, Any]]:
    rows = []
    for i in range(PERSONS):
        base = {
            "platform": "douyin",
            "user_id": f"u{i:02d}",
            "created_at": NOW - timedelta(days=i % 20, hours=3),
            "like_count": i,
            "keywords": [],
            "flags": [],
            "risks": [],
            "aspects": [],
            "interests": [],
            "sentiment": "positive",
            "sentiment_score": 0.8,
            "p_negative": 0.1,
            "p_neutral": 0.0,
            "p_positive": 0.9,
        }
        food = i % 2 == 0
        topic = "food" if food else "auto"
        taste = [{"aspect": "taste", "polarity": "positive", "score": 0.9}] if food else []
        rows.append(
            base
            | {"comment_id": f"c{i}", "text": f"第{i}杯味道真不错", "aspects": taste}
            | {"interest": topic, "interests": [{"topic": topic, "score": 0.9}]}
        )
        asked = {"comment_id": f"q{i}", "text": "请问热量是多少呀", "keywords": ["热量"]}
        rows.append(base | asked | {"flags": ["question"], "interest": None})
    return rows


def _orders() -> list[dict[str, Any]]:
    rows = []
    for i in range(BUYERS):
        for k in range(4 if i < LOYAL else 1):
            days = 3 + 7 * k if i < LOYAL else 120
            at = NOW - timedelta(days=days)
            rows.append(
                {
                    "order_id": f"o{i}-{k}",
                    "platform": "douyin",
                    "user_id": f"u{i:02d}",
                    "time": at,
                    "amount_cny": 100.0 if i < LOYAL else 20.0,
                }
            )
    return rows


def _events() -> list[dict[str, Any]]:
    rows = []
    for i in range(PERSONS):
        base = {"platform": "douyin", "user_id": f"u{i:02d}", "content_id": "v1"}
        rows.append(base | {"event": "view", "time": NOW - timedelta(days=2)})
        if i < BUYERS:
            rows.append(base | {"event": "pay", "time": NOW - timedelta(days=2, minutes=-5)})
    return rows
