"""Forecasts against what came: one model's errors per person, and a choice made before looking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from profiles.ltv.beta_geometric import BetaGeometric, ModifiedBetaGeometric
from profiles.ltv.pareto_nbd import ParetoNBD
from profiles.ltv.summary import Ages, Floats, Ints

MODELS: Final = {one.name: one for one in (BetaGeometric, ModifiedBetaGeometric, ParetoNBD)}


class Model(Protocol):
    """A fitted model of purchases."""

    log_likelihood: float

    @property
    def parameters(self) -> Floats:
        """In the model's order."""
        ...

    def p_alive(self, ages: Ages) -> Floats:
        """Of each person."""
        ...

    def expected(self, ages: Ages, horizon: float | Floats) -> Floats:
        """Of each person, in the horizon after T."""
        ...

    def at_most(self, n: int, ages: Ages, horizon: float | Floats) -> Floats:
        """Of each person: how likely are ``n`` purchases or less."""
        ...


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """Purchases after the calibration: ``actual`` and ``expected`` are sums over persons.

    ``mae`` and ``rmse`` are the errors of the expectation, ``mae_median`` that of the median.
    ``top_decile_capture`` is the share of them made by the tenth of persons with the largest
    forecast; None where nothing was bought.
    """

    actual: int
    expected: float
    mae: float
    rmse: float
    mae_median: float | None
    top_decile_capture: float | None


def judge(expected: Floats, actual: Ints, median: Floats | None = None) -> Holdout:
    """Return the errors of a forecast; equal forecasts stand in the order of persons."""
    error = expected - actual
    top = np.argsort(-expected, kind="stable")[: max(len(actual) // 10, 1)]
    total = int(actual.sum())
    return Holdout(
        actual=total,
        expected=float(expected.sum()),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        mae_median=None if median is None else float(np.abs(median - actual).mean()),
        top_decile_capture=float(actual[top].sum() / total) if total else None,
    )


def choose(
    forecasts: Callable[[float], tuple[Mapping[str, Floats], Ints]], shares: tuple[float, ...]
) -> str:
    """Return the model with the smallest absolute error over cuts inside the calibration.

    ``forecasts(share)`` gives every model's forecast, and what came, after that share of the
    calibration; the time after it is not looked at.
    """
    errors: dict[str, float] = {}
    for share in shares:
        made, actual = forecasts(share)
        for name, expected in made.items():
            errors[name] = errors.get(name, 0.0) + float(np.abs(expected - actual).mean())
    return min(errors, key=lambda name: errors[name])
