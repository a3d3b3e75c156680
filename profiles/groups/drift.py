"""Two groupings compared: which group of the one is which of the other, and who moved.

Groups are paired so that the distances of their centers add up to the least (Hungarian method);
with unequal numbers the rest came up or went away. Topics that only one of them knows count as 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from profiles.groups.model import GroupModel
from profiles.groups.vectors import Floats

SAME: Final = (
    0.5  # Hellinger's distance of two centers, 0..1, above which a pair is told as changed
)


@dataclass(frozen=True, kw_only=True)
class GroupPair:
    """A group before and after; None where there is no such group. Shares of persons 0..1."""

    before: str | None
    after: str | None
    distance: float | None
    changed: bool
    share_before: float
    share_after: float


def align(before: GroupModel, after: GroupModel) -> list[GroupPair]:
    """Return the pairs in the order of ``after``, then the groups that went away."""
    topics = sorted(set(before.topics) | set(after.topics))
    a, b = _spread(before, topics), _spread(after, topics)
    distance = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2) / 2)
    rows, columns = linear_sum_assignment(distance)
    partner = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    pairs = [_pair(before, after, partner.get(j), j, distance) for j in range(after.k)]
    gone = [i for i in range(before.k) if i not in set(rows.tolist())]
    return pairs + [_pair(before, after, i, None, distance) for i in gone]


def _pair(
    before: GroupModel, after: GroupModel, i: int | None, j: int | None, distance: Floats
) -> GroupPair:
    apart = float(distance[i, j]) if i is not None and j is not None else None
    return GroupPair(
        before=None if i is None else before.names[i],
        after=None if j is None else after.names[j],
        distance=apart,
        changed=apart is None or apart > SAME,
        share_before=0.0 if i is None else before.sizes[i] / max(sum(before.sizes), 1),
        share_after=0.0 if j is None else after.sizes[j] / max(sum(after.sizes), 1),
    )


def _spread(model: GroupModel, topics: list[str]) -> Floats:
    """The centers over other topics."""
    out = np.zeros((model.k, len(topics)))
    out[:, [topics.index(topic) for topic in model.topics]] = model.centers
    return out
