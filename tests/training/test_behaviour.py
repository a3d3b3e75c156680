"""The suite's three kinds of cases, judged with a scorer whose labels are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from training.behaviour import overall, run_suite, suite_table
from training.errors import TrainingError

RIGHT: list[dict[str, Any]] = [
    {"kind": "mft", "text": "好喝", "expect": {"sentiment": "positive", "emotion": ["like"]}},
    {"kind": "mft", "text": "好茶", "expect": {"interest": "food", "flags": {"spam": False}}},
    {"kind": "mft", "text": "今天下雨", "expect": {"interest": None, "risks": {"legal": False}}},
    {"kind": "mft", "text": "快递太慢了", "expect": {"aspects": {"logistics": "negative"}}},
    {"kind": "inv", "text": "好喝", "other": ["好喝！", "很好喝"], "keep": ["sentiment", "flags"]},
    {"kind": "dir", "before": "今天下雨", "after": "今天下雨，好", "score": "up"},
    {"kind": "dir", "before": "今天下雨", "after": "今天下雨，差", "score": "down"},
]
WRONG: list[dict[str, Any]] = [
    {"kind": "mft", "text": "好喝", "expect": {"sentiment": ["negative", "neutral"]}},
    {"kind": "mft", "text": "好茶", "expect": {"interest": None}},
    {"kind": "mft", "text": "好茶", "expect": {"flags": {"spam": True}}},
    {"kind": "mft", "text": "快递太慢了", "expect": {"aspects": {"logistics": False}}},
    {"kind": "inv", "text": "好喝", "other": ["好喝！", "难喝"], "keep": ["sentiment"]},
    {"kind": "dir", "before": "今天下雨", "after": "今天下雨，好", "score": "down"},
    {"kind": "dir", "before": "今天下雨", "after": "今天刮风", "score": "up"},
]


def write(folder: Path, name: str, cases: list[dict[str, Any]]) -> Path:
    lines = [json.dumps(case, ensure_ascii=False) for case in cases]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", RIGHT)
def test_run_suite_passes_what_holds(case: dict[str, Any], tmp_path: Path) -> None:
    (score,) = run_suite(Analyzer(FakeScorer()), write(tmp_path, "one", [case]))
    assert score.passed == 1.0


@pytest.mark.parametrize("case", WRONG)
def test_run_suite_fails_what_does_not_hold(case: dict[str, Any], tmp_path: Path) -> None:
    (score,) = run_suite(Analyzer(FakeScorer()), write(tmp_path, "one", [case]))
    assert score.failed == [case]


def test_suite_table_tells_each_capability_and_all(tmp_path: Path) -> None:
    write(tmp_path, "weak", [RIGHT[0], WRONG[0]])
    scores = run_suite(Analyzer(FakeScorer()), write(tmp_path, "strong", RIGHT[:2]))
    assert overall(scores) == 0.75
    rows = suite_table(scores).splitlines()[2:]
    assert rows == ["| strong | 2 | 100.0 |", "| weak | 2 | 50.0 |", "| **all** | 4 | **75.0** |"]


def test_run_suite_without_cases_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected"):
        run_suite(Analyzer(FakeScorer()), tmp_path)
