"""Treatment against holdout: difference of shares and of means, with interval and the right test.

Shares: the hybrid score interval of Newcombe (1998, method 10); Fisher's exact test where an
expected count is below 5 (Cochran 1954), else the pooled two-proportion z test. Means: Welch's
interval and test, and for up to ``BOOTSTRAP_MAX`` persons a percentile bootstrap beside it, because
spend is skewed. Every person of an arm counts, reached or not (intention to treat): who is reached
was chosen by the platform, not by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from profiles.intervals import wilson_interval

EXACT_BELOW: Final = 5.0
BOOTSTRAP_MAX: Final = 50_000
RESAMPLES: Final = 2_000
SEED: Final = 20_260_101
ALPHA: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class ShareLift:
    """Share of the treatment minus that of the holdout, with its 95 % interval.

    ``relative`` is the difference by the holdout's share, None where that is 0.
    """

    difference: float
    low: float
    high: float
    relative: float | None
    p_value: float
    test: str
    significant: bool


@dataclass(frozen=True, kw_only=True)
class MeanLift:
    """Mean of the treatment minus that of the holdout; bounds are 95 %, None where not computed."""

    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    test: str = "welch"


def newcombe_interval(k1: int, n1: int, k2: int, n2: int) -> tuple[float, float]:
    """95 % bounds of ``k1/n1 - k2/n2``; both ``n`` are above 0."""
    p1, p2 = k1 / n1, k2 / n2
    low1, high1 = (float(one) for one in wilson_interval(k1, n1))
    low2, high2 = (float(one) for one in wilson_interval(k2, n2))
    difference = p1 - p2
    return (
        difference - float(np.hypot(p1 - low1, high2 - p2)),
        difference + float(np.hypot(high1 - p1, p2 - low2)),
    )


def share_lift(k1: int, n1: int, k2: int, n2: int) -> ShareLift:
    """``k1`` of ``n1`` in the treatment against ``k2`` of ``n2`` in the holdout."""
    low, high = newcombe_interval(k1, n1, k2, n2)
    difference, base = k1 / n1 - k2 / n2, k2 / n2
    p_value, test = proportion_test(k1, n1, k2, n2)
    return ShareLift(
        difference=difference,
        low=low,
        high=high,
        relative=difference / base if base else None,
        p_value=p_value,
        test=test,
        significant=p_value < ALPHA,
    )


def proportion_test(k1: int, n1: int, k2: int, n2: int) -> tuple[float, str]:
    """The two-sided p value and the test that gave it."""
    from scipy import stats

    pooled = (k1 + k2) / (n1 + n2)
    if min(pooled, 1 - pooled) * min(n1, n2) < EXACT_BELOW:
        table = [[k1, n1 - k1], [k2, n2 - k2]]
        return float(stats.fisher_exact(table).pvalue), "fisher"
    error = (pooled * (1 - pooled) * (1 / n1 + 1 / n2)) ** 0.5
    return float(2 * stats.norm.sf(abs(k1 / n1 - k2 / n2) / error)), "two_proportion_z"


def mean_lift(treatment: ArrayLike, holdout: ArrayLike) -> MeanLift:
    """One value per person of each arm; both have somebody. Bounds need two persons an arm."""
    from scipy import stats

    a, b = np.asarray(treatment, dtype=float), np.asarray(holdout, dtype=float)
    difference = float(a.mean() - b.mean())
    low = high = p_value = None
    if min(len(a), len(b)) > 1 and (a.std() > 0 or b.std() > 0):
        found = stats.ttest_ind(a, b, equal_var=False)
        bounds = found.confidence_interval(1 - ALPHA)
        low, high, p_value = float(bounds.low), float(bounds.high), float(found.pvalue)
    drawn = _bootstrap(a, b) if max(len(a), len(b)) <= BOOTSTRAP_MAX else None
    return MeanLift(
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        bootstrap_low=None if drawn is None else drawn[0],
        bootstrap_high=None if drawn is None else drawn[1],
    )


def _bootstrap(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float]:
    """Percentile bounds of the difference of means; the same rows give the same bounds."""
    dice = np.random.default_rng(SEED)
    drawn = _means(a, dice) - _means(b, dice)
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def _means(values: NDArray[Any], dice: np.random.Generator) -> NDArray[Any]:
    """Means of resamples; equal values are drawn together, most persons spend nothing."""
    distinct, counts = np.unique(values, return_counts=True)
    drawn = [
        dice.multinomial(len(values), counts / len(values)) @ distinct for _ in range(RESAMPLES)
    ]
    return np.asarray(drawn) / len(values)
