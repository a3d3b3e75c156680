"""Maximum likelihood over positive parameters, in their logarithms, with the exact gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from profiles.errors import ProfilesError
from profiles.ltv.summary import Ages, Floats

# log likelihood and its gradient by the parameters
Likelihood = Callable[[Floats], tuple[float, Floats]]
_TOLERANCE: Final = 1e-7  # of the gradient of the mean log likelihood by log parameters
_LOG_BOUND: Final = 16.0  # parameters stay within e**-16 … e**16; a fit on the edge is refused


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The parameters of largest likelihood, in the order of the model."""

    parameters: Floats
    log_likelihood: float
    evaluations: int


def unit_ages(ages: Ages) -> tuple[Ages, float]:
    """Return ages scaled to 1 at most, where fits converge alike in every unit, and the scale."""
    scale = float(ages.T.max(initial=0.0)) or 1.0
    scaled = Ages(x=ages.x, t_x=ages.t_x / scale, T=ages.T / scale, weight=ages.weight)
    return scaled, scale


def in_scale(ages: Ages, scale: float) -> float:
    """Return what scaling adds to the log likelihood, a density in the moments of purchases."""
    return float(ages.weight @ ages.x) * float(np.log(scale))


def maximise(likelihood: Likelihood, start: Floats, total: float, what: str) -> Fit:
    """Return the parameters that maximise ``likelihood``; ``total`` is the number of persons.

    Raises:
        ProfilesError: no maximum inside the bounds: the data do not tell the parameters apart.
    """

    def cost(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value / total, -gradient * parameters / total

    found = minimize(
        cost,
        np.log(start),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LOG_BOUND, _LOG_BOUND)] * len(start),
        options={"maxiter": 500, "ftol": 1e-15, "gtol": _TOLERANCE, "maxcor": 20},
    )
    on_edge = np.abs(found.x) > _LOG_BOUND - 1e-6
    if not np.isfinite(found.fun) or on_edge.any():
        raise ProfilesError(
            f"expected purchases from which {what} can be fitted, found that the likelihood has no "
            "maximum (too few repeat purchases, or all persons alike); give a longer time or more "
            "persons"
        )
    return Fit(
        parameters=np.exp(found.x),
        log_likelihood=-float(found.fun) * total,
        evaluations=int(found.nfev),
    )
