"""Interest groups of persons: fitted, or placed by a saved model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.groups.model import GroupModel
from profiles.groups.naming import Term, name_groups
from profiles.groups.stability import SEED, choose_k, fit_centers, nearest
from profiles.groups.vectors import Ints, Vectors


@dataclass(frozen=True, kw_only=True)
class GroupSummary:
    """One group of this set of persons; ``terms`` are most telling first."""

    group: int
    name: str
    persons: int
    share: float
    terms: list[Term]


@dataclass(frozen=True, kw_only=True)
class GroupReport:
    """``table`` has one row per person by id: person_id, group, name, fit (1 at the center of the
    group, 0 as far as can be).
    """

    model: GroupModel
    persons: int
    left_out: int
    groups: list[GroupSummary]
    table: pa.Table


def fit_groups(vectors: Vectors, *, k: int | None = None, seed: int = SEED) -> GroupReport:
    """Return groups fitted to persons; their number by stability, unless ``k`` is given.

    Raises:
        UnstableError: no number of groups is stable.
        ProfilesError: ``k`` is below 2, or above the number of different persons.
    """
    points = vectors.points
    tried: dict[int, float] = {}
    if k is None:
        k, tried = choose_k(points, seed=seed)
    distinct = len(np.unique(points.round(9), axis=0))
    if not 2 <= k <= distinct:
        raise ProfilesError(
            f"expected 2 to {distinct} groups ({distinct} persons differ), found {k}; give another"
        )
    centers = fit_centers(points, k, seed, 8)
    sizes = np.bincount(nearest(points, centers), minlength=k)
    order = np.lexsort((np.arange(k), -sizes))
    placed = np.argsort(order)[nearest(points, centers)]
    shares = np.stack([vectors.shares[placed == g].mean(axis=0) for g in range(k)])
    named = name_groups(shares, vectors.shares.mean(axis=0), vectors.topics)
    model = GroupModel(
        topics=vectors.topics,
        names=tuple(name for name, _ in named),
        centers=centers[order],
        sizes=tuple(int(n) for n in sizes[order]),
        stability=tried,
    )
    return _report(model, vectors, placed)


def place_persons(model: GroupModel, vectors: Vectors) -> GroupReport:
    """Return persons placed into the groups of a saved model; nothing is fitted.

    Raises:
        ProfilesError: the vectors are over other topics.
    """
    return _report(model, vectors, model.assign(vectors))


def _report(model: GroupModel, vectors: Vectors, placed: Ints) -> GroupReport:
    persons = len(vectors)
    sizes = np.bincount(placed, minlength=model.k)
    overall = vectors.shares.mean(axis=0) if persons else np.zeros(len(model.topics))
    shares = np.stack(
        [vectors.shares[placed == g].sum(axis=0) / max(int(sizes[g]), 1) for g in range(model.k)]
    )
    told = name_groups(shares, overall, model.topics)
    apart = ((vectors.points - model.centers[placed]) ** 2).sum(axis=1) / 2
    table = pa.table(
        {
            "person_id": vectors.person_id,
            "group": placed,
            "name": pa.array(model.names).take(pa.array(placed)),
            "fit": 1 - np.sqrt(np.clip(apart, 0, 1)),
        }
    )
    groups = [
        GroupSummary(
            group=g,
            name=model.names[g],
            persons=int(sizes[g]),
            share=float(sizes[g] / persons) if persons else 0.0,
            terms=told[g][1],
        )
        for g in range(model.k)
    ]
    return GroupReport(
        model=model, persons=persons, left_out=vectors.left_out, groups=groups, table=table
    )
