"""Pareto/NBD: purchases at a person's own rate until the person leaves at an unseen moment.

Schmittlein, Morrison, Colombo, Management Science 33 (1987); Fader and Hardie, "A note on deriving
the Pareto/NBD model" (2005). The likelihood is taken as the integral

    L = G(r+x)/G(r) * alpha**r * beta**s
        * [(alpha+T)**-(r+x) * (beta+T)**-s
           + s * int_{t_x}^{T} (alpha+u)**-(r+x) * (beta+u)**-(s+1) du],

by Gauss-Legendre over the logarithm of the age, in logarithms. Unlike the
difference of two hypergeometric functions it loses no digits and has a simple gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from scipy.special import betainc, digamma, gammaln

from profiles.ltv.fitting import in_scale, maximise, unit_ages
from profiles.ltv.summary import Ages, Floats

NODES: Final = 24
_REST: Final = 36.0  # exp(-36) is 2e-16: what is left of the integral beyond; 24 nodes reach there
_ROWS_AT_ONCE: Final = 50_000  # times NODES doubles, some 10 MB per array
_START: Final = np.array([1.0, 1.0, 1.0, 1.0])
_NUDGE: Final = 1e-7  # s = 1 is a removable singularity of the expectation


@dataclass(frozen=True, kw_only=True)
class ParetoNBD:
    """Fitted parameters; ``alpha`` and ``beta`` are in the unit of the ages that were fitted."""

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float
    name: ClassVar[str] = "pareto_nbd"

    @classmethod
    def fit(cls, ages: Ages, start: Floats | None = None) -> ParetoNBD:
        """Return the parameters of largest likelihood; give grouped ages for speed.

        Raises:
            ProfilesError: there is no maximum.
        """
        scaled, scale = unit_ages(ages)
        first = _START if start is None else start / [1, scale, 1, scale]
        total = float(ages.weight.sum())
        found = maximise(lambda p: log_likelihood(p, scaled), first, total, cls.name)
        r, alpha, s, beta = map(float, found.parameters)
        shown = found.log_likelihood - in_scale(ages, scale)
        return cls(r=r, alpha=alpha * scale, s=s, beta=beta * scale, log_likelihood=shown)

    @property
    def parameters(self) -> Floats:
        """r, alpha, s, beta."""
        return np.array([self.r, self.alpha, self.s, self.beta])

    def p_alive(self, ages: Ages) -> Floats:
        """Return the probability of each person to be active still."""
        parts = [_terms(self.parameters, part) for part in _parts(ages)]
        return np.concatenate([np.exp(t.active - t.both) for t in parts])

    def expected(self, ages: Ages, horizon: float | Floats) -> Floats:
        """Return the expected purchases of each person in the ``horizon`` units after T."""
        s = self.s if abs(self.s - 1) > _NUDGE else 1 + _NUDGE
        kept = ((self.beta + ages.T) / (self.beta + ages.T + horizon)) ** (s - 1)
        made = (self.r + ages.x) * (self.beta + ages.T) / ((self.alpha + ages.T) * (s - 1))
        return made * (1 - kept) * self.p_alive(ages)

    def at_most(self, n: int, ages: Ages, horizon: float | Floats) -> Floats:
        """Return the probability of each person to buy ``n`` times or less in the ``horizon``.

        Who is active has a rate of Gamma(r+x, alpha+T) and leaves after u by a Lomax law of beta+T;
        purchases until then are negative binomial. Gauss-Legendre over the share of those who left.
        """
        beta, alpha = (self.beta + ages.T)[:, None], (self.alpha + ages.T)[:, None]
        ahead = np.broadcast_to(np.asarray(horizon, float), len(ages))[:, None]
        left = 1 - (beta / (beta + ahead)) ** self.s  # before the horizon's end
        node, weight = np.polynomial.legendre.leggauss(NODES)
        at = beta * ((1 - left * (node + 1) / 2) ** (-1 / self.s) - 1)
        few = betainc((self.r + ages.x)[:, None], n + 1, alpha / (alpha + np.hstack([at, ahead])))
        share = np.hstack([left * weight / 2, 1 - left])
        alive = self.p_alive(ages)
        return np.asarray(1 - alive + alive * (few * share).sum(1))


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """Of each row: the logs of both ways and of their sum, and the integral's nodes."""

    active: Floats
    both: Floats
    share: Floats  # of each node in the sum, rows by nodes
    at: Floats  # u at each node


def log_likelihood(parameters: Floats, ages: Ages) -> tuple[float, Floats]:
    """Return the log likelihood and its gradient by (r, alpha, s, beta)."""
    value, gradient = 0.0, np.zeros(4)
    for part in _parts(ages):
        more, by = _part_likelihood(parameters, part)
        value, gradient = value + more, gradient + by
    return value, gradient


def _part_likelihood(parameters: Floats, ages: Ages) -> tuple[float, Floats]:
    r, alpha, s, beta = parameters
    x, T, w = ages.x, ages.T, ages.weight
    t = _terms(parameters, ages)
    value = w @ (gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + t.both)
    alive = np.exp(t.active - t.both)
    from_alpha, from_beta = alpha + t.at, beta + t.at
    by_r = digamma(r + x) - digamma(r) + np.log(alpha) - alive * np.log(alpha + T)
    by_r -= (t.share * np.log(from_alpha)).sum(1)
    by_alpha = r / alpha - (r + x) * (alive / (alpha + T) + (t.share / from_alpha).sum(1))
    by_s = np.log(beta) - alive * np.log(beta + T) + t.share.sum(1) / s
    by_s -= (t.share * np.log(from_beta)).sum(1)
    by_beta = s / beta - s * alive / (beta + T) - (s + 1) * (t.share / from_beta).sum(1)
    return float(value), np.array([w @ by_r, w @ by_alpha, w @ by_s, w @ by_beta])


def _terms(parameters: Floats, ages: Ages) -> _Terms:
    """The integral over y = log((alpha+u)/(alpha+t_x)), up to where nothing is left of it."""
    r, alpha, s, beta = parameters
    fall = (r + ages.x - 1)[:, None]  # the integrand falls as exp(-fall * y), or faster
    first = np.log(alpha + ages.t_x)[:, None]
    span = np.log((alpha + ages.T) / (alpha + ages.t_x))[:, None]
    span = np.minimum(span, _REST / np.maximum(fall, 1e-9))
    node, weight = np.polynomial.legendre.leggauss(NODES)
    y = span * (node + 1) / 2
    at = ages.t_x[:, None] + (alpha + ages.t_x)[:, None] * np.expm1(y)
    with np.errstate(divide="ignore"):
        logs = np.log(s * weight * span / 2) - (s + 1) * np.log(beta + at) - fall * (first + y)
    active = -(r + ages.x) * np.log(alpha + ages.T) - s * np.log(beta + ages.T)
    peak = np.maximum(active, logs.max(1))
    both = peak + np.log(np.exp(active - peak) + np.exp(logs - peak[:, None]).sum(1))
    return _Terms(active=active, both=both, share=np.exp(logs - both[:, None]), at=at)


def _parts(ages: Ages) -> list[Ages]:
    cuts = range(0, max(len(ages), 1), _ROWS_AT_ONCE)
    return [
        Ages(
            x=ages.x[i : i + _ROWS_AT_ONCE],
            t_x=ages.t_x[i : i + _ROWS_AT_ONCE],
            T=ages.T[i : i + _ROWS_AT_ONCE],
            weight=ages.weight[i : i + _ROWS_AT_ONCE],
        )
        for i in cuts
    ]
