"""One step of time after the other: counts in, signals and alarms out.

``add_counts`` takes counts in any order, late ones too; ``close_step`` closes the next step, says
which keys are abnormal in which window, and keeps the alarms: an alarm is raised by ``enter_ticks``
abnormal steps of the last ``enter_of`` and ends after ``leave_minutes`` of quiet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from serving.alerts.detection import baseline, rise, season
from serving.alerts.detection.significance import chances, count_tail, reported, share_tail
from serving.alerts.detection.state import NEVER, DetectorState, Floats
from serving.alerts.detection.thresholds import (
    DAY_STEPS,
    DAY_WINDOW,
    HOUR_STEPS,
    HOUR_WINDOW,
    LONGEST_LATE_STEPS,
    SIX_HOURS_WINDOW,
    STEP_S,
    WINDOW_STEPS,
    WINDOWS_S,
    Thresholds,
)

SHARE_SPREAD = 0.02  # relative variance of the share from window to window
HIGH_SHARE = 0.6  # where most comments are negative anyway, a higher share cannot be told
LEAST_RATIO = 1.3  # over what the clock says; ``min_ratio`` is over what the volume says


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What is abnormal about one key; counts are of ``window_s`` seconds up to the closed step."""

    key: int
    kind: Literal["burst", "rise"]
    window_s: int
    observed: int  # negative comments
    expected: float
    expected_given_volume: float  # the same if as many more came as of the others
    comments: int
    expected_share: float
    p_count: float
    p_given_volume: float
    p_share: float
    score: float  # p over what one key may have: at most 1 is significant by itself


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What closing a step changed; ``signals`` holds every abnormal key, alarmed already or not."""

    step: int
    signals: dict[int, Signal] = field(default_factory=dict)
    entered: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


def add_counts(
    state: DetectorState, step: int, key: int, comments: int, negatives: int
) -> Literal["waiting", "late", "too_late"]:
    """Adds comments of a step: open ones wait, late ones join windows that still hold them."""
    if state.step is None or step > state.step:
        state.pending.setdefault(step, []).append(np.array([[key, comments, negatives]]))
        return "waiting"
    age = state.step - step
    if age >= LONGEST_LATE_STEPS:
        return "too_late"
    for name, count in (("negative", negatives), ("all", comments)):
        state.view(f"ring_{name}")[step % DAY_STEPS, key] += count
        for at, steps in enumerate(WINDOW_STEPS):
            if age < steps:
                state.view(f"windows_{name}")[at, key] += count
    return "late"


def close_step(
    state: DetectorState, thresholds: Thresholds, first_step: int | None = None
) -> Closed:
    """Closes the step after the last closed one (``first_step`` where there is none yet)."""
    if state.step is None:
        first = first_step if first_step is not None else min(state.pending, default=0)
        state.step = first - 1
        state.view("born")[:] = np.maximum(state.view("born"), first)
        season.turn_hour(state, season.hour_number(first, thresholds))
    step = state.step = state.step + 1
    if step % HOUR_STEPS == 0:
        season.turn_hour(state, season.hour_number(step, thresholds))
    fresh = _push(state, step)
    hour_ends = (step + 1) % HOUR_STEPS == 0
    if hour_ends:
        rise.add_hour(state, step, thresholds)
    signals = _signals(state, step, fresh, hour_ends, thresholds)
    entered, left = _alarms(state, step, signals, thresholds)
    if hour_ends:
        baseline.learn_hour(state, step, thresholds)
    if (step + 1) % WINDOW_STEPS[0] == 0:
        alarmed = state.view("alarm_since") != NEVER
        baseline.learn_spread(state, step, alarmed, thresholds)
    return Closed(step=step, signals=signals, entered=entered, left=left)


def _push(state: DetectorState, step: int) -> npt.NDArray[np.int64]:
    """Turns the rings by one step; returns the keys with negative comments in it, each once."""
    row = step % DAY_STEPS
    expected = baseline.level(state) * season.step_factor(state, step) / HOUR_STEPS
    newest: dict[str, npt.NDArray[Any]] = {
        "negative": np.zeros(state.keys, dtype=np.int32),
        "all": np.zeros(state.keys, dtype=np.int32),
        "expected": expected,
        "expected_all": expected / baseline.share(state),
    }
    waiting = state.pending.pop(step, [])
    if waiting:
        keys, n, bad = np.concatenate(waiting).T
        np.add.at(newest["negative"], keys, bad)
        np.add.at(newest["all"], keys, n)
    for name, value in newest.items():
        ring, sums = state.view(f"ring_{name}"), state.view(f"windows_{name}")
        for at, steps in enumerate(WINDOW_STEPS):
            sums[at] += value - ring[(step - steps) % DAY_STEPS]
        ring[row] = value
        if row == 0 and name.startswith("expected"):  # sums of floats drift
            for at, steps in enumerate(WINDOW_STEPS):
                sums[at] = ring[np.arange(step - steps + 1, step + 1) % DAY_STEPS].sum(0)
    state.view("ring_alarm")[row] = False
    return np.flatnonzero(newest["negative"])


def _signals(
    state: DetectorState,
    step: int,
    fresh: npt.NDArray[np.int64],
    hour_ends: bool,
    thresholds: Thresholds,
) -> dict[int, Signal]:
    bar, rise_budget = chances(thresholds, state.keys)
    found = _bursts(state, step, fresh, bar, thresholds)
    if hour_ends:
        for key in np.flatnonzero(rise.rising(state, rise_budget, thresholds)).tolist():
            if key not in found:
                signal = _rise_signal(state, step, key)
                if signal.p_count > thresholds.share_alpha:
                    continue
                if _share_is_high(signal, thresholds):
                    found[key] = signal
    return found


def _bursts(
    state: DetectorState,
    step: int,
    fresh: npt.NDArray[np.int64],
    bar: Floats,
    thresholds: Thresholds,
) -> dict[int, Signal]:
    """Only keys with new negative comments are tested: the others cannot have become abnormal."""
    seen = state.view("windows_negative")[:, fresh]
    mean = np.maximum(state.view("windows_expected")[:, fresh], 1e-9)
    enough = (seen >= thresholds.min_negatives) & (seen >= LEAST_RATIO * mean)
    if not enough.any():
        return {}
    fresh, enough = fresh[enough.any(0)], enough[:, enough.any(0)]
    seen = state.view("windows_negative")[:, fresh]
    mean = np.maximum(state.view("windows_expected")[:, fresh], 1e-9)
    given = mean * baseline.volume_factor(state)[:, fresh]
    spread = _uncertain(state)[:, fresh]
    # what an ended alarm has told already is not told again by a longer window
    enough &= step - state.view("alarm_ended")[fresh] >= np.array(WINDOW_STEPS)[:, None]
    enough &= seen >= thresholds.min_ratio * given
    p_given = np.where(enough, count_tail(seen, given, spread), 1.0)
    scores = p_given / bar[:, None]
    best = scores.argmin(0)
    lowest = scores.min(0)
    everyone = np.full(state.keys, np.inf)
    everyone[fresh] = lowest
    found = {}
    calm = state.view("alarm_since") == NEVER
    # alarms that go on are no discoveries that others may be reported for
    chosen = np.where(calm, reported(np.where(calm, everyone, np.inf)), everyone <= 1)
    for column in np.flatnonzero(chosen[fresh]).tolist():
        at, key = int(best[column]), int(fresh[column])
        signal = _burst_signal(state, key, at, float(lowest[column]), float(given[at, column]))
        if state.view("alarm_since")[key] != NEVER or _share_is_high(signal, thresholds):
            found[key] = signal
    return found


def _share_is_high(signal: Signal, thresholds: Thresholds) -> bool:
    """Surely higher than usual; where most are negative anyway, not lower."""
    if signal.p_share <= thresholds.share_alpha:
        return True
    usual = signal.expected_share
    return usual > HIGH_SHARE and signal.observed >= usual * signal.comments


def _uncertain(state: DetectorState) -> Floats:
    """Spread of the rate, with what is not known of its mean."""
    known = state.view("negatives") + baseline.PRIOR_NEGATIVES
    others = state.view("windows_all") - state.view("windows_negative")
    unknown: Floats = (
        baseline.squared_spread(state) + 1 / known + 1 / (others + baseline.VOLUME_PRIOR)
    )
    return unknown


def _burst_signal(state: DetectorState, key: int, at: int, score: float, given: float) -> Signal:
    expected = float(state.view("windows_expected")[at, key])
    observed = int(state.view("windows_negative")[at, key])
    spread = _uncertain(state)[at, key]
    comments = int(state.view("windows_all")[at, key])
    tails = count_tail(*(np.array([v]) for v in (observed, max(expected, 1e-9), spread)))
    givens = count_tail(*(np.array([v]) for v in (observed, max(given, 1e-9), spread)))
    return Signal(
        key=key,
        kind="burst",
        window_s=WINDOWS_S[at],
        observed=observed,
        expected=expected,
        expected_given_volume=given,
        comments=comments,
        expected_share=float(baseline.share(state)[key]),
        p_count=float(tails[0]),
        p_given_volume=float(givens[0]),
        p_share=_p_share(state, key, observed, comments),
        score=score,
    )


def _rise_signal(state: DetectorState, step: int, key: int) -> Signal:
    """The counts since the rise began, but of one day at most: the newest tell how bad it is."""
    steps = step - int(state.view("cusum_since")[key]) + 1
    observed, comments, expected = (
        state.view(f"cusum_{name}")[key] for name in ("negative", "all", "expected")
    )
    if steps > DAY_STEPS:
        steps = DAY_STEPS
        observed, comments, expected = (
            state.view(f"windows_{name}")[DAY_WINDOW, key]
            for name in ("negative", "all", "expected")
        )
        expected *= baseline.volume_factor(state)[DAY_WINDOW, key]
    spread = _uncertain(state)[DAY_WINDOW, key]
    tail = count_tail(*(np.array([v]) for v in (observed, max(expected, 1e-9), spread)))
    return Signal(
        key=key,
        kind="rise",
        window_s=steps * STEP_S,
        observed=int(observed),
        expected=float(expected),
        expected_given_volume=float(expected),
        comments=int(comments),
        expected_share=float(baseline.share(state)[key]),
        p_count=float(tail[0]),
        p_given_volume=float(tail[0]),
        p_share=_p_share(state, key, int(observed), int(comments)),
        score=1.0,
    )


def _p_share(state: DetectorState, key: int, observed: int, comments: int) -> float:
    """Not computed again while the alarm goes on."""
    if state.view("alarm_since")[key] != NEVER:
        return 0.0
    weight = float(state.view("comments")[key]) + baseline.PRIOR_SHARE_COMMENTS
    normal = float(baseline.share(state)[key])
    return share_tail(observed, comments, normal, weight, spread=SHARE_SPREAD)


def _alarms(
    state: DetectorState, step: int, signals: dict[int, Signal], thresholds: Thresholds
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Moves alarms on: who enters, who leaves; marks the steps that the baseline leaves out."""
    hits = state.view("recent_hits")
    hits[:] = (hits << 1) & ((1 << thresholds.enter_of) - 1)
    since = state.view("alarm_since")
    entered = []
    for key, signal in signals.items():
        hits[key] |= 1
        enough = int(hits[key]).bit_count() >= thresholds.enter_ticks or signal.kind == "rise"
        if since[key] == NEVER and enough:
            entered.append(key)
            since[key] = step
            state.view("alarm_rise")[key] = signal.kind == "rise"
            state.view("quiet_steps")[key] = 0
            state.view("relearnt")[key] = False
            steps = min(signal.window_s // STEP_S, DAY_STEPS)
            back = np.arange(step - steps + 1, step + 1) % DAY_STEPS
            state.view("ring_alarm")[back, key] = True
    left = _leave(state, step, thresholds) if (since != NEVER).any() else ()
    return tuple(entered), left


def _leave(state: DetectorState, step: int, thresholds: Thresholds) -> tuple[int, ...]:
    since = state.view("alarm_since")
    left = []
    for key in np.flatnonzero(since != NEVER).tolist():
        at = SIX_HOURS_WINDOW if state.view("alarm_rise")[key] else HOUR_WINDOW
        seen, mean = (state.view(f"windows_{name}")[at, key] for name in ("negative", "expected"))
        mean *= baseline.volume_factor(state)[at, key] if seen > thresholds.min_negatives else 1.0
        quiet = seen < max(thresholds.leave_ratio * mean, thresholds.min_negatives / 2)
        held = state.view("quiet_steps")
        held[key] = held[key] + 1 if quiet else 0
        age_hours = (step - since[key]) / HOUR_STEPS
        if age_hours > thresholds.new_normal_hours and not state.view("relearnt")[key]:
            _forget(state, key)
        if not state.view("relearnt")[key]:
            state.view("ring_alarm")[step % DAY_STEPS, key] = True
        if held[key] * STEP_S >= thresholds.leave_minutes * 60:
            left.append(key)
            since[key] = NEVER
            state.view("alarm_ended")[key] = step
            state.view("cusum")[key] = 0.0
    return tuple(left)


def _forget(state: DetectorState, key: int) -> None:
    """The level has been high for so long that it is the new normal: learn it quickly."""
    state.view("relearnt")[key] = True
    for name in ("negatives", "comments", "exposure"):
        state.view(name)[key] *= 0.15
    state.cache.clear()
