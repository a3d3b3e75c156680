"""Tails against plain sums and scipy; the step-up rule by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import betabinom, nbinom

from serving.alerts.detection.significance import chances, count_tail, reported, share_tail
from serving.alerts.detection.thresholds import WINDOW_STEPS, Thresholds


def test_count_tail_of_a_geometric_is_a_power() -> None:
    # spread 1: shape 1, mean 3: P(X >= n) = (3/4)^n
    tail = count_tail(np.array([0.0, 1.0, 10.0]), np.array([3.0] * 3), np.array([1.0] * 3))
    assert tail == pytest.approx([1, 0.75, 0.75**10])


@pytest.mark.parametrize(
    ("count", "mean", "spread"), [(30, 9.5, 0.07), (8, 0.2, 0.5), (400, 300, 0.01)]
)
def test_count_tail_is_that_of_scipy(count: int, mean: float, spread: float) -> None:
    wanted = nbinom.sf(count - 1, 1 / spread, 1 / (1 + spread * mean))
    found = count_tail(np.array([float(count)]), np.array([mean]), np.array([spread]))
    assert found[0] == pytest.approx(wanted, rel=1e-6)


def test_share_tail_is_a_beta_binomial() -> None:
    # weight 10 and spread so small that only the weight counts: beta(2, 8)
    found = share_tail(9, 12, 0.2, 10.0, spread=1e-9)
    assert found == pytest.approx(betabinom.sf(8, 12, 2, 8), rel=1e-4)
    assert share_tail(0, 12, 0.2, 10.0, 0.02) == pytest.approx(1.0)


def test_reported_by_hand() -> None:
    # sorted 0.5 1.9 2.9 9: the third is at most 3, so it and all below are reported
    assert reported(np.array([9.0, 1.9, 0.5, 2.9])).tolist() == [False, True, True, True]
    assert reported(np.array([1.1, 9.0])).tolist() == [False, False]
    assert reported(np.array([])).tolist() == []


def test_chances_spend_the_budget_and_no_more() -> None:
    bursts, rises = chances(Thresholds(false_alarms_per_key_week=0.005), keys=10)
    windows = np.array([2016 / steps for steps in WINDOW_STEPS])
    assert math.isclose((bursts * windows).sum() + rises, 0.005)
    few, _ = chances(Thresholds(false_alarms_per_week=1.0), keys=10_000)
    assert few.sum() == pytest.approx(bursts.sum() * (1 / 10_000) / 0.005)
