"""Lifetime value of CDNOW against lifetimes: fits alone, the way from the order file, the holdout."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.segments.table import Table
from profiles.ltv.beta_geometric import BetaGeometric, ModifiedBetaGeometric
from profiles.ltv.gamma_gamma import GammaGamma
from profiles.ltv.holdout import judge
from profiles.ltv.median import median_purchases
from profiles.ltv.pareto_nbd import ParetoNBD
from profiles.ltv.summary import Ages, group_equal, in_units, summarize
from serving.segment_rows import ORDER_COLUMNS, read_rows

END, HELD = date(1997, 9, 30), date(1998, 6, 30)
MODELS = (BetaGeometric, ModifiedBetaGeometric, ParetoNBD)
FITTERS = {
    "bg_nbd": "BetaGeoFitter", "mbg_nbd": "ModifiedBetaGeoFitter", "pareto_nbd": "ParetoNBDFitter",
}  # fmt: skip
NEAR = 1e-3  # relative, of every parameter


def ltv(table: Table, orders: Path | None = None) -> None:
    """All lines."""
    rows = order_rows(orders)
    ages = in_units(summarize(rows, END), "week")
    x, t_x, age = ages.x, ages.t_x, ages.T
    for model in MODELS:
        mine = table.best(lambda model=model: model.fit(group_equal(ages)[0]))
        table.line(
            f"{model.name} fit, {len(x):,} persons", mine, "lifetimes",
            lambda name=FITTERS[model.name]: fitter(name).fit(x, t_x, age),
            lambda theirs, mine=mine: alike(mine[1].parameters, theirs), needs="lifetimes",
        )  # fmt: skip
    from_file(table, rows)
    worth(table, rows)
    summary = summarize(rows, END, until=HELD)
    held = in_units(summary, "week")
    for model in MODELS:
        found = held_out(model, held, 39.0, summary.later)
        table.line(f"{model.name} held out 39 weeks", None, "", None, lambda _, told=found: told)
    beta, clock = first_spend_clock(rows, summary.person_id.to_pylist(), held)
    found = held_out(ParetoNBD, bent(held, clock), 39.0 * clock, summary.later)
    what = f"the same, each person's clock by the first spend ** {beta:.2f}"
    table.line(what, None, "", None, lambda _: found)


def held_out(model: Any, ages: Ages, horizon: Any, later: Any) -> str:
    """The errors of a model fitted to the calibration, by the mean and by the median."""
    fitted = model.fit(group_equal(ages)[0])
    middle = median_purchases(fitted, ages, horizon)
    found = judge(fitted.expected(ages, horizon), later, middle)
    told = f"MAE {found.mae:.4f} (median {found.mae_median:.4f}), RMSE {found.rmse:.4f}"
    return f"{told}, {found.expected:,.0f} of {found.actual:,}, top tenth {found.top_decile_capture:.3f}"


def first_spend_clock(rows: pa.Table, persons: list[str], ages: Ages) -> tuple[float, Any]:
    """The power of the first day's spend by which persons live faster, of largest likelihood in the
    calibration, and each person's speed.
    """
    import pandas as pd
    from scipy.optimize import minimize_scalar

    frame = rows.to_pandas().assign(person_id=lambda one: one["person_id"].astype(str))
    day = pd.to_datetime(frame["time"].astype(str))
    first = frame[day == day.groupby(frame["person_id"]).transform("min")]
    spend = first["amount"].astype(float).groupby(first["person_id"]).sum().reindex(persons)
    log_spend = np.log1p(np.maximum(spend.to_numpy(), 0))
    log_spend -= log_spend.mean()

    def loss(beta: float) -> float:
        fitted = ParetoNBD.fit(bent(ages, np.exp(beta * log_spend)))
        return -fitted.log_likelihood - beta * float(
            ages.x @ log_spend
        )  # the speed is a density's too

    beta = float(
        minimize_scalar(loss, bounds=(-0.5, 1), method="bounded", options={"xatol": 0.01}).x
    )
    return beta, np.exp(beta * log_spend)


def bent(ages: Ages, clock: Any) -> Ages:
    """Ages on each person's own clock."""
    return Ages(x=ages.x, t_x=ages.t_x * clock, T=ages.T * clock, weight=ages.weight)


def from_file(table: Table, rows: pa.Table) -> None:
    """BG/NBD from order rows: counting purchases is part of it."""
    mine = table.best(
        lambda: BetaGeometric.fit(group_equal(in_units(summarize(rows, END), "week"))[0])
    )

    def theirs() -> Any:
        import pandas as pd
        from lifetimes.utils import summary_data_from_transaction_data

        frame = rows.to_pandas()
        frame["time"] = pd.to_datetime(frame["time"].astype(str))
        found = summary_data_from_transaction_data(
            frame, "person_id", "time", observation_period_end=str(END), freq="D"
        )
        weeks = found[["recency", "T"]] / 7
        return fitter("BetaGeoFitter").fit(found["frequency"], weeks["recency"], weeks["T"])

    table.line(
        f"bg_nbd from {rows.num_rows:,} order rows", mine, "lifetimes", theirs,
        lambda theirs: alike(mine[1].parameters, theirs), needs="lifetimes",
    )  # fmt: skip


def worth(table: Table, rows: pa.Table) -> None:
    """Gamma-Gamma."""
    summary = summarize(rows, END)
    x, mean = in_units(summary, "week").x, np.nan_to_num(summary.mean_cny)
    mine = table.best(lambda: GammaGamma.fit(x, mean))
    again = (x > 0) & (mean > 0)
    table.line(
        "gamma_gamma fit", mine, "lifetimes", lambda: fitter("GammaGammaFitter").fit(x[again], mean[again]),
        lambda theirs: alike(mine[1].parameters, theirs), needs="lifetimes",
    )  # fmt: skip


def fitter(name: str) -> Any:
    """A fitter of lifetimes."""
    import lifetimes

    return getattr(lifetimes, name)()


def alike(mine: Any, theirs: Any) -> str:
    """Whether all parameters agree."""
    other = np.asarray(theirs.params_.values, float)
    apart = float(np.max(np.abs(np.asarray(mine) / other - 1)))
    verdict = "yes" if apart < NEAR else "NO"
    return f"{verdict}: parameters {' '.join(f'{one:.5f}' for one in mine)}, {apart:.1e} apart"


def order_rows(orders: Path | None) -> pa.Table:
    """``person_id, time, amount`` of the file, or of the sample that lifetimes ships."""
    if orders is not None:
        return read_rows(orders, ORDER_COLUMNS, optional=frozenset({"order_id"})).select(
            ["person_id", "time", "amount"]
        )
    import lifetimes

    file = Path(lifetimes.__file__).parent / "datasets" / "CDNOW_sample.txt"
    parts = [line.split() for line in file.read_text("latin-1").splitlines()]
    names = ["person_id", "time", "amount"]
    return pa.table([[one[at] for one in parts] for at in (1, 2, 4)], names=names)
