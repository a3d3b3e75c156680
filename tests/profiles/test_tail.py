"""The negative binomial tail against closed forms, another library, and its own properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from profiles.tail import count_tail, least_alarming_count


def test_tail_of_spread_one_is_geometric() -> None:
    # a rate as spread as it is large: P(X >= k) = (mean / (mean + 1)) ** k
    assert count_tail(3, 1.0, 1.0) == pytest.approx(0.125, rel=1e-12)
    assert count_tail(20, 4.0, 1.0) == pytest.approx(0.8**20, rel=1e-12)
    assert least_alarming_count(0.126, 1.0, 1.0) == 3
    assert least_alarming_count(0.124, 1.0, 1.0) == 4


def test_tail_of_shape_four_at_its_first_counts() -> None:
    # mean 4, shape 4: each of P(0) = 1/2^4 and P(1) = 4 * 1/2^4 * 1/2
    assert count_tail(1, 4.0, 0.5) == pytest.approx(15 / 16, rel=1e-12)
    assert count_tail(2, 4.0, 0.5) == pytest.approx(13 / 16, rel=1e-12)


def test_tail_at_its_ends() -> None:
    assert count_tail(0, 5.0, 0.5) == 1.0
    assert count_tail(1, 0.0, 0.5) == 0.0
    assert 0 < count_tail(100_000, 5.0, 0.5) < 1e-300 or count_tail(100_000, 5.0, 0.5) == 0.0


@given(
    st.integers(1, 3000),
    st.floats(0.01, 2000, allow_nan=False),
    st.floats(0.05, 3, allow_nan=False),
)
def test_tail_equals_another_library(count: int, mean: float, spread: float) -> None:
    shape = 1 / spread**2
    wanted = nbinom.sf(count - 1, shape, shape / (shape + mean))
    assert count_tail(count, mean, spread) == pytest.approx(wanted, rel=1e-6, abs=1e-12)


@given(st.floats(1e-9, 0.5), st.floats(0.01, 500), st.floats(0.1, 2))
def test_least_alarming_count_is_the_least(chance: float, mean: float, spread: float) -> None:
    count = least_alarming_count(chance, mean, spread)
    assert count_tail(count, mean, spread) <= chance < count_tail(count - 1, mean, spread)
