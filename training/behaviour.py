"""The behavioural suite: cases of three kinds per capability, and which of them a model passes.

After CheckList (Ribeiro et al. 2020): *minimum functionality* (what one sentence must give),
*invariance* (what must stay when the wording changes but not the meaning) and *direction* (which
way the sentiment score must move). ``tests/behaviour/README.md`` tells how to add a case.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nlp.analyzer import Analyzer
from nlp.insight import CommentInsight
from training.errors import TrainingError

MIN_SHIFT: Final = 0.1  # of the sentiment score, for a case of direction
Case = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class CapabilityScore:
    """How many cases of one capability were passed, and the cases that were not."""

    name: str
    cases: int
    failed: list[Case]

    @property
    def passed(self) -> float:
        """Share of the cases."""
        return 1 - len(self.failed) / self.cases


def read_cases(folder: Path) -> dict[str, list[Case]]:
    """Cases by capability, which is the file's name.

    Raises:
        TrainingError: the folder holds no case.
    """
    found = {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        for path in sorted(folder.glob("*.jsonl"))
    }
    if not found:
        raise TrainingError(f"expected *.jsonl with cases in {folder}, found none; name the folder")
    return found


def run_suite(analyzer: Analyzer, folder: Path) -> list[CapabilityScore]:
    """Every capability's score; all texts are scored in one go."""
    suite = read_cases(folder)
    texts = list(dict.fromkeys(t for cases in suite.values() for c in cases for t in _texts(c)))
    insights = dict(zip(texts, analyzer.analyze(texts), strict=True))
    return [
        CapabilityScore(
            name=name, cases=len(cases), failed=[c for c in cases if not _passes(c, insights)]
        )
        for name, cases in suite.items()
    ]


def overall(scores: list[CapabilityScore]) -> float:
    """Share of all cases passed."""
    return 1 - sum(len(s.failed) for s in scores) / sum(s.cases for s in scores)


def suite_table(scores: list[CapabilityScore]) -> str:
    """A Markdown table, weakest capability last."""
    ranked = sorted(scores, key=lambda s: -s.passed)
    rows = [f"| {s.name} | {s.cases} | {100 * s.passed:.1f} |" for s in ranked]
    total = sum(s.cases for s in scores)
    rows.append(f"| **all** | {total} | **{100 * overall(scores):.1f}** |")
    return "\n".join(["| capability | cases | passed % |", "|---|---|---|", *rows])


def _texts(case: Case) -> list[str]:
    if case["kind"] == "mft":
        return [case["text"]]
    return (
        [case["text"], *case["other"]] if case["kind"] == "inv" else [case["before"], case["after"]]
    )


def _passes(case: Case, insights: dict[str, CommentInsight]) -> bool:
    found = [insights[text] for text in _texts(case)]
    if case["kind"] == "mft":
        return all(_CHECKS[what](found[0], asked) for what, asked in case["expect"].items())
    if case["kind"] == "inv":
        return all(
            _label(i, what) == _label(found[0], what) for i in found for what in case["keep"]
        )
    before, after = (i.sentiment_score or 0.0 for i in found)
    shift = after - before if case["score"] == "up" else before - after
    return shift >= MIN_SHIFT


def _label(insight: CommentInsight, what: str) -> Any:
    if what == "aspects":
        return {(a.aspect, a.polarity) for a in insight.aspects}
    found = getattr(insight, what)
    return set(found) if isinstance(found, tuple) else found


def _one_of(found: str | None, asked: str | list[str] | None) -> bool:
    return found in (asked if isinstance(asked, list) else [asked])


def _holds(found: tuple[str, ...], asked: dict[str, bool]) -> bool:
    return all((name in found) == holds for name, holds in asked.items())


def _says(insight: CommentInsight, asked: dict[str, str | bool]) -> bool:
    found = {a.aspect: a.polarity for a in insight.aspects}
    return all(found.get(name, False) == polarity for name, polarity in asked.items())


_CHECKS: Final[dict[str, Callable[[CommentInsight, Any], bool]]] = {
    "sentiment": lambda i, asked: _one_of(i.sentiment, asked),
    "emotion": lambda i, asked: _one_of(i.emotion, asked),
    "interest": lambda i, asked: _one_of(i.interest, asked),
    "flags": lambda i, asked: _holds(i.flags, asked),
    "risks": lambda i, asked: _holds(i.risks, asked),
    "aspects": _says,
}
