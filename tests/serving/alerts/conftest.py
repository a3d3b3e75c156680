"""Streams of watched comments, and rules, for the tests of crisis monitoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from serving.alerts.comments import WATCHED
from serving.alerts.rules import Rules, load_rules
from tests.profiles.store.conftest import postgres_schema, postgres_url  # noqa: F401

MONDAY = 1_788_192_000 - 8 * 3600  # midnight of 1 September 2026 in UTC+8
DAY_S = 86_400


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def monday() -> int:
    return MONDAY


@pytest.fixture(scope="session")
def comments() -> Callable[..., pa.Table]:
    """A table of ``n`` comments between two moments, ``bad`` of them negative."""

    def make(
        start: int, length_s: int, n: int, bad: int, *, seed: int = 0, **columns: Any
    ) -> pa.Table:
        dice = np.random.default_rng(seed)
        at = start + np.sort(dice.integers(0, length_s, n))
        negative = np.zeros(n, dtype=bool)
        negative[dice.choice(n, bad, replace=False)] = True
        values: dict[str, Any] = {
            "comment_id": [f"{start}-{seed}-{k}" for k in range(n)],
            "brand": ["all"] * n,
            "platform": ["douyin"] * n,
            "content": ["7301"] * n,
            "user": [f"u{k}" for k in range(n)],
            "text": [f"评论{k}" for k in range(n)],
            "at": at.tolist(),
            "likes": [0] * n,
            "replies": [0] * n,
            "judged": [True] * n,
            "negative": negative.tolist(),
            "p_negative": negative.astype(float).tolist(),
            "aspects": [[]] * n,
            "bad_aspects": [[]] * n,
            "risks": [[]] * n,
            "keywords": [[]] * n,
        }
        values |= {k: v if isinstance(v, list) else [v] * n for k, v in columns.items()}
        arrays = [pa.array(values.get(f.name, [None] * n), f.type) for f in WATCHED]
        return pa.table(arrays, schema=WATCHED)

    return make


@pytest.fixture(scope="session")
def quiet_days(comments: Callable[..., pa.Table]) -> Callable[..., pa.Table]:
    """Days of 240 comments each, a fifth of them negative, evenly over the day."""

    def make(days: int, start: int = MONDAY, **columns: Any) -> pa.Table:
        return pa.concat_tables(
            comments(start + d * DAY_S, DAY_S, 240, 48, seed=d, **columns) for d in range(days)
        )

    return make
