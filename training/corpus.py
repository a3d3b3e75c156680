"""The project's own written comments as a labelled set: every head is known for every row."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from data.corpus import read_corpus
from nlp.heads import HEADS
from nlp.normalize import normalize
from training.labelled import LabelledSet, blank_targets, full_target
from training.recipe import Recipe


def load_corpus(recipe: Recipe, *, held_out: bool) -> LabelledSet:
    """The rows to train on; or the held-out ones, less those whose normal form is trained on."""
    corpus = read_corpus()
    rows = [r for r in corpus if not is_held_out(r, recipe)]
    if held_out:
        trained = {normalize(r["text"]) for r in rows}
        rows = [r for r in corpus if normalize(r["text"]) not in trained]
    return comment_set("corpus", rows, weight=recipe.corpus_weight, repeat=recipe.corpus_repeat)


def comment_set(
    name: str, rows: list[dict[str, Any]], *, weight: float = 1.0, repeat: int = 1
) -> LabelledSet:
    """Comments with labels for every head, as in ``data.corpus``, ready to learn from."""
    targets = {head.name: blank_targets(head, len(rows)) for head in HEADS}
    for i, row in enumerate(rows):
        for head in HEADS:
            targets[head.name][i] = full_target(head, _labels(row, head.name))
    weights = np.full(len(rows), weight, dtype=np.float32)
    return LabelledSet(
        name=name,
        texts=[normalize(r["text"]) for r in rows],
        targets=targets,
        weights={head.name: weights for head in HEADS},
        repeat=repeat,
    )


def is_held_out(row: dict[str, Any], recipe: Recipe) -> bool:
    """A stable choice by the row's family, or without one by its text.

    A family, a scene that several comments share, stays on one side with its minimal pairs, and
    adding comments never moves one across.
    """
    digest = hashlib.sha256(str(row.get("family", row["text"])).encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < recipe.corpus_held_out_share


def _labels(row: dict[str, Any], head: str) -> list[str]:
    if head == "aspects":
        return [f"{a['aspect']}:{a['polarity']}" for a in row["aspects"]]
    found = row["interests" if head == "interest" else head]
    return [found] if isinstance(found, str) else list(found)
