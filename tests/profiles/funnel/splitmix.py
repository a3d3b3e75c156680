"""The reference events: user, event and time of event i by splitmix64, in any language the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

EVENTS = np.array(["noise", "view", "cart", "order", "pay"])
START_S, SPAN_S = 1767225600, 2592000


def mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64, modulo 2^64."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def events(n: int, users: int) -> pa.Table:
    """``n`` events of ``users`` persons over 30 days."""
    i = np.arange(n, dtype=np.uint64) * np.uint64(3)
    kind = np.searchsorted([200, 600, 800, 920], mix(i + np.uint64(1)) % np.uint64(1000), "right")
    return pa.table(
        {
            "person_id": (mix(i) % np.uint64(users)).astype(np.int64),
            "event": pa.DictionaryArray.from_arrays(kind.astype(np.int8), EVENTS),
            "time": START_S + (mix(i + np.uint64(2)) % np.uint64(SPAN_S)).astype(np.int64),
        }
    )
