"""What goes together with dropping out, and that chance alone is not reported."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from profiles.funnel.parse import parse_spec
from profiles.funnel.reasons import Reasons, adjusted, find_reasons, judge_table
from profiles.funnel.relation import open_events

SPEC = parse_spec({"steps": ["A", "B"], "window_s": 100})


def reasons(error_rate: float, persons: int = 400) -> Reasons:
    """Half of the persons see an error at A; it lowers the chance of B by ``error_rate``."""
    dice = np.random.default_rng(7)
    rows = []
    for number in range(persons):
        error = number % 2 == 0
        shown = {"state": "error" if error else "ok", "shade": f"s{number % 7}", "n": str(number)}
        rows.append({"person_id": number, "event": "A", "time": 1, **shown})
        if dice.random() < 0.7 - error * error_rate:
            rows.append({"person_id": number, "event": "B", "time": 2, **shown})
    tags = pa.table(
        {"person_id": range(persons), "tags": [[f"t{k % 3}", "all"] for k in range(persons)]}
    )
    with open_events(pa.Table.from_pylist(rows)) as events:
        return find_reasons(events, SPEC, tags)


def test_planted_reason_is_found_and_nothing_else() -> None:
    found = reasons(0.4)
    assert [(one.name, one.value, one.after_step) for one in found.found] == [("state", "error", 1)]
    one = found.found[0]
    assert one.share_dropped > one.share_went_on and one.ratio > 2 and one.q_value < 1e-6
    assert found.left_out == ("n: 400 values, more than 200",)
    assert found.tested == 2 + 7 + 3  # the tag that everybody has cannot tell anything


def test_without_a_reason_none_is_reported() -> None:
    assert reasons(0.0).found == ()


def test_adjusted_equals_scipy() -> None:
    p = np.array([0.01, 0.5, 0.03, 0.04, 0.9])
    assert adjusted(p) == pytest.approx(stats.false_discovery_control(p))
    assert len(adjusted([])) == 0


def test_small_tables_are_tested_exactly() -> None:
    assert judge_table((3, 1, 1, 3)) == (pytest.approx(0.4857142857), "fisher")
    p, name = judge_table((30, 10, 10, 30))
    assert name == "chi2" and p == pytest.approx(7.744216e-06)
