"""The weights of two runs of one trajectory, averaged: the earlier mends what the later overfits.

After Wortsman et al. 2022 (model soups). Labels that the other run does not have keep their own
rows.
"""

from __future__ import annotations

from pathlib import Path

import torch

from nlp.heads import HEADS
from training.recipe import Recipe
from training.record import read_record
from training.runs import load_last
from training.trainer import BEST_FILE, write_state


def average(recipe: Recipe, run_dir: Path, other: Path) -> None:
    """Replaces ``run_dir/best.pt`` by its mean with the last weights of ``other``.

    ``recipe.average_weight`` is the other run's share; auxiliary heads stay as they are.
    """
    mine = torch.load(run_dir / BEST_FILE, map_location="cpu", weights_only=True)
    theirs = load_last(other, recipe, {}).state_dict()
    share = recipe.average_weight
    known = read_record(other)["heads"]
    rows = torch.tensor([x in known.get(h.name, ()) for h in HEADS for x in h.labels])
    for name, value in theirs.items():
        if not value.is_floating_point():
            continue
        mixed = (1 - share) * mine[name] + share * value
        if name.startswith("heads."):
            mixed = torch.where(rows.view(-1, *[1] * (value.ndim - 1)), mixed, mine[name])
        mine[name] = mixed
    write_state(mine, run_dir / BEST_FILE)
