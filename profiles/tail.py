"""How surprising a count is: the upper tail of the negative binomial distribution, exact.

A count whose own rate varies from time to time (gamma, relative standard deviation ``spread``) is
negative binomial with that mean and shape 1 / spread². Its tail is a regularised incomplete beta
function (DLMF 8.17), here by its continued fraction: tens of steps whatever the count.
"""

from __future__ import annotations

import math
from typing import Final

_RELATIVE: Final = 1e-14  # where the continued fraction has converged
_TINY: Final = 1e-300  # keeps Lentz's method from dividing by zero
_MAX_STEPS: Final = 100_000


def count_tail(count: int, mean: float, spread: float) -> float:
    """Return the probability of ``count`` or more when ``mean`` are expected.

    ``spread`` is the relative standard deviation of the rate itself, above zero.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    shape = 1 / spread**2
    return _incomplete_beta(mean / (mean + shape), float(count), shape)


def least_alarming_count(chance: float, mean: float, spread: float) -> int:
    """Return the least count that comes about with a probability of ``chance`` or less."""
    low, high = 0, max(1, math.ceil(mean))  # the tail is above chance at low, at most it at high
    while count_tail(high, mean, spread) > chance:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count_tail(middle, mean, spread) > chance:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b); the fraction converges fast on one side of its mean, so take that side."""
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front / a * _beta_fraction(x, a, b)
    return 1 - front / b * _beta_fraction(1 - x, b, a)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """DLMF 8.17.22 by the modified method of Lentz."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _off_zero(1 + step * d)
            c = _off_zero(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _RELATIVE:
            break
    return value


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
