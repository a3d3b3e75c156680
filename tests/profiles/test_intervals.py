"""Wilson's interval against published values and its properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.intervals import mean_interval, wilson_interval


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_matches_the_published_examples(
    k: int, n: int, low: float, high: float
) -> None:
    found = wilson_interval(k, n)
    assert found[0] == pytest.approx(low, abs=5e-5)
    assert found[1] == pytest.approx(high, abs=5e-5)


def test_wilson_interval_of_nothing_is_nan() -> None:
    low, high = wilson_interval([0, 1], [0, 2])
    assert math.isnan(low[0]) and math.isnan(high[0])
    assert 0 < low[1] < 0.5 < high[1] < 1


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_within_bounds(pair: tuple[int, int]) -> None:
    k, n = pair
    low, high = wilson_interval(k, n)
    assert 0 <= low <= k / n + 1e-12
    assert k / n - 1e-12 <= high <= 1
    mirrored = wilson_interval(n - k, n)
    assert np.allclose([low, high], [1 - mirrored[1], 1 - mirrored[0]])


def test_mean_interval_by_hand() -> None:
    assert mean_interval(0.1, 0.5, 100) == pytest.approx((0.002, 0.198), abs=1e-4)
    assert math.isnan(mean_interval(0.1, 0.5, 1)[0])
