"""A dump as the streams that rules of counts take."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.alerts.history import MIN_COMMENTS, stream_of
from benchmarks.alerts.simulate import STEP_S


def test_contents_with_enough_comments_are_counted_by_themselves() -> None:
    n = MIN_COMMENTS
    table = pa.table(
        {
            "content": ["a"] * n + ["b"] * 3 + [None] * 2,
            "at": [1_000 * STEP_S + 7] * n + [1_002 * STEP_S] * 5,
            "negative": [True] * 10 + [False] * (n - 10) + [True, None, False, True, True],
        }
    )
    stream = stream_of(table)
    assert stream.comments.tolist() == [[n, n], [0, 0], [5, 0], *[[0, 0]] * 9]
    assert stream.negatives.tolist()[:3] == [[10, 10], [0, 0], [3, 0]]
