"""Lift, returns and tags of campaigns: published intervals, hand-made arms, a planted effect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from profiles.campaigns.errors import CampaignError
from profiles.campaigns.lift import mean_lift, newcombe_interval, proportion_test, share_lift
from profiles.campaigns.report import read_report, report
from profiles.campaigns.tags import write_tags
from profiles.store.duckdb_store import DuckDBStore

AS_OF = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [  # Newcombe (1998), table II, method 10
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_interval_is_the_published_one(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert newcombe_interval(*table) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )


def test_few_conversions_are_tested_exactly_and_many_by_z() -> None:
    p, name = proportion_test(3, 4, 1, 4)
    assert (name, p) == ("fisher", pytest.approx(0.4857142857))
    p, name = proportion_test(60, 200, 40, 200)
    assert name == "two_proportion_z" and p == pytest.approx(0.0209213, abs=1e-6)


def test_interval_holds_the_true_lift_95_times_in_100() -> None:
    dice = np.random.default_rng(5)
    held = 0
    for k1, k2 in zip(dice.binomial(400, 0.10, 1000), dice.binomial(100, 0.06, 1000), strict=True):
        low, high = newcombe_interval(int(k1), 400, int(k2), 100)
        held += low <= 0.04 <= high
    assert 930 <= held <= 975


def test_mean_lift_equals_welch_and_bootstrap_lies_near() -> None:
    dice = np.random.default_rng(1)
    a, b = dice.gamma(1, 30, 4000) * (dice.random(4000) < 0.3), dice.gamma(1, 30, 2000) * 0.2
    found = mean_lift(a, b)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.low is not None and found.high is not None
    half = 1.9603 * np.sqrt(a.var(ddof=1) / 4000 + b.var(ddof=1) / 2000)
    assert found.high - found.difference == pytest.approx(half, rel=1e-3)
    assert found.bootstrap_low == pytest.approx(found.low, abs=half * 0.2)
    assert mean_lift([1.0], [0.0]).low is None


def test_no_difference_is_not_significant() -> None:
    assert not share_lift(30, 300, 10, 100).significant


def feedback(n: int = 400) -> pa.Table:
    """Each fourth person is held out; of the treated 1 in 5 buys for 50, of the others 1 in 10."""
    rows: list[dict[str, Any]] = []
    for number in range(n):
        held = number % 4 == 0
        bought = number // 4 % (10 if held else 5) == 0
        rows.append(
            {
                "campaign_id": "c1",
                "platform": "shop",
                "user_id": f"u{number}",
                "arm": "holdout" if held else "treatment",
                "sent": not held,
                "matched": not held and number % 2 == 0,
                "shown": not held and number % 3 > 0,
                "clicked": None,
                "converted": bought,
                "amount_cny": 50.0 if bought else 0.0,
            }
        )
    return pa.Table.from_pylist(rows)


def test_report_counts_stages_lift_and_returns() -> None:
    found = report(feedback(), "c1", cost_cny=1000)
    treated, held = found.arms
    assert (treated.persons, treated.converted, held.persons, held.converted) == (300, 60, 100, 10)
    assert treated.matched == 100 and treated.clicked is None and held.shown == 0
    assert found.lift is not None and found.lift.difference == pytest.approx(0.1)
    assert found.returns is not None and found.spend_lift is not None
    assert found.returns.conversions == pytest.approx(30)
    assert found.returns.amount_cny == pytest.approx(1500)
    assert found.returns.roi == pytest.approx(0.5)
    assert found.returns.cost_per_conversion_cny == pytest.approx(1000 / 30)


def test_without_holdout_there_is_no_lift_and_it_says_so() -> None:
    rows = feedback().filter(pa.compute.equal(feedback()["arm"], "treatment"))
    found = report(rows, "c1")
    assert found.lift is None and found.returns is None
    assert found.notes == ("no holdout: a lift needs both arms",)


def test_person_in_both_arms_and_unknown_arms_are_refused() -> None:
    twice = pa.table(
        {"user_id": ["a", "a"], "arm": ["treatment", "holdout"], "converted": [True, None]}
    )
    with pytest.raises(CampaignError, match="each person in one arm, found 1 in both"):
        report(twice, "c1")
    with pytest.raises(CampaignError, match="expected treatment or holdout, found left"):
        report(pa.table({"user_id": ["a"], "arm": ["left"]}), "c1")


def campaigns() -> pa.Table:
    days = [datetime(2026, 9, day, tzinfo=UTC) for day in (1, 2)]
    return pa.table(
        {
            "campaign_id": ["c1", "c1"],
            "platform": ["douyin", "douyin"],
            "campaign_name": ["spring", "spring"],
            "time": pa.array(days, pa.timestamp("ms", "UTC")),
            "cost_cny": [600.0, 400.0],
        }
    )


def test_store_loads_once_reports_by_name_and_writes_tags(store: DuckDBStore) -> None:
    assert store.load("campaigns", campaigns(), "r1").inserted == 2
    assert store.load("campaigns", campaigns(), "r2").unchanged == 2
    assert store.load("feedback", feedback(), "r1").inserted == 400
    assert store.load("feedback", feedback(), "r2").unchanged == 400
    found = read_report(store, "spring")
    assert found.campaign_id == "c1" and found.returns is not None
    assert found.returns.cost_cny == 1000 and found.returns.roi == pytest.approx(0.5)
    n = write_tags(store, "c1", AS_OF, "w1")
    assert write_tags(store, "c1", AS_OF, "w2") == n == store.count("campaign_tags")
    tags = store.read(
        "SELECT tag, count(*) AS n FROM campaign_tags WHERE tag IN ('campaign:c1:holdout', "
        "'campaign:c1:converted') GROUP BY tag ORDER BY tag"
    )
    assert tags["n"].to_pylist() == [70, 100]
    with pytest.raises(CampaignError, match="tingfeng ingest feedback FILE"):
        read_report(store, "autumn")


def test_orders_of_a_period_are_the_conversions(store: DuckDBStore) -> None:
    rows = feedback().drop_columns(["converted", "amount_cny"])
    store.load("feedback", rows, "r1")
    orders = pa.table(
        {
            "platform": ["shop"] * 3,
            "order_id": ["1", "2", "3"],
            "user_id": ["u1", "u1", "u4"],
            "time": pa.array(
                [AS_OF, AS_OF, datetime(2026, 11, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")
            ),
            "amount_cny": [10.0, 5.0, 99.0],
        }
    )
    store.load("orders", orders, "r1")
    assert read_report(store, "c1").lift is None
    end = datetime(2026, 10, 2, tzinfo=UTC)
    treated, held = read_report(store, "c1", orders_from=AS_OF, orders_to=end).arms
    assert (treated.converted, treated.amount_cny, held.converted) == (1, 15.0, 0)
