"""The labels of real comments, joined with the texts that the user's dumps hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.annotations import comment_key, read_annotations
from data.readers import open_dump
from data.readers.errors import DumpError
from training.corpus import comment_set
from training.errors import TrainingError
from training.labelled import LabelledSet
from training.recipe import Recipe

AGREED = "real_agreed"  # the set by which nothing may be chosen


def load_annotations(recipe: Recipe, data_dir: Path, *, split: str) -> LabelledSet:
    """The labelled comments of one part (``train``, ``dev``, ``agreed``) whose texts are there.

    Raises:
        TrainingError: the dumps hold none of the texts.
    """
    labels = read_annotations(split)
    folder = data_dir / recipe.annotations_dumps
    texts = dict(_wanted(folder, set(labels)))
    if not texts:
        raise TrainingError(
            f"expected the labelled comments' texts in dumps under {folder}, found none; "
            "correct annotations.dumps, or leave them out (annotations: {repeat: 0})"
        )
    rows = [label | {"text": texts[key]} for key, label in labels.items() if key in texts]
    return comment_set(
        f"real_{split}",
        rows,
        weight=recipe.annotations_weight,
        repeat=recipe.annotations_repeat,
    )


def _wanted(folder: Path, keys: set[str]) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*")):
        for text in comment_texts(path):
            key = comment_key(text)
            if key in keys:
                yield key, text


def comment_texts(path: Path) -> Iterator[str]:
    """Every text of a comment dump; nothing for a file of another kind."""
    try:
        dump = open_dump(path)
    except DumpError:
        return
    if dump.kind != "comments":
        return
    for batch in dump.batches():
        yield from (t for t in batch.records.column("text").to_pylist() if t)
