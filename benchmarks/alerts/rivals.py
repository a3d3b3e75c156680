"""What vendors describe, re-implemented: fixed share, mean plus k deviations, last hour against the last twelve.

Each is tried over a grid of settings; ``best`` is the one with the highest recall among those that cry wolf no
more often than allowed, chosen on the very stream it is reported on, which favours it. All get the same
hysteresis as ours: an incident ends after an hour in which the condition does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from benchmarks.alerts.measure import Outcome, measure
from benchmarks.alerts.simulate import HOUR, WEEK, Stream

LEAVE_STEPS = HOUR
Condition = np.ndarray  # (steps, keys) of bool


def window_sums(counts: np.ndarray, steps: int) -> np.ndarray:
    """Sums over the last ``steps`` steps, the newest included."""
    sums = np.cumsum(counts, axis=0, dtype=np.float64)
    sums[steps:] = sums[steps:] - sums[:-steps]
    return sums


def fixed_share(stream: Stream) -> Iterator[tuple[str, Condition]]:
    """Negative share above a bar in the last hours, with a minimum of comments (KommonPoll, Sightlabs)."""
    for hours in (1, 2, 6):
        bad, n = (window_sums(c, hours * HOUR) for c in (stream.negatives, stream.comments))
        share = bad / np.maximum(n, 1)
        for bar, least in product((0.3, 0.4, 0.5, 0.6, 0.7, 0.8), (10, 20, 50, 100)):
            yield f"share > {bar:.0%} in {hours} h, {least} comments", (share > bar) & (n >= least)


def mean_and_deviations(stream: Stream) -> Iterator[tuple[str, Condition]]:
    """Negative comments above mean + k standard deviations of the seven days before (SocialMetrix: 24 h, k = 2)."""
    for hours in (1, 24):
        seen = window_sums(stream.negatives, hours * HOUR)
        hourly = seen[HOUR - 1 :: HOUR]
        back = WEEK // HOUR
        mean, deviation = _moments(hourly, back)
        mean, deviation = (np.repeat(v, HOUR, axis=0)[: len(seen)] for v in (mean, deviation))
        for k, least in product((2, 3, 4, 5, 6, 8, 10, 15), (8, 20, 50)):
            yield (
                f"last {hours} h > mean + {k} σ of 7 days, {least} negative",
                (seen > mean + k * np.maximum(deviation, 1)) & (seen >= least),
            )


def _moments(values: np.ndarray, back: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the ``back`` rows before each row; infinite where there are not so many."""
    first = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    second = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values**2, axis=0)])
    mean = np.full(values.shape, np.inf)
    spread = np.full(values.shape, np.inf)
    mean[back:] = (first[back:-1] - first[: -back - 1]) / back
    spread[back:] = np.sqrt(
        np.maximum((second[back:-1] - second[: -back - 1]) / back - mean[back:] ** 2, 0)
    )
    return mean, spread


def against_twelve_hours(stream: Stream) -> Iterator[tuple[str, Condition]]:
    """Negative comments of the last hour against the mean hour of the twelve before (Meltwater)."""
    hour = window_sums(stream.negatives, HOUR)
    before = window_sums(stream.negatives, 13 * HOUR) - hour
    for ratio, least in product((2, 3, 4, 5, 7, 10, 15), (8, 15, 30, 60)):
        yield (
            f"last hour > {ratio} × mean of 12 h, {least} negative",
            (hour > ratio * before / 12) & (hour >= least),
        )


RIVALS: dict[str, Callable[[Stream], Iterator[tuple[str, Condition]]]] = {
    "fixed share": fixed_share,
    "mean + kσ": mean_and_deviations,
    "last hour against 12 h": against_twelve_hours,
}


def incidents_of(condition: Condition) -> list[tuple[int, int, int]]:
    """(key, first step, last step) of every stretch, short breaks included; the first week is left out."""
    condition = condition.copy()
    condition[:WEEK] = False
    found = []
    for key in np.flatnonzero(condition.any(0)).tolist():
        at = np.flatnonzero(condition[:, key])
        breaks = np.flatnonzero(np.diff(at) > LEAVE_STEPS)
        starts = at[np.concatenate([[0], breaks + 1])]
        ends = at[np.concatenate([breaks, [len(at) - 1]])]
        found += [(key, int(a), int(b) + LEAVE_STEPS) for a, b in zip(starts, ends, strict=True)]
    return found


def best(stream: Stream, name: str, allowed: float) -> tuple[str, Outcome]:
    """The rival's best setting with at most ``allowed`` false incidents per key-week; if none keeps that, the
    one that comes nearest."""
    tried = [(label, measure(stream, incidents_of(c))) for label, c in RIVALS[name](stream)]
    kept = [one for one in tried if one[1].false_rate <= allowed]
    if not kept:
        return min(tried, key=lambda one: one[1].false_rate)
    return max(kept, key=lambda one: one[1].recall_of_three())
