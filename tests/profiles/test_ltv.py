"""Lifetime value against published numbers, lifetimes, and gradients by differences."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import check_grad

from profiles.errors import ProfilesError
from profiles.ltv.beta_geometric import BetaGeometric, ModifiedBetaGeometric, likelihood_of
from profiles.ltv.calendar_effect import Season, bent_ages, bent_horizon, load_season
from profiles.ltv.gamma_gamma import GammaGamma
from profiles.ltv.gamma_gamma import log_likelihood as worth_likelihood
from profiles.ltv.holdout import judge
from profiles.ltv.median import median_purchases
from profiles.ltv.pareto_nbd import ParetoNBD
from profiles.ltv.pareto_nbd import log_likelihood as pareto_likelihood
from profiles.ltv.report import build_ltv, discounted
from profiles.ltv.summary import Ages, group_equal, in_units, summarize

lifetimes = pytest.importorskip("lifetimes")
DATASETS = Path(lifetimes.__file__).parent / "datasets"
END = date(1997, 9, 30)
HOLDOUT_END = date(1998, 6, 30)


@pytest.fixture(scope="module")
def shipped() -> Any:
    file = DATASETS / "cdnow_customers_summary_with_transactions.csv"
    return np.genfromtxt(file, delimiter=",", skip_header=1)


@pytest.fixture(scope="module")
def ages(shipped: Any) -> Ages:
    return Ages(x=shipped[:, 1], t_x=shipped[:, 2], T=shipped[:, 3], weight=np.ones(len(shipped)))


@pytest.fixture(scope="module")
def sample() -> pa.Table:
    text = (DATASETS / "CDNOW_sample.txt").read_text("latin-1")
    rows = [line.split() for line in text.splitlines()]
    columns = [[r[1] for r in rows], [r[2] for r in rows], [r[4] for r in rows]]
    return pa.table(columns, names=["person_id", "time", "amount"])


@pytest.fixture(scope="module")
def bg(ages: Ages) -> BetaGeometric:
    return BetaGeometric.fit(group_equal(ages)[0])


def one(x: float, t_x: float, T: float) -> Ages:
    return Ages(x=np.array([x]), t_x=np.array([t_x]), T=np.array([T]), weight=np.ones(1))


def test_bg_nbd_on_cdnow_is_the_published_fit(bg: BetaGeometric, ages: Ages) -> None:
    assert bg.parameters == pytest.approx([0.24259, 4.41353, 0.79289, 2.42577], abs=1e-4)
    assert bg.log_likelihood >= -9582.4256
    assert bg.expected(one(2, 30.43, 38.86), 39)[0] == pytest.approx(1.22591, abs=1e-4)
    assert bg.p_alive(one(2, 30.43, 38.86))[0] == pytest.approx(0.7266091, abs=1e-5)
    assert bg.expected(one(0, 0, 0), 39)[0] == pytest.approx(1.1950162, abs=1e-4)
    assert bg.expected(ages, 39).sum() == pytest.approx(1653.4233, abs=0.01)


def test_other_models_on_cdnow_are_the_reference(ages: Ages) -> None:
    groups, _ = group_equal(ages)
    modified, pareto = ModifiedBetaGeometric.fit(groups), ParetoNBD.fit(groups)
    assert modified.parameters == pytest.approx([0.52484, 6.18299, 0.89136, 1.61400], abs=1e-4)
    assert pareto.parameters == pytest.approx([0.55328, 10.57774, 0.60618, 11.66667], rel=1e-3)


def test_models_agree_with_lifetimes(bg: BetaGeometric, ages: Ages) -> None:
    peer = lifetimes.BetaGeoFitter()
    peer.params_ = dict(zip(("r", "alpha", "a", "b"), bg.parameters, strict=True))
    rows = slice(0, 300)
    part = Ages(x=ages.x[rows], t_x=ages.t_x[rows], T=ages.T[rows], weight=ages.weight[rows])
    theirs = peer.conditional_expected_number_of_purchases_up_to_time(39, part.x, part.t_x, part.T)
    assert bg.expected(part, 39) == pytest.approx(np.asarray(theirs), rel=1e-7)
    pareto = ParetoNBD(r=0.55, alpha=10.6, s=0.61, beta=11.7, log_likelihood=0.0)
    other = lifetimes.ParetoNBDFitter()
    other.params_ = dict(zip(("r", "alpha", "s", "beta"), pareto.parameters, strict=True))
    theirs = other.conditional_probability_alive(part.x, part.t_x, part.T)
    assert pareto.p_alive(part) == pytest.approx(np.asarray(theirs), rel=1e-7)
    log = other._conditional_log_likelihood(pareto.parameters, part.x, part.t_x, part.T)
    assert pareto_likelihood(pareto.parameters, part)[0] == pytest.approx(np.sum(log), rel=1e-10)


@pytest.mark.parametrize("model", ["bg", "mbg", "pareto"])
def test_gradients_are_those_by_differences(model: str, ages: Ages) -> None:
    rows = slice(0, 60)
    part = Ages(x=ages.x[rows], t_x=ages.t_x[rows], T=ages.T[rows], weight=ages.weight[rows])
    shift = {"bg": 0, "mbg": 1}.get(model)
    of = (lambda p: pareto_likelihood(p, part)) if shift is None else likelihood_of(part, shift)
    at = np.array([0.7, 5.0, 0.8, 3.0])
    error = check_grad(lambda p: of(p)[0], lambda p: of(p)[1], at)
    assert error < 1e-4 * np.abs(of(at)[1]).max()


def test_grouping_equal_persons_changes_nothing(ages: Ages) -> None:
    groups, group = group_equal(ages)
    assert len(groups) < len(ages) and groups.weight.sum() == len(ages)
    assert (groups.x[group] == ages.x).all() and (groups.T[group] == ages.T).all()
    at = np.array([0.24, 4.4, 0.8, 2.4])
    assert likelihood_of(groups, 0)(at)[0] == pytest.approx(likelihood_of(ages, 0)(at)[0])


def test_many_purchases_do_not_overflow(bg: BetaGeometric) -> None:
    heavy = one(2000, 719.9, 720)
    assert 0.9 < bg.p_alive(heavy)[0] <= 1
    assert np.isfinite(bg.expected(heavy, 100)[0]) and bg.expected(heavy, 100)[0] > 100
    pareto = ParetoNBD(r=0.5, alpha=10, s=0.6, beta=12, log_likelihood=0.0)
    assert np.isfinite(pareto_likelihood(pareto.parameters, heavy)[0])


def test_gamma_gamma_on_cdnow_is_the_reference(shipped: Any, bg: BetaGeometric, ages: Ages) -> None:
    found = GammaGamma.fit(shipped[:, 1], shipped[:, 4])
    assert found.persons == 946
    assert found.parameters == pytest.approx([6.2488, 3.7446, 15.4477], abs=2e-3)
    assert found.spend_correlation == pytest.approx(0.1139, abs=1e-4)
    worth = found.expected(shipped[:, 1], shipped[:, 4])
    assert worth[:2] == pytest.approx([24.6586, 18.9115], abs=1e-3)
    assert found.expected(np.zeros(1), np.zeros(1))[0] == pytest.approx(35.171, abs=1e-3)
    value = worth * discounted(bg, ages, 12 * 4.345, 4.345, 0.01)
    assert value.sum() == pytest.approx(71_509.90, abs=1.0)
    at, x, m = np.array([6.0, 3.5, 15.0]), shipped[:40, 1] + 1, shipped[:40, 4] + 1
    ones = np.ones(40)
    error = check_grad(
        lambda p: worth_likelihood(p, x, m, ones)[0],
        lambda p: worth_likelihood(p, x, m, ones)[1], at,
    )  # fmt: skip
    assert error < 1e-4


def test_summary_of_orders_is_that_of_lifetimes(sample: pa.Table, ages: Ages) -> None:
    found = summarize(sample, END, until=HOLDOUT_END)
    mine = in_units(found, "week")
    assert (mine.x == ages.x).all()
    assert np.abs(mine.t_x - ages.t_x).max() < 0.0075  # theirs is rounded to two places
    assert np.abs(mine.T - ages.T).max() < 0.0075
    assert found.later.sum() == 1882


def test_holdout_on_cdnow_is_that_of_the_best_published_model(sample: pa.Table) -> None:
    found = build_ltv(
        sample, HOLDOUT_END, unit="week", horizon=39, calibration_end=END, resamples=4
    )
    held = found.holdouts[found.chosen]
    assert held.actual == 1882 and found.chosen == "pareto_nbd"
    assert held.mae == pytest.approx(0.7545, abs=1e-4)
    assert held.rmse == pytest.approx(1.6028, abs=1e-4)
    assert held.mae_median is not None and held.mae_median < 0.7 < held.mae
    assert found.holdouts["mbg_nbd"].top_decile_capture == pytest.approx(0.475, abs=0.003)
    low, high = found.intervals["expected_total"]
    assert low < high and low * 0.9 < found.expected_total["bg_nbd"] < high * 1.1
    assert found.table.num_rows == 2357 and found.value_total_cny is not None


def test_season_of_ones_is_plain_time_and_busy_months_count_more(sample: pa.Table) -> None:
    found = summarize(sample.slice(0, 400), END)
    plain, even = bent_ages(found, "week", None), bent_ages(found, "week", Season())
    assert pytest.approx(plain.T) == even.T and even.t_x == pytest.approx(plain.t_x)
    busy = Season(months={12: 2.0}, days={(12, 12): 3.0})
    # October to December: 61 plain days, 30 double ones and one of six
    assert bent_horizon(END, 92, "day", busy) == pytest.approx(61 + 30 * 2 + 6)


def test_season_file_with_faults_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "season.yaml"
    file.write_text('version: 1\nmonths: {11: 2}\ndays: {"06-18": 3}\n', "utf-8")
    assert load_season(file) == Season(months={11: 2.0}, days={(6, 18): 3.0})
    for text in ("months: {13: 2}", "months: {1: -2}", "days: {'02-31': 2}", "{}", "[", "x"):
        file.write_text(text, "utf-8")
        with pytest.raises(ProfilesError, match="expected"):
            load_season(file)


def test_auto_season_needs_a_year_and_finds_december(sample: pa.Table) -> None:
    with pytest.raises(ProfilesError, match="12 whole months"):
        build_ltv(sample, END, season="auto")
    found = build_ltv(sample, HOLDOUT_END, season="auto", horizon=4)
    assert found.season is not None
    months = found.season.months
    assert np.mean(list(months.values())) == pytest.approx(1)
    assert months[12] > months[9]


def test_too_few_repeats_are_refused_in_one_line() -> None:
    table = pa.table({"person_id": ["a"], "time": ["2026-01-01"], "amount": ["1"]})
    with pytest.raises(ProfilesError, match="found 0 of 1 persons"):
        build_ltv(table, date(2026, 2, 1))
    with pytest.raises(ProfilesError, match="swap"):
        summarize(table, date(2026, 2, 1), until=date(2026, 1, 1))


def test_judge_by_hand() -> None:
    found = judge(np.array([2.0, 0.5, 0.5, 1.0]), np.array([3, 0, 0, 1]))
    assert (found.actual, found.expected, found.mae) == (4, 4.0, 0.5)
    assert found.rmse == pytest.approx((1.5 / 4) ** 0.5)
    assert found.top_decile_capture == 0.75
    assert judge(np.ones(2), np.zeros(2, int)).top_decile_capture is None


_BETA = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5, "log_likelihood": 0.0}


@pytest.mark.parametrize(
    "model",
    [
        BetaGeometric(**_BETA),
        ModifiedBetaGeometric(**_BETA),
        ParetoNBD(r=0.55, alpha=10.6, s=0.6, beta=11.7, log_likelihood=0.0),
    ],
    ids=lambda one: one.name,
)
def test_distribution_of_purchases_has_the_models_mean_and_median(model: Any) -> None:
    x, t_x = np.array([0.0, 3, 12]), np.array([0.0, 25, 37])
    ages = Ages(x=x, t_x=t_x, T=np.full(3, 38.0), weight=np.ones(3))
    levels = np.array([model.at_most(n, ages, 39.0) for n in range(400)])
    assert (np.diff(levels, axis=0) > -1e-12).all() and levels[-1] == pytest.approx(1, abs=1e-4)
    assert (1 - levels).sum(0) == pytest.approx(model.expected(ages, 39.0), rel=2e-3)
    for at, n in enumerate(median_purchases(model, ages, 39.0).astype(int)):
        assert levels[n, at] >= 0.5 and (n == 0 or levels[n - 1, at] < 0.5)
