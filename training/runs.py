"""The network that a run folder holds: to be exported, to teach, or to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch

from nlp.heads import HEADS
from training.base import encoder_from_config
from training.errors import TrainingError
from training.modeling import CommentModel
from training.ngrams import NGrams
from training.recipe import Recipe
from training.record import read_record
from training.trainer import BEST_FILE, CHECKPOINT_FILE

ENCODER_FILE: Final = "encoder.json"
OwnNames = dict[str, tuple[str, ...]]  # set name -> its own classes


def load_run(run_dir: Path, recipe: Recipe, *, keep_auxiliary: bool = False) -> CommentModel:
    """The best checkpoint of a run, in float32; without its auxiliary heads unless they are kept.

    Raises:
        TrainingError: the run has not reached its first evaluation.
    """
    best = run_dir / BEST_FILE
    if not best.is_file():
        raise TrainingError(f"expected {best}, found no such file; let `tingfeng train` go on")
    weights = torch.load(best, map_location="cpu", weights_only=True)
    model = load_weights(run_dir, weights, recipe).eval()
    if not keep_auxiliary:
        model.auxiliary = None
    return model


def load_last(run_dir: Path, recipe: Recipe, auxiliary: OwnNames) -> CommentModel:
    """A run's last weights, to go on from, or its averaged ones; labels that it did not have start
    at random. Without its wide part, which belongs to the encoder that it was fitted to.

    Raises:
        TrainingError: the run has no checkpoint.
    """
    file = run_dir / CHECKPOINT_FILE
    if not file.is_file():
        raise TrainingError(
            f"expected {file}, found no such file; train {recipe.starts_from} first"
        )
    record = read_record(run_dir)
    averaged = record["recipe"].get("average_with") is not None
    read = torch.load(
        run_dir / BEST_FILE if averaged else file, map_location="cpu", weights_only=True
    )
    old = {k: v for k, v in (read if averaged else read["model"]).items() if k[:5] != "wide."}
    model = _blank_model(run_dir, recipe, sum(map(len, auxiliary.values())))
    new = model.state_dict()
    for part, had, has in (
        ("heads", record["heads"], {h.name: list(h.labels) for h in HEADS}),
        ("auxiliary", record.get("auxiliary", {}), auxiliary),
    ):
        for name in ("weight", "bias"):
            key = f"{part}.{name}"
            if key in new:
                old[key] = _grown(new[key], old.get(key), _positions(had), _positions(has))
            else:
                old.pop(key, None)
    model.load_state_dict(old)
    return model


def load_weights(run_dir: Path, weights: dict[str, torch.Tensor], recipe: Recipe) -> CommentModel:
    """A model of the build that ``run_dir`` records, with these weights, in float32."""
    model = _blank_model(run_dir, recipe, len(weights.get("auxiliary.bias", ())))
    if "wide.rows.weight" in weights:
        model.wide = NGrams(*weights["wide.rows.weight"].shape).requires_grad_(False)
    model.load_state_dict(weights)
    return model


def _blank_model(run_dir: Path, recipe: Recipe, auxiliary: int) -> CommentModel:
    config = json.loads((run_dir / ENCODER_FILE).read_text(encoding="utf-8"))
    encoder = encoder_from_config(config)
    return CommentModel(encoder, dropout=recipe.dropout, auxiliary=auxiliary)


def _positions(labels: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
    """Where each label of each head lies among the outputs."""
    return {key: i for i, key in enumerate((h, x) for h, names in labels.items() for x in names)}


def _grown(
    new: torch.Tensor,
    old: torch.Tensor | None,
    had: dict[tuple[str, str], int],
    has: dict[tuple[str, str], int],
) -> torch.Tensor:
    """``new`` with the rows of the labels that ``old`` has, too."""
    if old is None:
        return new
    for key in had.keys() & has.keys():
        new[has[key]] = old[had[key]]
    return new
