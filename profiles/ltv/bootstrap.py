"""Intervals of parameters and of the expected total, by fitting resampled persons.

They say how well the persons seen fix the parameters, not how much the purchases to come scatter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

import numpy as np

from profiles.errors import ProfilesError
from profiles.ltv.summary import Ages, Floats

SEED: Final = 20_240_611
LEVEL: Final = 0.95


def intervals(
    model: Any, groups: Ages, total: Callable[[Any], float], resamples: int, seed: int = SEED
) -> tuple[dict[str, tuple[float, float]], int]:
    """Return the middle 95 % of each parameter and of ``expected_total`` over resamples, and how
    many of those could be fitted.

    ``model`` is fitted to ``groups``; each resample draws as many persons with replacement.

    Raises:
        ProfilesError: fewer than half of the resamples could be fitted.
    """
    dice = np.random.default_rng(seed)
    share = groups.weight / groups.weight.sum()
    persons = round(float(groups.weight.sum()))
    rows: list[Floats] = []
    for _ in range(resamples):
        drawn = dice.multinomial(persons, share).astype(float)
        kept = drawn > 0
        part = Ages(x=groups.x[kept], t_x=groups.t_x[kept], T=groups.T[kept], weight=drawn[kept])
        try:
            again = type(model).fit(part, start=model.parameters)
        except ProfilesError:
            continue
        rows.append(np.append(again.parameters, total(again)))
    if len(rows) * 2 < resamples:
        raise ProfilesError(
            f"expected most of {resamples} resamples to be fitted, found {len(rows)}; "
            "give more persons, or no --bootstrap"
        )
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(np.stack(rows), tails, axis=0)
    names = [one.name for one in fields(model) if one.name != "log_likelihood"]
    both = {
        name: (float(low[i]), float(high[i])) for i, name in enumerate([*names, "expected_total"])
    }
    return both, len(rows)
