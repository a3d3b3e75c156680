"""A recipe's labelled files, read and mapped, and the raw texts for its vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from nlp.heads import HEADS
from nlp.normalize import normalize
from training.annotations import load_annotations
from training.corpus import load_corpus
from training.errors import TrainingError
from training.labelled import LabelledSet, OwnClasses, blank_targets, build_targets
from training.recipe import Recipe, Source


def load_sets(recipe: Recipe, data_dir: Path, *, split: str) -> list[LabelledSet]:
    """One set per source that has rows of this split, in order; then, for train and dev, the
    written corpus and the labelled real comments.

    Raises:
        TrainingError: see ``load_source``; or nothing at all is left in this split.
    """
    sets = load_sources(recipe, data_dir, split=split)
    if recipe.corpus_repeat and split in ("train", "dev"):
        sets.append(load_corpus(recipe, held_out=split == "dev"))
    if recipe.annotations_repeat and split in ("train", "dev"):
        sets.append(load_annotations(recipe, data_dir, split=split))
    if not any(len(s) for s in sets):
        raise TrainingError(
            f"{recipe.name}: expected rows of the split {split}, found none; "
            "add sources that have this split, or the corpus (corpus: {repeat: 1})"
        )
    return sets


def load_sources(recipe: Recipe, data_dir: Path, *, split: str) -> list[LabelledSet]:
    """The files' sets alone, without the corpus; see ``load_source``."""
    sets = [load_source(source, data_dir, split=split) for source in recipe.sources]
    for labelled in sets:
        labelled.limit = _smaller(labelled.limit, recipe.max_rows_per_source)
    return [s for s in sets if len(s)]


def load_source(source: Source, data_dir: Path, *, split: str) -> LabelledSet:
    """One source's rows of one split (``train``, ``dev`` or ``test``).

    Raises:
        TrainingError: the file or a column that the recipe names is missing.
    """
    path = data_dir / source.file
    every = _read_rows(path, source)
    wanted = source.train_split if split == "train" else split
    trained_on = split != "train" and split == source.train_split
    rows = [r for r in every if r["split"] == wanted and r["text"] and not trained_on]
    built = {h.name: build_targets(h, source.heads.get(h.name), rows) for h in HEADS}
    return LabelledSet(
        name=path.stem,
        texts=[normalize(r["text"]) for r in rows],
        targets={name: targets for name, (targets, _) in built.items()},
        weights={name: weights for name, (_, weights) in built.items()},
        own=_own_classes(source.auxiliary, every, rows) if source.auxiliary else None,
        limit=source.limit,
        repeat=source.repeat,
    )


def load_unlabelled(data_dir: Path, folder: str, *, limit: int = 400_000) -> list[str]:
    """Normalised texts of raw JSONL and CSV dumps under a folder, for the vocabulary.

    Raises:
        TrainingError: there is no such folder.
    """
    root = data_dir / folder
    if not root.is_dir():
        raise TrainingError(
            f"expected the folder {root} (vocabulary_texts), found none; "
            "set TINGFENG_DATA_DIR or --data"
        )
    texts: list[str] = []
    for path in sorted(root.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            rows = (json.loads(line) for line in lines)
            texts += [normalize(str(r.get("text") or r.get("content") or "")) for r in rows]
    for path in sorted(root.glob("*comments.csv")):
        texts += [normalize(line) for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return texts[:limit]


def unlabelled_set(recipe: Recipe, data_dir: Path) -> LabelledSet:
    """The texts of the recipe's ``unlabelled`` folders, each once; they teach no head a label.

    Raises:
        TrainingError: see ``load_unlabelled``.
    """
    texts = dict.fromkeys(t for f in recipe.unlabelled for t in load_unlabelled(data_dir, f) if t)
    kept = list(texts)[: recipe.unlabelled_limit]
    return LabelledSet(
        name="unlabelled",
        texts=kept,
        targets={h.name: blank_targets(h, len(kept)) for h in HEADS},
        weights={h.name: np.zeros(len(kept), dtype=np.float32) for h in HEADS},
    )


def _own_classes(
    column: str, every: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> OwnClasses:
    """The classes of the train rows, so that every split has the same; null is none."""
    trained = {r[column] for r in every if r["split"] == "train"} - {None}
    names = tuple(sorted(map(str, trained)))
    at = {name: i for i, name in enumerate(names)}
    return OwnClasses(names=names, index=np.array([at.get(str(r[column]), -1) for r in rows]))


def _smaller(limit: int | None, cap: int | None) -> int | None:
    return min((n for n in (limit, cap) if n is not None), default=None)


def _read_rows(path: Path, source: Source) -> list[dict[str, Any]]:
    if not path.exists():
        raise TrainingError(f"expected {path}, found no such file; set TINGFENG_DATA_DIR or --data")
    table = Dataset.from_parquet(str(path), keep_in_memory=True).data.table
    needed = {m.column for m in source.heads.values() if m.constant is None} | {"text", "split"}
    needed |= {source.auxiliary} if source.auxiliary else set()
    missing = sorted(needed - set(table.column_names))
    if missing:
        raise TrainingError(
            f"{path}: expected the columns {missing}, found {table.column_names}; "
            "name the right column in the recipe"
        )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
