"""Heads that few rows teach, fitted once more at the end, on an encoder that no longer moves.

Risks and aspects are known for the written corpus and the labelled real comments alone, a small
part of each batch. With the encoder fixed, their linear layer is trained on those rows by itself
until the dev rows' loss gets no better; the other heads stay as they are, bit by bit.
"""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from nlp.tokenizer import CommentTokenizer
from training.labelled import LabelledSet, Masks
from training.modeling import SLICES, CommentModel
from training.predict import predict
from training.recipe import Recipe
from training.runs import load_run
from training.trainer import BEST_FILE, write_state

log = logging.getLogger(__name__)
ROUNDS: Final = 60
STEPS_PER_ROUND: Final = 50
ROWS: Final = 512
RATE: Final = 1e-3
PATIENCE: Final = 6  # rounds without a lower dev loss
NOISE: Final = 0.1  # share of the features left out, as the dropout before the heads


def refit(
    recipe: Recipe,
    run_dir: Path,
    train_sets: list[LabelledSet],
    dev_sets: list[LabelledSet],
    tokenizer: CommentTokenizer,
) -> None:
    """Replaces the rows of ``recipe.refit_heads`` in ``run_dir/best.pt``."""
    whole = load_run(run_dir, recipe, keep_auxiliary=True)
    for name in recipe.refit_heads:
        x, y = _rows(name, train_sets, whole, tokenizer)
        dev = _rows(name, dev_sets, whole, tokenizer)
        part = SLICES[name]
        layer = nn.Linear(x.shape[1], part.stop - part.start)
        with torch.no_grad():
            layer.weight.copy_(whole.heads.weight[part])
            layer.bias.copy_(whole.heads.bias[part])
        before = _loss(layer, *dev)
        layer = _fit(layer, x, y, dev, seed=recipe.seed)
        after = _loss(layer, *dev)
        log.info("refit %s on %d rows: dev loss %.4f to %.4f", name, len(x), before, after)
        with torch.no_grad():
            whole.heads.weight[part] = layer.weight
            whole.heads.bias[part] = layer.bias
    write_state(whole.state_dict(), run_dir / BEST_FILE)


def features(model: CommentModel, texts: list[str], tokenizer: CommentTokenizer) -> torch.Tensor:
    """(texts, 2 x hidden): what the heads read of each text."""
    reader = CommentModel(model.encoder, dropout=0.0)
    width = model.heads.in_features
    reader.heads = nn.Linear(width, width)
    nn.init.eye_(reader.heads.weight)
    nn.init.zeros_(reader.heads.bias)
    return torch.from_numpy(predict(reader, texts, tokenizer))


def _rows(
    name: str, sets: list[LabelledSet], model: CommentModel, tokenizer: CommentTokenizer
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and targets of the rows in which every label of the head is known."""
    texts: list[str] = []
    targets: list[Masks] = []
    for labelled in sets:
        rows = np.flatnonzero((labelled.targets[name] >= 0).all(-1))
        texts += [labelled.texts[i] for i in rows]
        targets.append(labelled.targets[name][rows])
    return features(model, texts, tokenizer), torch.from_numpy(np.concatenate(targets)).float()


def _fit(
    layer: nn.Linear,
    x: torch.Tensor,
    y: torch.Tensor,
    dev: tuple[torch.Tensor, torch.Tensor],
    *,
    seed: int,
) -> nn.Linear:
    """The layer of the round with the lowest dev loss, the given one included."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=0.01)
    best, lowest, worse = copy.deepcopy(layer), _loss(layer, *dev), 0
    for _ in range(ROUNDS):
        for _ in range(STEPS_PER_ROUND):
            rows = torch.randint(len(x), (ROWS,))
            seen = nn.functional.dropout(x[rows], NOISE)
            loss = nn.functional.binary_cross_entropy_with_logits(layer(seen), y[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        worse += 1
        if (found := _loss(layer, *dev)) < lowest:
            best, lowest, worse = copy.deepcopy(layer), found, 0
        if worse >= PATIENCE:
            break
    return best


def _loss(layer: nn.Linear, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float(nn.functional.binary_cross_entropy_with_logits(layer(x), y))
