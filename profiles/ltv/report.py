"""Lifetime value of order rows: models fitted, forecasts per person, and the holdout's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.ltv.bootstrap import intervals
from profiles.ltv.calendar_effect import Season, bent_ages, bent_horizon, estimate_season
from profiles.ltv.gamma_gamma import GammaGamma
from profiles.ltv.holdout import MODELS, Holdout, choose, judge
from profiles.ltv.median import median_purchases
from profiles.ltv.summary import (
    DAYS_PER_UNIT,
    Ages,
    Floats,
    Ints,
    Summary,
    Unit,
    group_equal,
    summarize,
)

MIN_REPEATERS: Final = 10  # persons with a repeat purchase; below, four parameters mean nothing
INNER_CUTS: Final = (0.5, 2 / 3)  # of the calibration, at which models are compared within it
MONTH_DAYS: Final = DAYS_PER_UNIT["month"]


@dataclass(frozen=True, kw_only=True)
class LtvReport:
    """What was fitted up to ``end`` and what it forecasts for ``horizon`` units after it.

    ``models`` and ``expected_total`` are by name; ``holdouts`` too, empty without a holdout.
    ``chosen`` is the model with the smallest error inside the calibration, or bg_nbd. ``table`` has
    one row per person by id: person_id, x, t_x, T (units, as lived), p_alive,
    expected_purchases (both of BG/NBD), expected_spend_cny (per purchase), value_cny.
    """

    end: date
    unit: Unit
    horizon: float
    summary: Summary
    models: dict[str, Any]
    gamma_gamma: GammaGamma | None
    no_gamma_gamma: str | None  # why there is none
    expected_total: dict[str, float]
    value_total_cny: float | None
    season: Season | None
    chosen: str
    holdouts: dict[str, Holdout]
    intervals: dict[str, tuple[float, float]]
    resamples: int
    table: pa.Table


def build_ltv(
    orders: pa.Table,
    end: date,
    *,
    unit: Unit = "week",
    horizon: float = 52.0,
    calibration_end: date | None = None,
    season: Season | Literal["auto"] | None = None,
    resamples: int = 0,
    monthly_discount: float = 0.0,
) -> LtvReport:
    """Fit all models to the purchases up to ``calibration_end`` (or ``end``) and forecast from it.

    With a ``calibration_end`` the purchases from it to ``end`` are the holdout, which no fit sees.

    Raises:
        ProfilesError: too few repeat purchases, or a model has no maximum.
    """
    fit_end = calibration_end or end
    summary = summarize(orders, fit_end, until=end)
    _check(summary)
    bent = estimate_season(summary) if season == "auto" else season
    ages = bent_ages(summary, unit, bent)
    groups, group = group_equal(ages)
    models = {name: model.fit(groups) for name, model in MODELS.items()}
    ahead = bent_horizon(fit_end, horizon * DAYS_PER_UNIT[unit], unit, bent)
    forecast = {name: model.expected(groups, ahead) for name, model in models.items()}
    total = {name: float(groups.weight @ each) for name, each in forecast.items()}
    chosen, holdouts = "bg_nbd", {}
    if calibration_end is not None:
        chosen = choose(lambda share: _inner(orders, summary, share, unit, bent), INNER_CUTS)
        over = bent_horizon(fit_end, (end - fit_end).days, unit, bent)
        holdouts = {
            name: judge(
                model.expected(groups, over)[group],
                summary.later,
                median_purchases(model, groups, over)[group],
            )
            for name, model in models.items()
        }
    worth, missing = _worth(summary)
    spread, fitted = _spread(models["bg_nbd"], groups, ahead, resamples)
    table = _table(summary, unit, models["bg_nbd"], groups, group, forecast["bg_nbd"], worth)
    value = _value(
        models["bg_nbd"], groups, group, ahead, horizon * DAYS_PER_UNIT[unit],
        table["expected_spend_cny"].to_numpy(), monthly_discount,
    )  # fmt: skip
    table = table.append_column("value_cny", pa.array(value, pa.float64(), from_pandas=True))
    return LtvReport(
        end=fit_end,
        unit=unit,
        horizon=horizon,
        summary=summary,
        models=models,
        gamma_gamma=worth,
        no_gamma_gamma=missing,
        expected_total=total,
        value_total_cny=float(value.sum()) if worth and np.isfinite(value).all() else None,
        season=bent,
        chosen=chosen,
        holdouts=holdouts,
        intervals=spread,
        resamples=fitted,
        table=table,
    )


def discounted(model: Any, ages: Ages, horizon: float, step: float, discount: float) -> Floats:
    """Return each row's expected purchases in ``horizon``, those of the n-th step of length
    ``step`` divided by (1 + discount)**n, as lifetimes does.
    """
    ends = np.append(np.arange(step, horizon - 1e-9, step), horizon)
    made = np.zeros(len(ages))
    before = np.zeros(len(ages))
    for n, until in enumerate(ends, start=1):
        now = model.expected(ages, float(until))
        made += (now - before) / (1 + discount) ** n
        before = now
    return made


def _value(
    model: Any, groups: Ages, group: Ints, ahead: float, days: float, spend: Floats, discount: float
) -> Floats:
    step = ahead * min(MONTH_DAYS / days, 1.0)
    made = discounted(model, groups, ahead, step, discount) if discount else None
    purchases = model.expected(groups, ahead) if made is None else made
    return purchases[group] * spend


def _check(summary: Summary) -> None:
    repeaters = int((summary.x > 0).sum())
    if repeaters < MIN_REPEATERS:
        raise ProfilesError(
            f"expected {MIN_REPEATERS} persons or more with a repeat purchase up to {summary.end}, "
            f"found {repeaters} of {len(summary)} persons; give more orders or a later day"
        )


def _inner(
    orders: pa.Table, summary: Summary, share: float, unit: Unit, season: Season | None
) -> tuple[dict[str, Floats], Ints]:
    """Every model fitted up to a share of the calibration, and what came in its rest."""
    days = int(summary.age_days.max() * share)
    cut = summary.end - timedelta(days=int(summary.age_days.max()) - days)
    part = summarize(orders, cut, until=summary.end)
    _check(part)
    groups, group = group_equal(bent_ages(part, unit, season))
    ahead = bent_horizon(cut, (summary.end - cut).days, unit, season)
    made = {
        name: model.fit(groups).expected(groups, ahead)[group] for name, model in MODELS.items()
    }
    return made, part.later


def _worth(summary: Summary) -> tuple[GammaGamma | None, str | None]:
    try:
        return GammaGamma.fit(summary.x.astype(float), summary.mean_cny), None
    except ProfilesError as error:
        return None, str(error)


def _spread(
    model: Any, groups: Ages, ahead: float, resamples: int
) -> tuple[dict[str, tuple[float, float]], int]:
    if resamples == 0:
        return {}, 0
    return intervals(
        model, groups, lambda again: float(groups.weight @ again.expected(groups, ahead)), resamples
    )


def _table(
    summary: Summary, unit: Unit, model: Any, groups: Ages, group: Ints, forecast: Floats,
    worth: GammaGamma | None,
) -> pa.Table:  # fmt: skip
    x, days = summary.x.astype(float), DAYS_PER_UNIT[unit]
    spend: Sequence[float] | Floats
    spend = worth.expected(x, summary.mean_cny) if worth else np.full(len(x), np.nan)
    spend = np.where(np.isfinite(spend), spend, np.nan)
    return pa.table(
        {
            "person_id": summary.person_id,
            "x": summary.x,
            "t_x": summary.recency_days / days,
            "T": summary.age_days / days,
            "p_alive": model.p_alive(groups)[group],
            "expected_purchases": forecast[group],
            "expected_spend_cny": pa.array(spend, pa.float64(), from_pandas=True),
        }
    )
