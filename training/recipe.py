"""Recipes: what to train, on which sources, and how each source's labels map onto our heads.

A recipe is one YAML file; ``training/recipes/small.yaml`` is the default model's and explains the format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training.errors import TrainingError

HEADS = ("sentiment", "emotion", "interest", "flags")


@dataclass(frozen=True, kw_only=True)
class HeadMapping:
    """How one column of a source becomes one head's targets.

    ``labels`` maps a source label to classes (softmax heads: the classes it allows; interest: the topics;
    flags: name to 0/1); ``constant`` gives every row the same targets.
    """

    column: str = "label"
    labels: dict[str, Any] = field(default_factory=dict)
    constant: Any = None
    weight: float = 1.0
    min_chars: int = 0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One labelled file (Parquet with ``text``, ``split`` and label columns) and the heads that it feeds."""

    file: str
    heads: dict[str, HeadMapping]
    limit: int | None = None  # rows drawn anew each epoch
    repeat: int = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run; hashed into the run's record."""

    name: str
    base: str
    max_tokens: int
    epochs: float
    tokens_per_batch: int
    learning_rate: float
    head_learning_rate: float
    layer_decay: float
    weight_decay: float
    warmup_share: float
    dropout: float
    seed: int
    min_piece_count: int
    min_emote_count: int
    vocabulary_texts: tuple[str, ...]
    corpus_repeat: int
    corpus_weight: float
    corpus_held_out_share: float
    sources: tuple[Source, ...]


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe. Raises TrainingError naming the key that is unknown or missing."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    corpus = raw.pop("corpus", {})
    sources = tuple(_source(item) for item in raw.pop("sources", []))
    try:
        return Recipe(
            sources=sources,
            corpus_repeat=corpus.get("repeat", 0),
            corpus_weight=corpus.get("weight", 1.0),
            corpus_held_out_share=corpus.get("held_out_share", 0.1),
            vocabulary_texts=tuple(raw.pop("vocabulary_texts", ())),
            **raw,
        )
    except TypeError as error:
        raise TrainingError(f"{path}: expected the keys of a recipe, found otherwise: {error}") from error


def recipe_from_record(record: dict[str, Any]) -> Recipe:
    """The recipe that ``dataclasses.asdict`` turned into a run's record."""
    sources = tuple(
        Source(**(s | {"heads": {name: HeadMapping(**m) for name, m in s["heads"].items()}}))
        for s in record["sources"]
    )
    texts = tuple(record["vocabulary_texts"])
    return Recipe(**(record | {"sources": sources, "vocabulary_texts": texts}))


def _source(raw: dict[str, Any]) -> Source:
    unknown = set(raw["heads"]) - set(HEADS)
    if unknown:
        raise TrainingError(f"{raw['file']}: expected heads out of {HEADS}, found {sorted(unknown)}")
    heads = {name: _mapping(item) for name, item in raw["heads"].items()}
    return Source(
        file=raw["file"], heads=heads, limit=raw.get("limit"), repeat=raw.get("repeat", 1)
    )


def _mapping(raw: dict[str, Any]) -> HeadMapping:
    return HeadMapping(
        column=raw.get("column", "label"),
        labels=dict(raw.get("map", {})),
        constant=raw.get("constant"),
        weight=float(raw.get("weight", 1.0)),
        min_chars=int(raw.get("min_chars", 0)),
    )
