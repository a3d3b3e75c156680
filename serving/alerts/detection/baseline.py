"""What is normal for a key: a level that halves every week, a season, a spread.

The level is a gamma-Poisson mean: ``PRIOR_NEGATIVES`` imagined negative comments at the prior's
rate beside those learnt. Hours become baseline ``learn_lag_hours`` later, without the hours of
alarms and without hours that lack data, cut at what would be three standard deviations high.
Spread is the relative standard deviation of the rate itself, by moments: the mean of
(x - m)² - m over the mean of m², each weighted by what it tells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.alerts.detection.season import hour_number, learn_season, season_factor
from serving.alerts.detection.state import DetectorState, Floats
from serving.alerts.detection.thresholds import (
    DAY_STEPS,
    HOUR_STEPS,
    HOUR_WINDOW,
    PRIOR_SPREADS,
    STEP_S,
    WINDOW_STEPS,
    Thresholds,
)

PRIOR_NEGATIVES = 2.0  # imagined negative comments behind a prior rate
PRIOR_SHARE_COMMENTS = 10.0  # imagined comments behind a prior share
PRIOR_WINDOWS = 20.0  # windows that a key's own spread must outweigh
POOL_WINDOWS = 50.0  # windows that the spread of all keys must outweigh
SPREAD_HALF_LIFE_DAYS = 28.0
LEAST_SPREAD = 0.15
LEAST_VOLUME = 0.5  # a quiet window lowers what is expected, to this at most
VOLUME_PRIOR = 1.0  # imagined comments that keep the volume factor of a small window near 1
QUIET_PRIOR = 10.0  # the same below 1: few other comments are no sign of a quiet window
MISSING_CHANCE = 1e-4  # an hour of silence less likely than this is missing data


def level(state: DetectorState) -> Floats:
    """Negative comments per hour of a flat week, shape (keys,)."""
    if "level" in state.cache:
        return state.cache["level"]
    prior = state.view("prior_negatives")
    rate: Floats = (state.view("negatives") + PRIOR_NEGATIVES) / (
        state.view("exposure") + PRIOR_NEGATIVES / prior
    )
    state.cache["level"] = rate
    return rate


def share(state: DetectorState) -> Floats:
    """The negative share that is normal, shape (keys,)."""
    if "share" in state.cache:
        return state.cache["share"]
    normal: Floats = (
        state.view("negatives") + PRIOR_SHARE_COMMENTS * state.view("prior_share")
    ) / (state.view("comments") + PRIOR_SHARE_COMMENTS)
    state.cache["share"] = normal
    return normal


def squared_spread(state: DetectorState) -> Floats:
    """Variance of the rate relative to its square, by window, shape (windows, keys)."""
    if "spread" in state.cache:
        return state.cache["spread"]
    prior = np.square(PRIOR_SPREADS)[:, None]
    sums, base = state.view("spread_sum"), state.view("spread_base")
    pool = (sums.sum(-1, keepdims=True) + POOL_WINDOWS * prior) / (
        base.sum(-1, keepdims=True) + POOL_WINDOWS
    )
    own = (sums + PRIOR_WINDOWS * np.maximum(pool, 0)) / (base + PRIOR_WINDOWS)
    squared: Floats = np.maximum(own, LEAST_SPREAD**2)
    state.cache["spread"] = squared
    return squared


def volume_factor(state: DetectorState) -> Floats:
    """How much busier than expected the comments that are not negative make a window.

    A campaign brings comments of every kind; what it brings is no crisis. Shape (windows, keys).
    """
    others = state.view("windows_all") - state.view("windows_negative")
    expected = np.maximum(state.view("windows_expected_all") - state.view("windows_expected"), 0)
    more = (others + VOLUME_PRIOR) / (expected + VOLUME_PRIOR)
    less = np.maximum((others + QUIET_PRIOR) / (expected + QUIET_PRIOR), LEAST_VOLUME)
    factor: Floats = np.where(more > 1, more, np.minimum(less, 1.0))
    return factor


def learn_hour(state: DetectorState, step: int, thresholds: Thresholds) -> None:
    """Learns the whole hour that ended ``learn_lag_hours`` before the hour ending with ``step``."""
    last = step - thresholds.learn_lag_hours * HOUR_STEPS
    rows = np.arange(last - HOUR_STEPS + 1, last + 1) % DAY_STEPS
    bad, n = (state.view(f"ring_{name}")[rows].sum(0) for name in ("negative", "all"))
    expected, expected_all = (
        state.view(f"ring_{name}")[rows].sum(0) for name in ("expected", "expected_all")
    )
    spread = squared_spread(state)[HOUR_WINDOW]
    silent = (n == 0) & (_chance_of_none(expected_all, spread) < MISSING_CHANCE)
    learns = ~state.view("ring_alarm")[rows].any(0) & ~silent
    learns &= state.view("born") <= last - HOUR_STEPS
    if not learns.any():
        return
    hour = hour_number(last, thresholds)
    factor = season_factor(state, hour)
    flat = level(state) / share(state)
    seen = _cut(n, expected_all, spread)
    keep = 0.5 ** (1 / (24 * thresholds.half_life_days))
    news = {"negatives": _cut(bad, expected, spread), "comments": seen, "exposure": factor}
    for name, value in news.items():
        held = state.view(name)
        held[learns] = keep * held[learns] + value[learns]
    learn_season(state, hour, seen, flat, learns, thresholds)
    state.cache.clear()


def learn_spread(
    state: DetectorState, step: int, alarmed: npt.NDArray[np.bool_], thresholds: Thresholds
) -> None:
    """Adds the windows that end with ``step`` to the spread, of keys that had no alarm in them.

    What chance adds through the volume, 1 / others, is taken off: tests add it for their window.
    """
    factor = volume_factor(state)
    for at, steps in enumerate(WINDOW_STEPS):
        if (step + 1) % steps:
            continue
        mean = state.view("windows_expected")[at] * factor[at]
        others = state.view("windows_all")[at] - state.view("windows_negative")[at]
        rows = np.arange(step - steps + 1, step + 1) % DAY_STEPS
        crisis = alarmed | state.view("ring_alarm")[rows].any(0)
        whole = step - state.view("born") >= max(steps, thresholds.learn_lag_hours * HOUR_STEPS)
        learns = whole & ~crisis & (mean > 0) & (state.view("windows_all")[at] > 0)
        spread = squared_spread(state)[at]
        seen = _cut(state.view("windows_negative")[at], mean, spread)
        keep = 0.5 ** (steps * STEP_S / 86_400 / SPREAD_HALF_LIFE_DAYS)
        mean = np.maximum(mean, 1e-9)
        weight = 1 / (mean * (1 + mean))
        own = (seen - mean) ** 2 - mean - mean**2 / (others + VOLUME_PRIOR)
        for name, value in (("spread_sum", own), ("spread_base", mean**2)):
            held = state.view(name)[at]
            held[learns] = (keep * held + weight * value)[learns]
    state.cache.pop("spread", None)


def _cut(seen: Floats, mean: Floats, spread: Floats) -> Floats:
    """What was seen, at most three standard deviations above the mean."""
    most = mean + 3 * np.sqrt(mean + spread * mean**2) + 3
    cut: Floats = np.minimum(seen, most)
    return cut


def _chance_of_none(mean: Floats, spread: Floats) -> Floats:
    """Negative binomial probability of zero."""
    chance: Floats = (1 + spread * mean) ** (-1 / spread)
    return chance
