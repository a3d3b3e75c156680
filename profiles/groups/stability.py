"""How many groups there are: the number that comes out alike from different persons.

For each number K, K-means is fitted to pairs of half samples and both fits place the same further
persons; the adjusted Rand index (Hubert and Arabie 1985) of the two placings is 1 where they agree
and 0 where they agree by chance (Ben-Hur, Elisseeff, Guyon 2002). The K with the largest mean wins,
of near ties the larger K; below ``MIN_STABILITY`` there are no groups to speak of.

Growth: fits use at most ``MAX_SAMPLE`` persons each, whatever the number of persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from profiles.errors import ProfilesError
from profiles.groups.vectors import Floats, Ints

SEED: Final = 11
RANGE: Final = range(2, 11)
PAIRS: Final = 6
MAX_SAMPLE: Final = 20_000
MIN_STABILITY: Final = 0.75  # chosen: below it some one in five persons changes groups by chance
NEAR: Final = 0.01
MIN_PER_GROUP: Final = 10  # persons for each group tried


class UnstableError(ProfilesError):
    """The persons do not fall into groups that would come out again."""


def fit_centers(points: Floats, k: int, seed: int = SEED, starts: int = 4) -> Floats:
    """Return the K-means centers of points (k by topics), from ``starts`` starts."""
    return KMeans(k, n_init=starts, random_state=seed).fit(points).cluster_centers_  # type: ignore[no-any-return]


def nearest(points: Floats, centers: Floats) -> Ints:
    """Return each point's nearest center, the first of equals; in parts, to bound the memory."""
    half = (centers**2).sum(axis=1) / 2
    parts = [
        np.argmin(half - points[i : i + 100_000] @ centers.T, axis=1)
        for i in range(0, len(points), 100_000)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def stabilities(points: Floats, ks: Sequence[int] = RANGE, seed: int = SEED) -> dict[int, float]:
    """Return the mean agreement of each K over ``PAIRS`` pairs of half samples."""
    dice = np.random.default_rng(seed)
    sums = dict.fromkeys(ks, 0.0)
    size = min(len(points) // 2, MAX_SAMPLE)
    for pair in range(PAIRS):
        mixed = dice.permutation(len(points))[: 2 * size]
        one, other = points[mixed[:size]], points[mixed[size:]]
        both = points[mixed]
        for k in ks:
            placed = [nearest(both, fit_centers(half, k, seed + pair, 2)) for half in (one, other)]
            sums[k] += float(adjusted_rand_score(*placed))
    return {k: total / PAIRS for k, total in sums.items()}


def choose_k(
    points: Floats, ks: Sequence[int] = RANGE, seed: int = SEED
) -> tuple[int, dict[int, float]]:
    """Return the number of groups and the stability of every number tried.

    Raises:
        UnstableError: too few persons, or no number is stable.
    """
    distinct = len(np.unique(points.round(9), axis=0)) if len(points) < MAX_SAMPLE else MAX_SAMPLE
    tried = [k for k in ks if k * MIN_PER_GROUP <= len(points) and k <= distinct]
    if not tried:
        raise UnstableError(
            f"expected {min(ks) * MIN_PER_GROUP} persons or more with interests that differ, "
            f"found {len(points)} with {distinct} different ones; load more comments, or give --k"
        )
    found = stabilities(points, tried, seed)
    best = max(found.values())
    if best < MIN_STABILITY:
        raise UnstableError(
            f"expected groups that come out again from other persons (agreement of "
            f"{MIN_STABILITY} or more), found at most {best:.2f}; the interests do not fall into "
            "groups: load more comments per person, or force a number with --k"
        )
    return max(k for k, value in found.items() if value >= best - NEAR), found
