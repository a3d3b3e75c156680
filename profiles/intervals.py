"""Intervals around shares and means: how far a number may be off because the comments are few.

They say what chance does to a sample, not how often the model is wrong.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z_95: Final = 1.959963984540054  # 97.5 % point of the standard normal distribution


def wilson_interval(successes: ArrayLike, trials: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return lower and upper 95 % bound of a share, by element; NaN where there are no trials.

    Wilson score interval (Wilson 1927): stays within 0..1 and is honest for few trials and shares
    near 0 or 1.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
        half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # at k = 0 and k = n the bounds are 0 and 1 exactly; the subtraction leaves 1e-17
    low = np.where(k == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(k == n, 1.0, np.clip(centre + half, 0, 1))
    nothing = n <= 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def mean_interval(mean: float, deviation: float, n: int) -> tuple[float, float]:
    """Return the 95 % bounds of a mean by the normal approximation; NaN below two values."""
    if n < 2:
        return float("nan"), float("nan")
    half = Z_95 * deviation / n**0.5
    return mean - half, mean + half
