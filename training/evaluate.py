"""An exported model against labelled sets, by the engine that serves it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlp.heads import HEADS
from nlp.scorer import Floats, load_scorer
from training.annotations import load_annotations
from training.labelled import LabelledSet
from training.metrics import SLICES, HeadScore, calibration_error, score_head
from training.recipe import Recipe
from training.sources import load_sets


@dataclass(frozen=True, kw_only=True)
class SetScore:
    """One head's score on one set."""

    dataset: str
    head: str
    score: HeadScore

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the accuracy."""
        return wilson(self.score.accuracy, self.score.rows)


_EMOTE = re.compile(r"\[[^\[\]]{1,12}\]")


def evaluate_sets(
    recipe: Recipe, model: str | None, data_dir: Path, *, split: str, strip: bool = False
) -> list[SetScore]:
    """Every head of every set of the recipe on one split; see ``judged_sets``.

    ``strip`` leaves emotes and emoji out: some sets made their labels from them.
    """
    scorer = load_scorer(model)
    sets = judged_sets(recipe, data_dir, split=split)
    for labelled in sets if strip else ():
        labelled.texts = [strip_emotes(text) for text in labelled.texts]
    return score_sets(
        sets,
        lambda texts: scorer.logits(texts).values,
        scorer.temperatures,
        scorer.thresholds,
    )


def strip_emotes(normalized: str) -> str:
    """A normalised text without its emotes; emoji are emotes there, too."""
    return _EMOTE.sub("", normalized).strip() or "无"


def judged_sets(recipe: Recipe, data_dir: Path, *, split: str) -> list[LabelledSet]:
    """The recipe's sets; with the dev sets also the real comments that two readers agreed on.

    Nothing is chosen by those: they are for judging alone.
    """
    sets = load_sets(recipe, data_dir, split=split)
    if split == "dev" and recipe.annotations_repeat:
        sets.append(load_annotations(recipe, data_dir, split="agreed"))
    return sets


def score_sets(
    sets: list[LabelledSet],
    predict: Callable[[list[str]], Floats],
    temperatures: dict[str, float],
    thresholds: dict[str, dict[str, float]] | None = None,
) -> list[SetScore]:
    """Scores with any predictor of logits, in order; each head of a file once, the first one."""
    found: dict[tuple[str, str], SetScore] = {}
    for labelled in sets:
        logits = np.array(predict(labelled.texts), dtype=np.float32)
        for head in HEADS:
            logits[:, SLICES[head.name]] /= temperatures.get(head.name, 1.0)
            score = score_head(head, logits, labelled, (thresholds or {}).get(head.name))
            if score is not None:
                entry = SetScore(dataset=labelled.name, head=head.name, score=score)
                found.setdefault((labelled.name, head.name), entry)
    return list(found.values())


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n (Wilson 1927)."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


def as_rows(scores: list[SetScore]) -> list[dict[str, object]]:
    """Plain values for JSON and model cards."""
    return [
        {
            "dataset": s.dataset,
            "head": s.head,
            "rows": s.score.rows,
            "classes": list(s.score.classes),
            "accuracy": round(s.score.accuracy, 4),
            "accuracy_low": round(s.accuracy_interval[0], 4),
            "accuracy_high": round(s.accuracy_interval[1], 4),
            "macro_f1": round(s.score.macro_f1, 4),
            "ece": None if math.isnan(s.score.ece) else round(s.score.ece, 4),
            "confusion": s.score.confusion.tolist(),
            "label_f1": {k: round(v, 4) for k, v in s.score.label_f1.items()},
        }
        for s in scores
    ]


def table(scores: list[SetScore]) -> str:
    """A Markdown table, percentages with one decimal."""
    lines = ["| set | head | rows | classes | accuracy (95 %) | macro-F1 | ECE |", "|---" * 7 + "|"]
    for s in scores:
        low, high = s.accuracy_interval
        ece = "–" if math.isnan(s.score.ece) else f"{100 * s.score.ece:.1f}"
        lines.append(
            f"| {s.dataset} | {s.head} | {s.score.rows} | {len(s.score.classes)} "
            f"| {100 * s.score.accuracy:.1f} ({100 * low:.1f}–{100 * high:.1f}) "
            f"| {100 * s.score.macro_f1:.1f} | {ece} |"
        )
    for head, (rows, error) in pooled_ece(scores).items():
        lines.append(f"| all | {head} | {rows} | – | – | – | {100 * error:.1f} |")
    return "\n".join(lines)


def pooled_ece(scores: list[SetScore]) -> dict[str, tuple[int, float]]:
    """Per head the rows of all its sets and their calibration error together, 0..1."""
    found = {}
    for head in dict.fromkeys(s.head for s in scores):
        of_head = [s.score for s in scores if s.head == head]
        together = calibration_error(np.sum([s.reliability for s in of_head], axis=0))
        found[head] = (sum(s.rows for s in of_head), together)
    return found


def confusion_lines(score: SetScore) -> list[str]:
    """One line per true class: how many of its rows were taken for which class.

    Independent labels have one confusion together: not holding and holding.
    """
    matrix = score.score.confusion
    names = score.score.classes if len(score.score.classes) == len(matrix) else ("no", "yes")
    return [
        f"{score.dataset} {score.head} {truth}: "
        + ", ".join(f"{said} {n}" for said, n in zip(names, row, strict=True))
        for truth, row in zip(names, matrix.tolist(), strict=True)
    ]
