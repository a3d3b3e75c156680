"""Simulated persons for drift: days with signals, topics drawn afresh or moved on a given day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

AS_OF = datetime(2026, 9, 30, 12, tzinfo=UTC)
TODAY = date(2026, 9, 30)
MIX = {"food": 0.5, "travel": 0.3, "pets": 0.2}
MOVED_MIX = {"fitness": 0.8, "food": 0.1, "pets": 0.1}


def day_rows(
    person: str,
    dice: np.random.Generator,
    *,
    n_days: int,
    span_days: int = 120,
    moved_days_ago: int = 0,
    per_day: int = 2,
) -> list[dict]:
    """Rows of ``signal_days``: the newest day is today; days younger than the move have its mix."""
    rest = dice.choice(np.arange(1, span_days), n_days - 1, replace=False)
    rows = []
    for age in sorted({0, *rest.tolist()}, reverse=True):
        mix = MOVED_MIX if age < moved_days_ago else MIX
        drawn = dice.choice(list(mix), per_day, p=list(mix.values()))
        rows += [
            {
                "person_id": person,
                "day": TODAY - timedelta(days=age),
                "topic": topic,
                "weight": float((drawn == topic).sum()),
                "n_signals": int((drawn == topic).sum()),
                "age_days": age,
            }
            for topic in sorted(set(drawn.tolist()))
        ]
    return rows


def table_of(rows: list[dict]) -> pa.Table:
    """The rows as ``signal_days`` gives them."""
    schema = pa.schema(
        [
            ("person_id", pa.string()),
            ("day", pa.date32()),
            ("topic", pa.string()),
            ("weight", pa.float64()),
            ("n_signals", pa.int64()),
            ("age_days", pa.int64()),
        ]
    )
    order = [(name, "ascending") for name in ("person_id", "day", "topic")]
    return pa.Table.from_pylist(rows, schema=schema).sort_by(order)
