"""Water-army suspicion: near-duplicate texts of different accounts, repeating and young accounts.

A suspicion, never a verdict: people who are angry about the same thing use the same words. So
counts are shown with and without, and nothing is left out of detection.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from serving.alerts.rules import WaterArmy

_NOISE = re.compile(r"[\W\d_]+|@\S+")
_HASHES = 32
_BAND = 4  # hashes that must all agree for a pair to be compared
_PRIME = (1 << 31) - 1
_dice = np.random.default_rng(20_261)
_A, _B = _dice.integers(1, _PRIME, (2, _HASHES, 1))
SHORTEST = 6  # characters; shorter texts are alike by chance


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """``suspects`` marks rows; ``group`` numbers near-duplicates, -1 for a text of its own."""

    suspects: np.ndarray
    group: np.ndarray
    young: int
    hubs: int

    @property
    def share(self) -> float:
        return float(self.suspects.mean()) if len(self.suspects) else 0.0


def suspect(comments: pa.Table, rules: WaterArmy) -> Suspicion:
    """Which rows of a ``WATCHED`` table look organised.

    Rows are suspect in a group of ``min_group`` near-duplicates, or by an account that wrote
    ``min_group`` of them, or by an account younger than ``young_days``.
    """
    texts = [_NOISE.sub("", t or "") for t in comments["text"].to_pylist()]
    group = near_duplicates(texts, rules.similarity)
    sizes = Counter(group[group >= 0].tolist())
    users = comments["user"].to_pylist()
    wrote = Counter(u for u in users if u)
    made, at = comments["account_at"].to_pylist(), comments["at"].to_pylist()
    young = np.array(
        [
            m is not None and t - m < rules.young_days * 86_400
            for m, t in zip(made, at, strict=True)
        ],
        dtype=bool,
    )
    copied = np.array([sizes.get(int(g), 0) >= rules.min_group for g in group], dtype=bool)
    often = np.array([wrote.get(u, 0) >= rules.min_group for u in users], dtype=bool)
    hubs = sum((f or 0) >= rules.hub_followers for f in comments["followers"].to_pylist())
    return Suspicion(
        suspects=copied | often | young, group=group, young=int(young.sum()), hubs=hubs
    )


def near_duplicates(texts: list[str], similarity: float) -> np.ndarray:
    """A group number per text: texts whose character pairs agree by ``similarity`` (Jaccard).

    Candidates come from MinHash bands (Broder 1997), are compared exactly and joined.
    """
    parent = list(range(len(texts)))
    pairs = [frozenset(t[i : i + 2] for i in range(len(t) - 1)) for t in texts]
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        if len(text) >= SHORTEST:
            for band, value in enumerate(_bands(pairs[at])):
                buckets[band, value].append(at)
    for members in buckets.values():
        for other in members[1:]:
            if _alike(pairs[members[0]], pairs[other], similarity):
                parent[_root(parent, other)] = _root(parent, members[0])
    roots = np.array([_root(parent, at) for at in range(len(texts))], dtype=np.int64)
    common = Counter(roots.tolist())
    return np.array([r if common[int(r)] > 1 else -1 for r in roots], dtype=np.int64)


def _bands(pairs: frozenset[str]) -> list[bytes]:
    codes = np.array([zlib.crc32(pair.encode()) for pair in pairs], dtype=np.int64) % _PRIME
    least = ((_A * codes + _B) % _PRIME).min(1)
    return [least[at : at + _BAND].tobytes() for at in range(0, _HASHES, _BAND)]


def _alike(one: frozenset[str], other: frozenset[str], similarity: float) -> bool:
    return len(one & other) >= similarity * len(one | other)


def _root(parent: list[int], at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at
