"""What is expected of key figures, and what left it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from profiles.baselines.band import STATES, judge
from profiles.baselines.baseline import build_baseline
from profiles.baselines.errors import BaselineError
from profiles.baselines.figures import read_figures
from profiles.store.duckdb_store import DuckDBStore


def weekly_rhythm(days: int) -> np.ndarray:
    """100 on weekdays, 400 at the weekend."""
    return np.where(np.arange(days) % 7 >= 5, 400.0, 100.0)[None]


def test_weekend_is_compared_with_weekends() -> None:
    values = weekly_rhythm(84)
    band = judge(values, None, weekly=False)
    assert (band.state[0, 60:] == STATES.index("inside")).all() and band.seasonal[0, 60:].all()
    assert band.expected[0, 82] == 400 and band.expected[0, 80] == 100
    values[0, 80] = 400  # as many as on a Sunday, on a weekday
    assert STATES[judge(values, None, weekly=False).state[0, 80]] == "above"


def test_one_campaign_in_the_past_does_not_move_the_band() -> None:
    values = weekly_rhythm(84)
    values[0, 73] = 5000
    band = judge(values, None, weekly=False)
    assert band.expected[0, 80] == 100 and band.high[0, 80] < 200


def test_band_uses_the_past_only() -> None:
    values = weekly_rhythm(84)
    before = judge(values, None, weekly=False)
    values[0, 70:] *= 9
    after = judge(values, None, weekly=False)
    assert (before.expected[0, :71] == after.expected[0, :71])[40:].all()


def test_short_past_is_told_and_no_past_has_no_verdict() -> None:
    band = judge(weekly_rhythm(20), None, weekly=False)
    assert STATES[band.state[0, 3]] == "unknown" and not band.seasonal[0, 15]
    assert STATES[band.state[0, 15]] != "unknown"


def test_share_of_few_may_be_anything_and_of_many_not() -> None:
    values, trials = np.full((2, 70), 0.1), np.full((2, 70), 5.0)
    trials[1] = 5000
    values[:, 69] = 0.4
    states = judge(values, trials, weekly=False).state[:, 69]
    assert [STATES[one] for one in states] == ["inside", "above"]


def test_chance_leaves_the_band_rarely() -> None:
    counts = np.random.default_rng(2).poisson(100, (200, 120)).astype(float)
    band = judge(counts, None, weekly=False)
    left = np.isin(band.state[:, 60:], [STATES.index("above"), STATES.index("below")]).mean()
    assert 0 < left < 0.02


def figures(values: list[float], metric: str = "exposure") -> pa.Table:
    days = [date(2026, 1, 5) + timedelta(days=at) for at in range(len(values))]
    return pa.table({"metric": [metric] * len(days), "period": days, "value": values})


def test_baseline_tells_latest_and_what_left_newest_first() -> None:
    values = weekly_rhythm(70)[0].tolist()
    values[65], values[69] = 900.0, 0.0
    found = build_baseline(figures(values))
    assert [(one.period, one.state) for one in found.left] == [
        ("2026-03-15", "below"),
        ("2026-03-11", "above"),
    ]
    assert found.latest[0].value == 0 and found.table.num_rows == 70


def test_days_without_rows_are_zero_for_counts() -> None:
    rows = figures(weekly_rhythm(70)[0].tolist())
    gone = rows.filter(pa.array([at != 66 for at in range(70)]))
    assert [one.period for one in build_baseline(gone).left] == ["2026-03-12"]
    unknown = gone.set_column(0, "metric", pa.array(["conversion"] * 69))
    assert all(one.period != "2026-03-12" for one in build_baseline(unknown).left)


def test_figures_that_cannot_be_read_are_named() -> None:
    with pytest.raises(BaselineError, match="found no metric, no period"):
        build_baseline(pa.table({"value": [1.0]}))
    with pytest.raises(BaselineError, match="expected dates such as"):
        build_baseline(pa.table({"metric": ["a"], "period": ["soon"], "value": [1.0]}))
    assert build_baseline(figures([])).latest == ()


def test_figures_of_the_store_counted_by_hand(store: DuckDBStore) -> None:
    monday = datetime(2026, 9, 7, 4, tzinfo=UTC)
    events = [
        ("a", "view", "v1", 0),
        ("b", "view", "v1", 0),
        ("b", "like", "v1", 0),
        ("a", "pay", "v1", 0),
        ("a", "follow", None, 0),
        ("a", "view", "v2", 1),
    ]
    stamp = pa.timestamp("ms", "UTC")
    store.load(
        "events",
        pa.table(
            {
                "platform": ["shop"] * 6,
                "user_id": [row[0] for row in events],
                "event": [row[1] for row in events],
                "content_id": [row[2] for row in events],
                "time": pa.array([monday + timedelta(days=row[3]) for row in events], stamp),
            }
        ),
        "r1",
    )
    order = {"platform": "shop", "user_id": "a", "amount_cny": 30.0}
    orders = [{**order, "order_id": str(at), "time": monday + timedelta(days=at)} for at in (0, 1)]
    store.load("orders", pa.Table.from_pylist(orders), "r1")
    cost = {"campaign_id": "c", "platform": "douyin", "time": monday, "cost_cny": 20.0}
    store.load("campaigns", pa.Table.from_pylist([cost]), "r1")

    def told(**asked: str) -> dict[tuple[str, str, str], float]:
        rows = read_figures(store, monday + timedelta(days=3), **asked).to_pylist()
        return {(r["scope_id"], r["metric"], r["period"].isoformat()): r["value"] for r in rows}

    days = told()
    first, second = "2026-09-07", "2026-09-08"
    assert days["", "exposure", first] == 2 and days["", "followers", first] == 1
    assert days["", "interaction_rate", first] == 0.5 and days["", "conversion", first] == 0.5
    assert days["", "repurchase", first] == 0 and days["", "repurchase", second] == 1
    assert days["", "roi", first] == 0.5
    assert told(scope="content")["v2", "exposure", second] == 1
    weeks = told(unit="week")
    assert weeks["", "exposure", first] == 3 and weeks["", "roi", first] == 2.0
    assert read_figures(store, monday - timedelta(days=1)).num_rows == 0
