"""Slow rises: a CUSUM of log-likelihood ratios, hour by hour (Page 1954; Lucas 1985 for counts).

Each hour adds how much better its negative comments fit ``rise_ratio`` times the expected number
than the expected number itself, both negative binomial; below zero it starts anew. The bar follows
from the budget: under the baseline the sum passes h at a rate of at most exp(-h) per hour.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.alerts.detection.baseline import squared_spread, volume_factor
from serving.alerts.detection.state import DetectorState, Floats
from serving.alerts.detection.thresholds import (
    DAY_STEPS,
    DAY_WINDOW,
    HOUR_STEPS,
    SIX_HOURS_WINDOW,
    WEEK_HOURS,
    Thresholds,
)

# neighbouring hours tell the same story: the spread of the six-hour window, and this discount
_MEMORY = 0.28


def add_hour(state: DetectorState, step: int, thresholds: Thresholds) -> None:
    """Adds the hour that ends with ``step``."""
    rows = np.arange(step - HOUR_STEPS + 1, step + 1) % DAY_STEPS
    seen = state.view("ring_negative")[rows].sum(0)
    n = state.view("ring_all")[rows].sum(0)
    mean = state.view("ring_expected")[rows].sum(0) * volume_factor(state)[DAY_WINDOW]
    gain = _MEMORY * _log_ratio(
        seen, mean, squared_spread(state)[SIX_HOURS_WINDOW], thresholds.rise_ratio
    )
    cusum = np.maximum(0.0, state.view("cusum") + np.where(n > 0, gain, 0.0))
    begins = (state.view("cusum") == 0) & (cusum > 0)
    state.view("cusum_since")[begins] = step - HOUR_STEPS + 1
    for name, value in (("negative", seen), ("all", n), ("expected", mean)):
        held = state.view(f"cusum_{name}")
        held[begins] = 0
        held[:] = np.where(cusum > 0, held + value, 0)
    state.view("cusum")[:] = cusum


def rising(
    state: DetectorState, budget_per_week: float, thresholds: Thresholds
) -> npt.NDArray[np.bool_]:
    """Which keys have risen; ``budget_per_week`` is the false alarms allowed per key and week."""
    bar = np.log(WEEK_HOURS / budget_per_week)
    risen: npt.NDArray[np.bool_] = (
        (state.view("cusum") > bar)
        & (state.view("cusum_negative") >= thresholds.rise_min_negatives)
        & (state.view("cusum_negative") >= thresholds.leave_ratio * state.view("cusum_expected"))
    )
    return risen


def _log_ratio(seen: Floats, mean: Floats, spread: Floats, ratio: float) -> Floats:
    """Log-likelihood of ``ratio * mean`` against ``mean``, negative binomial with one shape."""
    shape = 1 / spread
    mean = np.maximum(mean, 1e-9)
    gain: Floats = seen * np.log(ratio) - (seen + shape) * np.log(
        (shape + ratio * mean) / (shape + mean)
    )
    return gain
