"""Gamma-Gamma: the worth of a person's purchases, given the mean of those seen.

Fader and Hardie, "The gamma-gamma model of monetary value" (2013). It assumes that worth and number
of purchases do not hang together; ``spend_correlation`` tells how far that holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import digamma, gammaln

from profiles.errors import ProfilesError
from profiles.ltv.fitting import maximise
from profiles.ltv.summary import Floats

_START: Final = np.array([1.0, 2.0, 1.0])
MIN_PERSONS: Final = 10  # with a repeat purchase above zero; below, three parameters mean nothing


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """Fitted parameters; ``v`` is in CNY. ``persons`` had a repeat purchase above zero."""

    p: float
    q: float
    v: float
    log_likelihood: float
    persons: int
    spend_correlation: float | None

    @classmethod
    def fit(
        cls, x: Floats, mean_cny: Floats, weight: Floats | None = None, start: Floats | None = None
    ) -> GammaGamma:
        """Return the parameters of largest likelihood over persons with x > 0 and worth > 0.

        Raises:
            ProfilesError: too few such persons, or there is no maximum.
        """
        weight = np.ones(len(x)) if weight is None else weight
        used = (x > 0) & (mean_cny > 0) & (weight > 0)
        if used.sum() < MIN_PERSONS:
            raise ProfilesError(
                f"expected {MIN_PERSONS} persons or more with a repeat purchase above zero, "
                f"found {int(used.sum())}; give a longer time or more persons"
            )
        x, m, w = x[used].astype(float), mean_cny[used], weight[used]
        scale = float(np.median(m))
        first = _START if start is None else start / [1, 1, scale]
        found = maximise(
            lambda p: log_likelihood(p, x, m / scale, w), first, float(w.sum()), "gamma_gamma"
        )
        p, q, v = map(float, found.parameters)
        return cls(
            p=p,
            q=q,
            v=v * scale,
            # a density of worth: in another unit it is another number
            log_likelihood=found.log_likelihood - float(w.sum() * np.log(scale)),
            persons=round(float(w.sum())),
            spend_correlation=_correlation(x, m, w),
        )

    @property
    def parameters(self) -> Floats:
        """p, q, v."""
        return np.array([self.p, self.q, self.v])

    def expected(self, x: Floats, mean_cny: Floats) -> Floats:
        """Return each person's expected worth of a purchase; without repeats, the population's.

        Not finite where q is 1 or less and the person has no repeats: then the mean has no bound.
        """
        seen = np.where(mean_cny > 0, x, 0.0)
        below = self.p * seen + self.q - 1
        with np.errstate(divide="ignore"):
            worth = self.p * (self.v + seen * mean_cny) / below
        return np.where(below > 0, worth, np.inf)


def log_likelihood(
    parameters: Floats, x: Floats, mean: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Return the log likelihood and its gradient by (p, q, v)."""
    p, q, v = parameters
    px, total = p * x, x * mean + v
    value = weight @ (
        gammaln(px + q)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(v)
        + (px - 1) * np.log(mean)
        + px * np.log(x)
        - (px + q) * np.log(total)
    )
    by_p = x * (digamma(px + q) - digamma(px) + np.log(mean) + np.log(x) - np.log(total))
    by_q = digamma(px + q) - digamma(q) + np.log(v) - np.log(total)
    by_v = q / v - (px + q) / total
    return float(value), np.array([weight @ by_p, weight @ by_q, weight @ by_v])


def _correlation(x: Floats, mean: Floats, weight: Floats) -> float | None:
    """Pearson's between number and mean worth of repeat purchases; None where one is constant."""
    both = np.cov(x, mean, aweights=weight)
    if not (both[0, 0] > 0 and both[1, 1] > 0):
        return None
    return float(both[0, 1] / np.sqrt(both[0, 0] * both[1, 1]))
