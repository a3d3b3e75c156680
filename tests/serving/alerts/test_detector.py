"""The detector on counts: bursts, campaigns, slow rises, outages, late counts, exact state."""

from __future__ import annotations

import numpy as np
import pytest

from serving.alerts.detection.detector import (
    Closed,
    Signal,
    _share_is_high,
    add_counts,
    close_step,
)
from serving.alerts.detection.state import (
    DetectorState,
    add_keys,
    decode_state,
    encode_state,
    keep_keys,
)
from serving.alerts.detection.thresholds import DAY_STEPS, HOUR_STEPS, Prior, Thresholds

RULES = Thresholds()
FIRST = 5_890_944  # a step at midnight in UTC+8
DAYS = 5


def stream(seed: int, days: float, keys: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Comments and negative ones, (steps, keys): 60 an hour, a fifth of them negative."""
    dice = np.random.default_rng(seed)
    steps = int(days * DAY_STEPS)
    bad = dice.poisson(12 / HOUR_STEPS, (steps, keys))
    return bad + dice.poisson(48 / HOUR_STEPS, (steps, keys)), bad


def run(n: np.ndarray, bad: np.ndarray, state: DetectorState | None = None) -> list[Closed]:
    state = state or DetectorState()
    if not state.keys:
        add_keys(state, [Prior()] * n.shape[1])
    begin = FIRST if state.step is None else state.step + 1
    closed = []
    for at in range(len(n)):
        rows = np.stack([np.arange(n.shape[1]), n[at], bad[at]], axis=1)
        state.pending.setdefault(begin + at, []).append(rows)
        closed.append(close_step(state, RULES, begin))
    return closed


@pytest.fixture(scope="module")
def learnt() -> bytes:
    """A state after quiet days."""
    state = DetectorState()
    closed = run(*stream(1, DAYS), state)
    assert not [key for one in closed for key in one.entered]
    return encode_state(state)


def test_burst_alarms_within_a_quarter_of_an_hour_and_ends(learnt: bytes) -> None:
    n, bad = stream(2, 0.5)
    bad[24:36, 0] += 8
    n[24:36, 0] += 8
    closed = run(n, bad, decode_state(learnt))
    (at,) = [k for k, one in enumerate(closed) if 0 in one.entered]
    assert 24 <= at <= 26
    signal = closed[at].signals[0]
    assert signal.observed > 3 * signal.expected and signal.p_given_volume < 1e-4
    assert signal.p_share <= RULES.share_alpha
    (end,) = [k for k, one in enumerate(closed) if 0 in one.left]
    assert 36 + 12 <= end <= 36 + 30
    assert not [k for one in closed for k in one.entered if k == 1]


def test_campaign_of_ten_times_the_volume_is_no_alarm(learnt: bytes) -> None:
    n, bad = stream(3, 0.5)
    for seed in range(20, 29):
        more, worse = stream(seed, 0.5)
        n[30:100] += more[30:100]
        bad[30:100] += worse[30:100]
    assert not [key for one in run(n, bad, decode_state(learnt)) for key in one.entered]


def test_slow_rise_is_found_by_its_sum(learnt: bytes) -> None:
    n, bad = stream(5, 2.5)
    dice = np.random.default_rng(6)
    extra = dice.poisson(np.linspace(0, 1.6, len(bad)))
    n[:, 0] += extra
    bad[:, 0] += extra
    entered = [one.signals[0].kind for one in run(n, bad, decode_state(learnt)) if 0 in one.entered]
    assert entered


def test_outage_is_no_baseline(learnt: bytes) -> None:
    state = decode_state(learnt)
    n, bad = stream(7, 1.5)
    n[100:220] = bad[100:220] = 0
    closed = run(n, bad, state)
    assert not [key for one in closed for key in one.entered]
    expected = state.view("windows_expected")[-1] / 24  # per hour
    assert expected == pytest.approx([12, 12], rel=0.15)


def test_state_goes_on_exactly_after_a_restart(learnt: bytes) -> None:
    n, bad = stream(8, 0.3)
    bad[30:40, 0] += 9
    n[30:40, 0] += 9
    whole = run(n, bad, decode_state(learnt))
    state = decode_state(learnt)
    first = run(n[:33], bad[:33], state)
    rest = run(n[33:], bad[33:], decode_state(encode_state(state)))
    assert [one.signals for one in whole] == [one.signals for one in first + rest]
    assert [one.left for one in whole] == [one.left for one in first + rest]


def test_late_counts_join_the_windows_that_hold_them(learnt: bytes) -> None:
    state = decode_state(learnt)
    assert state.step is not None
    before = state.view("windows_all")[:, 1].copy()
    assert add_counts(state, state.step - HOUR_STEPS, 1, 5, 3) == "late"
    assert (state.view("windows_all")[:, 1] - before).tolist() == [0, 0, 0, 5, 5]
    assert add_counts(state, state.step - DAY_STEPS, 1, 5, 3) == "too_late"
    assert add_counts(state, state.step + 1, 1, 5, 3) == "waiting"


def test_dropped_keys_leave_the_others_as_they_were(learnt: bytes) -> None:
    state, whole = decode_state(learnt), decode_state(learnt)
    add_counts(state, state.step + 1, 1, 7, 2)  # type: ignore[operator]
    keep_keys(state, np.array([1]))
    assert state.keys == 1
    for name in ("negatives", "windows_all", "season_sum"):
        assert np.array_equal(state.view(name)[..., 0], whole.view(name)[..., 1])
    assert [rows.tolist() for rows in state.pending[state.step + 1]] == [[[0, 7, 2]]]  # type: ignore[operator]


def test_cold_start_tells_a_storm_from_a_popular_content() -> None:
    n, bad = stream(9, 0.2)
    n[20:32] += 20
    bad[20:32, 0] += 18  # nine of ten negative; the other content keeps its share
    bad[20:32, 1] += 4
    entered = [key for one in run(n, bad) for key in one.entered]
    assert entered == [0]


@pytest.mark.parametrize(
    ("usual", "observed", "p_share", "high"),
    [(0.2, 60, 1e-4, True), (0.2, 60, 0.5, False), (0.7, 72, 0.5, True), (0.7, 45, 0.9, False)],
)
def test_where_most_are_negative_anyway_a_lower_share_is_no_crisis(
    usual: float, observed: int, p_share: float, high: bool
) -> None:
    signal = Signal(
        key=0, kind="burst", window_s=3600, observed=observed, expected=5.0,
        expected_given_volume=5.0, comments=100, expected_share=usual, p_count=1e-9,
        p_given_volume=1e-9, p_share=p_share, score=1e-5,
    )  # fmt: skip
    assert _share_is_high(signal, Thresholds()) == high
