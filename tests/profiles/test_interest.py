"""Interest per person: the half-life by hand, shares, and the two horizons."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from profiles.interest import interest_by_person

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


def about(days_ago: float | None, **topics: float) -> dict:
    return {
        "user_id": "u",
        "created_at": None if days_ago is None else AS_OF - timedelta(days=days_ago),
        "interests": [{"topic": topic, "score": score} for topic, score in topics.items()],
    }


def by_topic(synthetic: ModuleType, rows: list[dict], **options: float) -> dict[str, dict]:
    table = interest_by_person(synthetic.comments_table(rows), AS_OF, **options)
    return {row["topic"]: row for row in table.to_pylist()}


def test_weight_halves_every_thirty_days(synthetic: ModuleType) -> None:
    topics = by_topic(synthetic, [about(0, food=0.5), about(30, pets=0.5), about(60, food=1.0)])
    assert topics["food"]["weight"] == pytest.approx(0.5 + 1.0 / 4)
    assert topics["pets"]["weight"] == pytest.approx(0.25)
    assert topics["food"]["share"] == pytest.approx(0.75)
    assert (topics["food"]["n"], topics["pets"]["n"]) == (2, 1)


def test_half_life_can_be_given(synthetic: ModuleType) -> None:
    topics = by_topic(synthetic, [about(10, food=0.8)], half_life_days=10)
    assert topics["food"]["weight"] == pytest.approx(0.4)


def test_short_and_long_horizon_tell_a_new_interest(synthetic: ModuleType) -> None:
    topics = by_topic(synthetic, [about(0, food=0.5), about(90, pets=0.5)])
    assert topics["food"]["share_90d"] == pytest.approx(2 / 3, abs=1e-6)
    assert topics["food"]["share_7d"] == pytest.approx(1 / (1 + 2 ** (-90 / 7)), abs=1e-6)
    assert topics["food"]["share_7d"] > topics["food"]["share_90d"]


def test_undated_counts_but_weighs_nothing_and_later_is_left_out(synthetic: ModuleType) -> None:
    topics = by_topic(synthetic, [about(None, food=0.9), about(1, pets=0.5), about(-1, auto=0.9)])
    assert (topics["food"]["n"], topics["food"]["weight"], topics["food"]["share"]) == (1, 0, 0)
    assert set(topics) == {"food", "pets"}
    assert by_topic(synthetic, [about(None, food=0.9)])["food"]["share"] is None


def test_shares_sum_to_one_and_match_a_plain_loop(synthetic: ModuleType, scored: pa.Table) -> None:
    expected: dict[tuple[str, str], float] = defaultdict(float)
    for row in scored.to_pylist():
        for item in row["interests"] or []:
            if row["created_at"] is not None and row["created_at"] <= synthetic.AS_OF:
                age = (synthetic.AS_OF - row["created_at"]) / timedelta(days=1)
                expected[row["user_id"], item["topic"]] += item["score"] * 2 ** (-age / 30)
    sums: dict[str, float] = defaultdict(float)
    for row in interest_by_person(scored, synthetic.AS_OF).to_pylist():
        assert row["weight"] == pytest.approx(expected[row["user_id"], row["topic"]], abs=1e-6)
        sums[row["user_id"]] += row["share"] or 0
    assert all(total == pytest.approx(1, abs=1e-5) for total in sums.values())


def test_order_of_rows_does_not_matter(synthetic: ModuleType, scored: pa.Table) -> None:
    shuffled = scored.take(np.random.default_rng(3).permutation(scored.num_rows))
    assert interest_by_person(scored, synthetic.AS_OF).equals(
        interest_by_person(shuffled, synthetic.AS_OF)
    )
