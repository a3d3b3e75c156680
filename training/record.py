"""``run.json``: what was trained on what; and whether a run folder still fits its recipe."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from nlp.heads import HEADS
from training.errors import TrainingError
from training.labelled import LabelledSet
from training.recipe import Recipe, recipe_from_record

RECORD_FILE: Final = "run.json"


def write_record(
    recipe: Recipe, sets: list[LabelledSet], tokenizer: Tokenizer, run_dir: Path
) -> None:
    """Writes the recipe, the commit, the labels, the vocabulary's size and each set's hash."""
    data: dict[str, dict[str, Any]] = {}
    for labelled in sets:  # of sets from one file the last one counts
        data[labelled.name] = {"rows": len(labelled), "sha256": _hash(labelled)}
    record = {
        "recipe": dataclasses.asdict(recipe),
        "commit": _commit(),
        "auxiliary": {s.name: list(s.own.names) for s in sets if s.own is not None},
        "heads": {h.name: list(h.labels) for h in HEADS},
        "pieces": tokenizer.get_vocab_size(with_added_tokens=False),
        "emotes": tokenizer.get_vocab_size() - tokenizer.get_vocab_size(with_added_tokens=False),
        "data": data,
    }
    text = json.dumps(record, ensure_ascii=False, indent=1)
    (run_dir / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_record(run_dir: Path) -> dict[str, Any]:
    """The record of a run.

    Raises:
        TrainingError: the folder holds none.
    """
    path = run_dir / RECORD_FILE
    if not path.is_file():
        raise TrainingError(f"expected a run folder, found no {path}; `tingfeng train` writes one")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def check_same_recipe(recipe: Recipe, run_dir: Path) -> None:
    """Nothing, when a run can go on in this folder.

    Raises:
        TrainingError: the folder's run was started with another recipe.
    """
    if not (run_dir / RECORD_FILE).is_file():
        return
    old, new = dataclasses.asdict(recipe_from_record(read_record(run_dir)["recipe"])), recipe
    changed = [key for key, value in dataclasses.asdict(new).items() if old[key] != value]
    if changed:
        raise TrainingError(
            f"{run_dir}: expected a run of this recipe, found one with other values of {changed}; "
            "take another run folder, or --no-resume to start anew"
        )


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git
        return ""
    return done.stdout.strip()


def _hash(labelled: LabelledSet) -> str:
    digest = hashlib.sha256("\n".join(labelled.texts).encode())
    for head in HEADS:
        digest.update(labelled.targets[head.name].tobytes())
    return digest.hexdigest()[:16]
