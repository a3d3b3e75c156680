"""BG/NBD and MBG/NBD: purchases at a person's own rate until the person drops out at one of them.

BG/NBD: Fader, Hardie, Lee, "Counting your customers" the easy way, Marketing Science 24 (2005).
MBG/NBD lets persons drop out at the first purchase too: Batislam, Denizel, Filiztekin, IJRM 24
(2007). With k = x (BG) or x + 1 (MBG) chances to drop out, both are

    L = B(a, b+k)/B(a, b) * G(r+x)/G(r) * alpha**r
        * [(alpha+T)**-(r+x) + a/(b+k-1) * (alpha+t_x)**-(r+x)],

the second term for k > 0 only. All terms are logarithms; the hypergeometric function is used after
Euler's transformation, with parameters that do not grow with x, so that nothing overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from scipy.special import betainc, betaln, digamma, gammaln, hyp2f1

from profiles.ltv.fitting import Likelihood, in_scale, maximise, unit_ages
from profiles.ltv.summary import Ages, Floats

_START: Final = np.array([1.0, 1.0, 1.0, 1.0])
_NUDGE: Final = 1e-7  # a = 1 is a removable singularity of the expectation


@dataclass(frozen=True, kw_only=True)
class BetaGeometric:
    """Fitted parameters; ``alpha`` is in the unit of the ages that were fitted."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    name: ClassVar[str] = "bg_nbd"
    shift: ClassVar[int] = 0  # chances to drop out beyond x

    @classmethod
    def fit(cls, ages: Ages, start: Floats | None = None) -> Self:
        """Return the parameters of largest likelihood; give grouped ages for speed.

        Raises:
            ProfilesError: there is no maximum.
        """
        scaled, scale = unit_ages(ages)
        first = _START if start is None else start / [1, scale, 1, 1]
        total = float(ages.weight.sum())
        found = maximise(likelihood_of(scaled, cls.shift), first, total, cls.name)
        r, alpha, a, b = map(float, found.parameters)
        shown = found.log_likelihood - in_scale(ages, scale)
        return cls(r=r, alpha=alpha * scale, a=a, b=b, log_likelihood=shown)

    @property
    def parameters(self) -> Floats:
        """r, alpha, a, b."""
        return np.array([self.r, self.alpha, self.a, self.b])

    def at_most(self, n: int, ages: Ages, horizon: float | Floats) -> Floats:
        """Return the probability of each person to buy ``n`` times or less in the ``horizon``.

        Who is active has a rate of Gamma(r+x, alpha+T) and a chance to drop out of Beta(a, b+k): to
        buy n+1 times is to stay n times and to have n+1 chances, which is negative binomial.
        """
        kept = self.b + ages.x + self.shift
        stays = np.exp(betaln(self.a, kept + n) - betaln(self.a, kept))
        share = (self.alpha + ages.T) / (self.alpha + ages.T + horizon)
        more = 1 - betainc(self.r + ages.x, n + 1, share)
        return np.asarray(1 - self.p_alive(ages) * stays * more)

    def _log_dropped(self, ages: Ages) -> Floats:
        """Log odds of having dropped out against being active; -inf where it cannot be."""
        k = ages.x + self.shift
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = (
                np.log(self.a)
                - np.log(self.b + k - 1)
                + (self.r + ages.x) * np.log((self.alpha + ages.T) / (self.alpha + ages.t_x))
            )
        return np.where(k > 0, odds, -np.inf)

    def p_alive(self, ages: Ages) -> Floats:
        """Return the probability of each person to be active still."""
        return np.exp(-np.logaddexp(0.0, self._log_dropped(ages)))

    def expected(self, ages: Ages, horizon: float | Floats) -> Floats:
        """Return the expected purchases of each person in the ``horizon`` units after T."""
        a = self.a if abs(self.a - 1) > _NUDGE else 1 + _NUDGE
        k = ages.x + self.shift
        z = horizon / (self.alpha + ages.T + horizon)
        left = hyp2f1(a + self.b + self.shift - 1 - self.r, a - 1, a + self.b + k - 1, z)
        made = (a + self.b + k - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * left)
        forecast: Floats = np.maximum(made, 0.0) * self.p_alive(ages)
        return forecast


@dataclass(frozen=True, kw_only=True)
class ModifiedBetaGeometric(BetaGeometric):
    """MBG/NBD: the first purchase may be the last."""

    name: ClassVar[str] = "mbg_nbd"
    shift: ClassVar[int] = 1


def likelihood_of(ages: Ages, shift: int) -> Likelihood:
    """Return the function from (r, alpha, a, b) to the log likelihood of ``ages`` and its gradient.

    Gamma functions are computed once per number of purchases, not per person.
    """
    x, w = ages.x, ages.weight
    counts, at = np.unique(x, return_inverse=True)
    ks, can = counts + shift, x + shift > 0
    w_count = np.bincount(at, w)
    w_can, can_rows = w[can], np.flatnonzero(can)
    x_can, T_can, t_can = x[can], ages.T[can], ages.t_x[can]
    total = w.sum()

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = parameters
        power = r + x
        active = -power * np.log(alpha + ages.T)
        log_t = np.log(alpha + t_can)
        last = b + x_can + shift - 1
        odds = np.log(a / last) + (r + x_can) * (np.log(alpha + T_can) - log_t)
        more = np.logaddexp(0.0, odds)
        q = np.exp(odds - more)  # of having dropped out, where that can be
        per_count = gammaln(r + counts) - gammaln(r) + gammaln(a + b) + gammaln(b + ks)
        per_count -= gammaln(b) + gammaln(a + b + ks)
        value = w_count @ per_count + total * r * np.log(alpha) + w @ active + w_can @ more
        gone = np.zeros(len(x))
        gone[can_rows] = q
        with_T = 1 - gone
        by_r = w_count @ (digamma(r + counts) - digamma(r)) + total * np.log(alpha)
        by_r += w @ (with_T * active / power) - w_can @ (q * log_t)
        by_alpha = total * r / alpha - w @ (with_T * power / (alpha + ages.T))
        by_alpha -= w_can @ (q * (r + x_can) / (alpha + t_can))
        both = digamma(a + b) - digamma(a + b + ks)
        by_a = w_count @ both + w_can @ q / a
        by_b = w_count @ (both + digamma(b + ks) - digamma(b)) - w_can @ (q / last)
        return float(value), np.array([by_r, by_alpha, by_a, by_b])

    return likelihood
