"""The Jensen-Shannon distance: a metric between 0 and 1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from profiles.divergence import js_distance

WEIGHTS = arrays(np.float64, 5, elements=st.floats(0, 100, width=32)).filter(lambda w: w.sum() > 0)


def test_distance_by_hand() -> None:
    # (1, 0) and (1/2, 1/2): H(3/4, 1/4) - (0 + 1) / 2 bits
    middle = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    found = js_distance(np.array([3.0, 0.0]), np.array([2.0, 2.0]))
    assert float(found) == pytest.approx(math.sqrt(middle - 0.5))
    assert float(js_distance(np.array([1.0, 0.0]), np.array([0.0, 7.0]))) == 1.0


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_distance_is_a_bounded_metric(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> None:
    assert float(js_distance(p, p)) == 0.0
    assert float(js_distance(p, q)) == pytest.approx(float(js_distance(q, p)), abs=1e-12)
    assert 0.0 <= float(js_distance(p, q)) <= 1.0
    assert float(js_distance(p, r)) <= float(js_distance(p, q)) + float(js_distance(q, r)) + 1e-6


def test_distance_over_rows_and_of_nothing() -> None:
    p, q = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[2.0, 2.0], [1.0, 1.0]])
    found = js_distance(p, q)
    assert found[0] == 0.0 and np.isnan(found[1])
