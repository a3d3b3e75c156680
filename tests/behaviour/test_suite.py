"""The behavioural suite: well formed, and passed by the shipped model as its card says.

The floors lie a little below what the model reached when it was shipped (its card tells each
capability); they catch a change that breaks what it could do, in the model or around it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, POLARITIES, RISKS, SENTIMENTS
from nlp.analyzer import Analyzer
from nlp.artifact import DEFAULT_MODEL, load_artifact
from nlp.scorer import load_scorer
from training.behaviour import CapabilityScore, overall, read_cases, run_suite

CASES = Path(__file__).with_name("cases")
FLOOR = 0.85
CAPABILITY_FLOOR = 0.5
SLACK = 0.02  # what another processor's bf16 may turn


@pytest.fixture(scope="module")
def scores() -> list[CapabilityScore]:
    return run_suite(Analyzer(load_scorer(DEFAULT_MODEL)), CASES)


def test_suite_is_as_large_as_it_must_be() -> None:
    suite = read_cases(CASES)
    kinds = Counter(case["kind"] for cases in suite.values() for case in cases)
    assert len(suite) >= 20 and sum(kinds.values()) >= 400
    assert kinds.keys() == {"mft", "inv", "dir"} and min(kinds.values()) >= 80


def test_every_case_asks_for_labels_that_there_are() -> None:
    known = {"flags": FLAGS, "risks": RISKS, "aspects": ASPECTS}
    one_of = {"sentiment": SENTIMENTS, "emotion": EMOTIONS, "interest": INTERESTS}
    for name, cases in read_cases(CASES).items():
        for case in cases:
            expected = case.get("expect", {})
            assert set(expected) <= {*known, *one_of}, (name, case)
            for head, asked in expected.items():
                if head in known:
                    assert set(asked) <= set(known[head]), (name, case)
                else:
                    asked = asked if isinstance(asked, list) else [asked]
                    assert set(asked) <= {*one_of[head], None}, (name, case)
            assert set(expected.get("aspects", {}).values()) <= {*POLARITIES, False}


def test_suite_is_passed_as_the_card_says(scores: list[CapabilityScore]) -> None:
    recorded = load_artifact(DEFAULT_MODEL).metrics["behaviour"]
    assert {s.name for s in scores} == set(recorded)
    total = sum(s.cases for s in scores)
    expected = sum(recorded[s.name] * s.cases for s in scores) / total
    assert overall(scores) == pytest.approx(expected, abs=SLACK)


def test_suite_is_passed_for_the_greater_part(scores: list[CapabilityScore]) -> None:
    assert overall(scores) >= FLOOR
    assert {s.name: s.passed for s in scores if s.passed < CAPABILITY_FLOOR} == {}
