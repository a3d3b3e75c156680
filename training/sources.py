"""Labelled files to targets: one row per text, with what each head may learn from it.

Softmax heads keep two bit masks per row: the classes that the label *allows* and the classes that the source
*supports* (the others get no push either way). Sigmoid heads keep 1, 0 or -1 (unknown) per label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from nlp.heads import HEAD_BY_NAME, HEADS, Head
from nlp.normalize import normalize
from training.errors import TrainingError
from training.recipe import HeadMapping, Recipe, Source

Masks = npt.NDArray[np.int8]  # (rows, labels): 1 allowed/true, 0 supported but wrong/false, -1 nothing to learn


@dataclass(kw_only=True)
class LabelledSet:
    """Normalised texts with targets per head, (rows, labels) int8, and a weight per head, (rows,) float32."""

    name: str
    texts: list[str]
    targets: dict[str, Masks]
    weights: dict[str, npt.NDArray[np.float32]]
    limit: int | None = None
    repeat: int = 1

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> LabelledSet:
        """The same set with only these rows, in the order given."""
        index = np.fromiter(rows, dtype=np.int64)
        return LabelledSet(
            name=self.name,
            texts=[self.texts[i] for i in index],
            targets={k: v[index] for k, v in self.targets.items()},
            weights={k: v[index] for k, v in self.weights.items()},
            limit=self.limit,
            repeat=self.repeat,
        )


def load_sources(recipe: Recipe, data_dir: Path, *, split: str) -> list[LabelledSet]:
    """Every source of the recipe that has rows in this split, in recipe order.

    Raises:
        TrainingError: a file is missing, or a column that a mapping names.
    """
    sets = (load_source(source, data_dir, split=split) for source in recipe.sources)
    return [s for s in sets if len(s)]


def load_source(source: Source, data_dir: Path, *, split: str) -> LabelledSet:
    """One source's rows of one split (``train``, ``dev`` or ``test``)."""
    path = data_dir / source.file
    if not path.exists():
        raise TrainingError(f"expected {path}, found no such file; set TINGFENG_DATA_DIR or --data")
    table = Dataset.from_parquet(str(path), keep_in_memory=True).data.table
    rows = [r for r in table.to_pylist() if r["split"] == split and r["text"]]
    texts = [normalize(r["text"]) for r in rows]
    targets, weights = {}, {}
    for head in HEADS:
        mapping = source.heads.get(head.name)
        targets[head.name], weights[head.name] = _targets(head, mapping, rows, source.file)
    return LabelledSet(
        name=path.stem,
        texts=texts,
        targets=targets,
        weights=weights,
        limit=source.limit,
        repeat=source.repeat,
    )


def load_corpus(recipe: Recipe, *, held_out: bool) -> LabelledSet:
    """The project's own written comments, all heads known; a fixed share, by text hash, is held out."""
    from data.corpus import read_corpus

    rows = [r for r in read_corpus() if is_held_out(r["text"], recipe) == held_out]
    targets = {head.name: _blank(head, len(rows)) for head in HEADS}
    for i, row in enumerate(rows):
        _set_exclusive(targets["sentiment"], i, HEAD_BY_NAME["sentiment"], row["sentiment"])
        _set_exclusive(targets["emotion"], i, HEAD_BY_NAME["emotion"], row["emotion"])
        _set_many(targets["interest"], i, HEAD_BY_NAME["interest"], row["interests"])
        _set_many(targets["flags"], i, HEAD_BY_NAME["flags"], row["flags"])
    weight = np.full(len(rows), recipe.corpus_weight, dtype=np.float32)
    return LabelledSet(
        name="corpus",
        texts=[normalize(r["text"]) for r in rows],
        targets=targets,
        weights={head.name: weight for head in HEADS},
        repeat=recipe.corpus_repeat,
    )


def is_held_out(text: str, recipe: Recipe) -> bool:
    """A stable choice by the text alone, so that adding comments never moves one across."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < recipe.corpus_held_out_share


def load_unlabelled(data_dir: Path, folder: str, *, limit: int = 400_000) -> list[str]:
    """Normalised texts of raw JSONL and CSV dumps under a folder, for the vocabulary."""
    texts: list[str] = []
    for path in sorted((data_dir / folder).glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            rows = (json.loads(line) for line in lines)
            texts += [normalize(str(r.get("text") or r.get("content") or "")) for r in rows]
    for path in sorted((data_dir / folder).glob("*comments.csv")):
        texts += [normalize(line) for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return texts[:limit]


def _targets(
    head: Head, mapping: HeadMapping | None, rows: list[dict[str, Any]], file: str
) -> tuple[Masks, npt.NDArray[np.float32]]:
    targets = _blank(head, len(rows))
    weights = np.zeros(len(rows), dtype=np.float32)
    if mapping is None:
        return targets, weights
    if rows and mapping.constant is None and mapping.column not in rows[0]:
        raise TrainingError(f"{file}: expected the column {mapping.column}, found {list(rows[0])}")
    for i, row in enumerate(rows):
        label = mapping.constant
        if label is None:
            label = mapping.labels.get(row[mapping.column])
        if label is None or len(row["text"]) < mapping.min_chars:
            continue
        weights[i] = mapping.weight
        _set_row(targets, i, head, label, mapping)
    return targets, weights


def _set_row(targets: Masks, i: int, head: Head, label: Any, mapping: HeadMapping) -> None:
    if head.name == "flags":
        for name, value in label.items():
            targets[i, head.labels.index(name)] = value
        return
    values = [label] if mapping.constant is not None else list(mapping.labels.values())
    support = {name for value in values for name in _as_list(value)}
    for name in support:
        targets[i, head.labels.index(name)] = 0
    for name in _as_list(label):
        targets[i, head.labels.index(name)] = 1


def _set_exclusive(targets: Masks, i: int, head: Head, label: str) -> None:
    targets[i, :] = 0
    targets[i, head.labels.index(label)] = 1


def _set_many(targets: Masks, i: int, head: Head, labels: list[str]) -> None:
    targets[i, :] = 0
    for label in labels:
        if label in head.labels:
            targets[i, head.labels.index(label)] = 1


def _blank(head: Head, rows: int) -> Masks:
    return np.full((rows, len(head.labels)), -1, dtype=np.int8)


def _as_list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
