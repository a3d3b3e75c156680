"""The middle of what a person may buy: the number that purchases are as likely to pass as not.

The expected number has the smallest squared error, the median the smallest absolute one; most
persons buy nothing more, so that their median is 0 where their expectation is not.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from profiles.ltv.summary import Ages, Floats

MOST: Final = 1000  # purchases to look up to


class Counting(Protocol):
    """A fitted model that knows the distribution of purchases to come."""

    def at_most(self, n: int, ages: Ages, horizon: float | Floats) -> Floats:
        """The probability of each person to buy ``n`` times or less in the horizon after T."""
        ...


def median_purchases(model: Counting, ages: Ages, horizon: float | Floats) -> Floats:
    """Return each row's least number that purchases do not pass with a probability of a half."""
    found = np.full(len(ages), float(MOST))
    left = np.arange(len(ages))
    ahead = np.broadcast_to(np.asarray(horizon, float), len(ages))
    for n in range(MOST):
        some = Ages(x=ages.x[left], t_x=ages.t_x[left], T=ages.T[left], weight=ages.weight[left])
        reached = model.at_most(n, some, ahead[left]) >= 0.5
        found[left[reached]] = n
        left = left[~reached]
        if not len(left):
            break
    return found
