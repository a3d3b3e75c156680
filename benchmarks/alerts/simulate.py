"""Streams with known crises: 5-minute counts of comments and negative ones for many keys.

What is normal here is drawn by other means than the detector assumes: each key has a daily curve and a
weekend of its own, a log rate that wanders (hourly, memory 6 h, and slowly from day to day), and a share that
wanders too. The first week is for learning and holds no events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP_S, HOUR, DAY, WEEK = 300, 12, 288, 2016
SIZES = (2, 3, 5, 10, 20)  # peak of the negative comments over the expected ones
MIN_EXCESS = 30  # negative comments beyond the expected ones; fewer in all make no crisis
KINDS = ("burst", "rise", "flood")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happens to one key; steps are half open."""

    key: int
    kind: str  # burst, rise, flood: crises; campaign, outage: none
    size: float
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Stream:
    """``comments`` and ``negatives`` (steps, keys), the events, and negatives expected per hour by key."""

    comments: np.ndarray
    negatives: np.ndarray
    events: list[Event]
    per_hour: np.ndarray


def simulate(seed: int, *, keys: int = 200, weeks: int = 8) -> Stream:
    dice = np.random.default_rng(seed)
    steps = weeks * WEEK
    per_hour = np.exp(dice.normal(np.log(80), 1.0, keys))
    share = dice.beta(4, 22, keys) + 0.02
    rate = (
        per_hour
        / HOUR
        * _season(dice, steps, keys)
        * np.exp(_wander(dice, steps, keys, 0.22, 6 * HOUR))
    )
    rate *= np.exp(_drift(dice, steps, keys, 0.06))
    odds = np.log(share / (1 - share)) + _wander(dice, steps, keys, 0.15, 12 * HOUR)
    bad, good = rate / (1 + np.exp(-odds)), rate / (1 + np.exp(odds))
    events: list[Event] = []
    busy = np.zeros((steps, keys), dtype=bool)
    busy[:WEEK] = True
    plain = bad.copy()
    for key in range(keys):
        for _ in range(dice.poisson(1.2 * (weeks - 1) / 7)):
            _campaign(dice, key, bad, good, busy, events)
        for size in dice.choice(SIZES, dice.poisson(1.5 * (weeks - 1) / 7)):
            _burst(dice, key, float(size), plain, bad, busy, events)
        if dice.random() < 0.25:
            _rise(dice, key, plain, bad, busy, events)
        if dice.random() < 0.25:
            _flood(dice, key, plain, bad, busy, events)
    _outages(dice, bad, good, busy, events)
    negatives = dice.poisson(bad)
    comments = negatives + dice.poisson(good)
    return Stream(
        comments=comments, negatives=negatives, events=events, per_hour=plain.mean(0) * HOUR
    )


def _season(dice: np.random.Generator, steps: int, keys: int) -> np.ndarray:
    hour = np.arange(steps)[:, None] / HOUR
    evening, noon = 20.5 + dice.normal(0, 1.2, keys), 12.5 + dice.normal(0, 0.8, keys)
    away = lambda centre: np.minimum((hour - centre) % 24, (centre - hour) % 24)  # noqa: E731
    depth = dice.uniform(0.5, 1.0, keys)
    curve = 0.25 + depth * (
        1.6 * np.exp(-((away(evening) / 3) ** 2)) + 0.9 * np.exp(-((away(noon) / 2.5) ** 2))
    )
    weekend = np.where((hour // 24) % 7 >= 5, dice.uniform(0.8, 1.5, keys), 1.0)
    curve = curve * weekend
    return curve / curve[:WEEK].mean(0)


def _wander(
    dice: np.random.Generator, steps: int, keys: int, deviation: float, memory: int
) -> np.ndarray:
    """Log rates around zero, hourly values on straight lines, correlation exp(-1) after ``memory`` steps."""
    hours = steps // HOUR + 2
    keep = np.exp(-HOUR / memory)
    noise = dice.normal(0, deviation * np.sqrt(1 - keep**2), (hours, keys))
    noise[0] = dice.normal(0, deviation, keys)
    for at in range(1, hours):
        noise[at] += keep * noise[at - 1]
    whole, part = np.divmod(np.arange(steps), HOUR)
    return noise[whole] + (part / HOUR)[:, None] * (noise[whole + 1] - noise[whole])


def _drift(dice: np.random.Generator, steps: int, keys: int, per_day: float) -> np.ndarray:
    walk = np.cumsum(dice.normal(0, per_day, (steps // DAY + 2, keys)), axis=0)
    whole, part = np.divmod(np.arange(steps), DAY)
    return walk[whole] + (part / DAY)[:, None] * (walk[whole + 1] - walk[whole])


def _place(dice: np.random.Generator, key: int, length: int, busy: np.ndarray) -> int | None:
    """A start with a free day before and after, taken at once."""
    for _ in range(20):
        start = int(dice.integers(WEEK, len(busy) - length - DAY))
        around = slice(start - DAY, start + length + DAY)
        if not busy[around, key].any() or (
            start - DAY < WEEK and not busy[max(WEEK, start - DAY) : around.stop, key].any()
        ):
            return start
    return None


def _add(
    key: int, kind: str, size: float, start: int, length: int, busy: np.ndarray, events: list[Event]
) -> None:
    busy[start : start + length, key] = True
    events.append(Event(key=key, kind=kind, size=size, start=start, end=start + length))


def _burst(dice, key, size, plain, bad, busy, events) -> None:  # type: ignore[no-untyped-def]
    """Up within ten minutes, a plateau of a third, then down."""
    length = int(dice.uniform(3, 24) * HOUR)
    start = _place(dice, key, length, busy)
    if start is None:
        return
    at = np.arange(length)
    shape = np.minimum(1, (at + 1) / 2) * np.clip((length - at) / (length * 2 / 3), 0, 1)
    extra = (size - 1) * shape * plain[start : start + length, key]
    if extra.sum() >= MIN_EXCESS:
        bad[start : start + length, key] += extra
        _add(key, "burst", size, start, length, busy, events)


def _rise(dice, key, plain, bad, busy, events) -> None:  # type: ignore[no-untyped-def]
    """Three days up to 3 to 4 times, a day there; it starts where it passes 1.5 times."""
    length = 4 * DAY
    start = _place(dice, key, length, busy)
    if start is None:
        return
    size = dice.uniform(3, 4)
    extra = (
        (size - 1)
        * np.minimum(1, np.arange(length) / (3 * DAY))
        * plain[start : start + length, key]
    )
    if extra.sum() >= MIN_EXCESS:
        bad[start : start + length, key] += extra
        _add(key, "rise", size, start, length, busy, events)


def _flood(dice, key, plain, bad, busy, events) -> None:  # type: ignore[no-untyped-def]
    """An organised flood: 60 to 400 negative comments within 20 to 60 minutes, at any hour."""
    length = int(dice.integers(4, 13))
    start = _place(dice, key, length, busy)
    if start is None:
        return
    total = float(np.exp(dice.uniform(np.log(60), np.log(400))))
    expected = plain[start : start + length, key].sum()
    bad[start : start + length, key] += total / length
    _add(key, "flood", (total + expected) / expected, start, length, busy, events)


def _campaign(dice, key, bad, good, busy, events) -> None:  # type: ignore[no-untyped-def]
    """3 to 15 times the comments for 6 to 48 hours, the share as it was."""
    length = int(dice.uniform(6, 48) * HOUR)
    start = _place(dice, key, length, busy)
    if start is None:
        return
    size = float(np.exp(dice.uniform(np.log(3), np.log(15))))
    at = np.arange(length)
    shape = 1 + (size - 1) * np.minimum(1, (at + 1) / 6) * np.clip(
        (length - at) / (length * 0.7), 0, 1
    )
    for rates in (bad, good):
        rates[start : start + length, key] *= shape
    _add(key, "campaign", size, start, length, busy, events)


def _outages(dice, bad, good, busy, events) -> None:  # type: ignore[no-untyped-def]
    """Two of everything, and one of every fourth key: nothing arrives for 2 to 8 hours."""
    steps, keys = bad.shape
    whose = [np.arange(keys)] * 2 + [np.array([k]) for k in range(keys) if dice.random() < 0.25]
    for chosen in whose:
        length = int(dice.uniform(2, 8) * HOUR)
        start = int(dice.integers(WEEK, steps - length))
        free = chosen[~busy[start : start + length, chosen].any(0)]  # crises are not cut in two
        for rates in (bad, good):
            rates[start : start + length, free] = 0
        events.extend(
            Event(key=int(k), kind="outage", size=0, start=start, end=start + length) for k in free
        )
