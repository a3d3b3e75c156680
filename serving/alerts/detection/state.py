"""Everything that detection remembers, as arrays: keys on the last axis.

Rings hold the last 24 hours in steps of five minutes, row ``step % DAY_STEPS``; ``windows_*`` are
their running sums over each window. The arrays grow by doubling; ``keys`` says how many columns are
in use. ``encode_state`` and ``decode_state`` are exact: a decoded state goes on as the encoded one.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.alerts.detection.thresholds import DAY_STEPS, WEEK_HOURS, WINDOW_STEPS, Prior

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_W: Final = len(WINDOW_STEPS)
NEVER: Final = -(10**9)
# leading axes and the value that a new key begins with
_PER_KEY: Final[dict[str, tuple[tuple[int, ...], str, float]]] = {
    "ring_negative": ((DAY_STEPS,), "i4", 0),
    "ring_all": ((DAY_STEPS,), "i4", 0),
    "ring_expected": ((DAY_STEPS,), "f8", 0),  # negative comments per step
    "ring_expected_all": ((DAY_STEPS,), "f8", 0),
    "ring_alarm": ((DAY_STEPS,), "?", 0),
    "windows_negative": ((_W,), "f8", 0),
    "windows_all": ((_W,), "f8", 0),
    "windows_expected": ((_W,), "f8", 0),
    "windows_expected_all": ((_W,), "f8", 0),
    "negatives": ((), "f8", 0),  # decayed sum of learnt hours
    "comments": ((), "f8", 0),
    "exposure": ((), "f8", 0),  # decayed sum of their seasonal factors, hours
    "season_sum": ((WEEK_HOURS,), "f8", 0),  # decayed comments by hour of the week
    "season_base": ((WEEK_HOURS,), "f8", 0),  # what a flat week would have had
    "spread_sum": ((_W,), "f8", 0),
    "spread_base": ((_W,), "f8", 0),
    "prior_negatives": ((), "f8", 1),
    "prior_share": ((), "f8", 0.2),
    "born": ((), "i8", 0),
    "cusum": ((), "f8", 0),
    "cusum_since": ((), "i8", NEVER),
    "cusum_negative": ((), "f8", 0),
    "cusum_all": ((), "f8", 0),
    "cusum_expected": ((), "f8", 0),
    "recent_hits": ((), "i8", 0),  # bits of the last steps, the newest lowest
    "alarm_since": ((), "i8", NEVER),
    "alarm_ended": ((), "i8", NEVER),
    "alarm_rise": ((), "?", 0),  # raised by the slow-rise detector
    "quiet_steps": ((), "i8", 0),
    "relearnt": ((), "?", 0),
    "factor": ((3,), "f8", 1),  # seasonal factors of the hour before, this and the next
}
_SHARED: Final = {
    "pool_sum": (WEEK_HOURS,),
    "pool_base": (WEEK_HOURS,),
    "day_sum": (24,),
    "day_base": (24,),
}


@dataclass(kw_only=True)
class DetectorState:
    """The arrays by name in ``a``; ``step`` is the last closed step, None before the first."""

    keys: int = 0
    step: int | None = None
    a: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    # counts of steps that are not closed yet: step -> rows (key, comments, negatives)
    pending: dict[int, list[Ints]] = field(default_factory=dict)
    cache: dict[str, Floats] = field(default_factory=dict)  # follows from ``a``; not kept

    def __post_init__(self) -> None:
        if not self.a:
            self.a = {name: np.zeros(shape) for name, shape in _SHARED.items()}
            for name, (lead, kind, value) in _PER_KEY.items():
                self.a[name] = np.full((*lead, 0), value, dtype=kind)

    def view(self, name: str) -> npt.NDArray[Any]:
        """The columns in use of one array; writing to it writes to the state."""
        return self.a[name][..., : self.keys]

    @property
    def capacity(self) -> int:
        return int(self.a["born"].shape[-1])


def add_keys(state: DetectorState, priors: list[Prior]) -> None:
    """Appends keys that have no history; their numbers follow those in use."""
    first, state.keys = state.keys, state.keys + len(priors)
    if state.keys > state.capacity:
        _widen(state, max(state.keys, 2 * state.capacity, 16))
    state.a["prior_negatives"][first : state.keys] = [p.negatives_per_hour for p in priors]
    state.a["prior_share"][first : state.keys] = [p.share for p in priors]
    state.cache.clear()
    state.a["born"][first : state.keys] = 0 if state.step is None else state.step


def _widen(state: DetectorState, capacity: int) -> None:
    for name, (lead, kind, value) in _PER_KEY.items():
        old = state.a[name]
        wide = np.full((*lead, capacity), value, dtype=kind)
        wide[..., : old.shape[-1]] = old
        state.a[name] = wide


def keep_keys(state: DetectorState, kept: npt.NDArray[np.int64]) -> None:
    """Drops every key that is not in ``kept`` and numbers those left 0, 1, … in that order."""
    for name in _PER_KEY:
        state.a[name] = np.ascontiguousarray(state.a[name][..., kept])
    number = np.full(state.keys, -1)
    number[kept] = np.arange(len(kept))
    for rows in (row for waiting in state.pending.values() for row in waiting):
        rows[:, 0] = number[rows[:, 0]]
    state.pending = {s: [r[r[:, 0] >= 0] for r in rows] for s, rows in state.pending.items()}
    state.keys = len(kept)
    state.cache.clear()


def encode_state(state: DetectorState) -> bytes:
    """The state as bytes."""
    arrays = {name: state.view(name) for name in _PER_KEY}
    arrays |= {name: state.a[name] for name in _SHARED}
    waiting = [
        np.column_stack([np.full(len(rows), step), rows])
        for step, parts in state.pending.items()
        for rows in parts
    ]
    arrays["pending"] = np.concatenate([np.zeros((0, 4), dtype=np.int64), *waiting])
    arrays["step"] = np.array([] if state.step is None else [state.step], dtype=np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return zlib.compress(buffer.getvalue(), 1)


def decode_state(blob: bytes) -> DetectorState:
    """The state that ``encode_state`` wrote."""
    with np.load(io.BytesIO(zlib.decompress(blob)), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    steps, waiting = arrays.pop("step"), arrays.pop("pending")
    state = DetectorState(
        keys=int(arrays["born"].shape[-1]), step=int(steps[0]) if len(steps) else None, a=arrays
    )
    for step_waiting in np.unique(waiting[:, 0]).tolist():
        state.pending[step_waiting] = [waiting[waiting[:, 0] == step_waiting, 1:]]
    return state
