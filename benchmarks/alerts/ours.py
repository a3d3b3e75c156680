"""Our detector on a simulated stream: incidents as (key, first step, last step)."""

from __future__ import annotations

import numpy as np

from benchmarks.alerts.simulate import Stream
from serving.alerts.detection.detector import Signal, close_step
from serving.alerts.detection.state import DetectorState, add_keys
from serving.alerts.detection.thresholds import Prior, Thresholds

MONDAY = 20_454 * 288 - 96  # a step at midnight in UTC+8


def run_ours(
    stream: Stream, thresholds: Thresholds, told: list[Signal] | None = None
) -> list[tuple[int, int, int]]:
    state = DetectorState()
    steps, keys = stream.comments.shape
    add_keys(state, [Prior(negatives_per_hour=1.0)] * keys)
    everyone = np.arange(keys)
    opened: dict[int, int] = {}
    incidents = []
    for step in range(steps):
        counts = np.stack([everyone, stream.comments[step], stream.negatives[step]], axis=1)
        state.pending[MONDAY + step] = [counts]
        closed = close_step(state, thresholds, MONDAY)
        for key in closed.entered:
            opened[key] = step
            if told is not None:
                told.append(closed.signals[key])
        for key in closed.left:
            incidents.append((key, opened.pop(key), step))
    return incidents + [(key, first, steps) for key, first in opened.items()]
