"""A real dump as the streams that rules of counts take, and how often each rule speaks up on it.

Nobody has marked the crises of a dump, so this tells how often a rule would have called, not how often it was
right. Vendors' rules are taken at the setting that was best on a simulated stream (``rivals.best``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.alerts.rivals import RIVALS, best, incidents_of
from benchmarks.alerts.simulate import HOUR, STEP_S, WEEK, Stream, simulate
from serving.alerts.incidents import Incident

MIN_COMMENTS = 100  # of a content that is looked at by itself
MAX_CELLS = 50_000_000  # steps x keys


def stream_of(table: pa.Table) -> Stream:
    """Counts of everything (key 0) and of each content with enough comments, by steps of five minutes."""
    content = pc.fill_null(table["content"], "").to_numpy(zero_copy_only=False).astype(str)
    names, at, n = np.unique(content, return_inverse=True, return_counts=True)
    step = table["at"].to_numpy() // STEP_S
    step -= step.min()
    kept = np.flatnonzero((n >= MIN_COMMENTS) & (names != ""))
    keys = 1 + len(kept)
    steps = (int(step.max()) // HOUR + 1) * HOUR  # whole hours
    if steps * keys > MAX_CELLS:
        raise ValueError(f"expected at most {MAX_CELLS:,} steps x keys, found {steps:,} x {keys:,}")
    number = np.full(len(names), -1)
    number[kept] = np.arange(1, keys)
    negative = pc.fill_null(table["negative"], False).to_numpy(zero_copy_only=False)
    comments, negatives = np.zeros((steps, keys)), np.zeros((steps, keys))
    for counts, chosen in ((comments, slice(None)), (negatives, negative)):
        np.add.at(counts[:, 0], step[chosen], 1)
        mine = number[at[chosen]]
        np.add.at(counts, (step[chosen][mine > 0], mine[mine > 0]), 1)
    return Stream(comments=comments, negatives=negatives, events=[], per_hour=negatives.mean(0))


def rows_of(table: pa.Table, found: list[Incident], allowed: float) -> Iterator[str]:
    """Markdown rows: rule, key-weeks after the first week, incidents, incidents per key-week."""
    stream = stream_of(table)
    steps, keys = stream.comments.shape
    weeks = max(0.0, keys * (steps / WEEK - 1))
    begin = int(pc.min(table["at"]).as_py()) // STEP_S * STEP_S + WEEK * STEP_S
    yield _row("ours", weeks, sum(one.opened_at >= begin for one in found))
    simulated = simulate(1)
    for name, settings in RIVALS.items():
        label, _ = best(simulated, name, allowed)
        (condition,) = [c for tried, c in settings(stream) if tried == label]
        yield _row(f"{name}: {label}", weeks, len(incidents_of(condition)))


def _row(rule: str, weeks: float, incidents: int) -> str:
    share = f"{incidents / weeks:.3f}" if weeks else "–"
    return f"| {rule} | {weeks:.1f} | {incidents} | {share} |"
