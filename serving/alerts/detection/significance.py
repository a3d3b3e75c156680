"""How surprising counts are: exact upper tails, and which keys may be reported together.

Counts whose own rate varies (gamma, relative variance ``spread``) are negative binomial; shares
whose own chance varies (beta) are beta-binomial. The tail of the first is a regularised incomplete
beta function (DLMF 8.17).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, gammaln

from serving.alerts.detection.state import Floats
from serving.alerts.detection.thresholds import STEP_S, WINDOW_STEPS, Thresholds

_WEEK_STEPS = 7 * 86_400 // STEP_S
# Windows are tested every step, so they overlap, and tests of several windows share their data:
# counting the separate windows of a week once keeps below the budget (python -m benchmarks.alerts).
_OVERLAP = 1.0
# Long windows get more of the budget: crises on quiet keys show in them alone, floods show anyway.
_PARTS = np.array([0.05, 0.1, 0.25, 0.35, 0.25])
_RISE_PART = 0.2  # of the budget goes to slow rises


def count_tail(count: Floats, mean: Floats, spread: Floats) -> Floats:
    """Chance of ``count`` or more, elementwise; ``spread`` is the rate's relative variance, > 0."""
    shape = 1 / spread
    tail: Floats = np.where(
        count > 0, betainc(np.maximum(count, 1), shape, mean / (mean + shape)), 1.0
    )
    return tail


def share_tail(negative: int, comments: int, share: float, weight: float, spread: float) -> float:
    """Chance of so many negative ones or more among the comments when ``share`` is normal.

    ``weight`` is how many comments the normal share was learnt from; ``spread`` the relative
    variance of the share itself.
    """
    share = min(max(share, 1e-6), 1 - 1e-6)
    certain = share * (1 - share) / (spread * share**2) - 1 if spread > 0 else np.inf
    size = max(0.5, 1 / (1 / max(weight, 1.0) + 1 / max(certain, 0.5)))
    a, b = share * size, (1 - share) * size
    bad = np.arange(max(negative, 0), comments + 1)
    good = comments - bad
    ways = gammaln(comments + 1) - gammaln(bad + 1) - gammaln(good + 1)
    return float(min(1.0, np.exp(ways + betaln(bad + a, good + b) - betaln(a, b)).sum()))


def chances(thresholds: Thresholds, keys: int) -> tuple[Floats, float]:
    """What chance a single test may have, by window and for slow rises.

    The budget of false alarms per key and week is spread over the windows by ``_PARTS``, and within
    one over the separate windows of a week, counted ``_OVERLAP`` times.
    """
    budget = min(
        thresholds.false_alarms_per_key_week, thresholds.false_alarms_per_week / max(keys, 1)
    )
    per_week = np.array([_WEEK_STEPS / steps * _OVERLAP for steps in WINDOW_STEPS])
    bursts = budget * (1 - _RISE_PART) * _PARTS / per_week
    return bursts, budget * _RISE_PART


def reported(scores: Floats) -> npt.NDArray[np.bool_]:
    """Which keys to report, by the step-up rule of Benjamini and Hochberg (1995).

    ``scores`` are p-values over the chance that a single key may have: 1 is just significant. The
    k-th smallest may be as large as k.
    """
    order = np.argsort(scores)
    allowed = np.flatnonzero(scores[order] <= np.arange(1, len(scores) + 1))
    chosen = np.zeros(len(scores), dtype=bool)
    if len(allowed):
        chosen[order[: allowed[-1] + 1]] = True
    return chosen
