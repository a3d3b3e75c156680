"""Heads that few rows teach, fitted once more at the end, on an encoder that no longer moves.

Independent labels are mostly rare, and some are known for the written corpus and the labelled real
comments alone, a small part of each batch. With the encoder fixed, a head's linear layer is trained
on its rows by itself until the dev rows' loss gets no better: half of them rows in which all its
labels are known, half some of every other source. The other heads stay as they are, bit by bit.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from nlp.heads import HEAD_BY_NAME, Head
from nlp.scorer import Floats
from nlp.tokenizer import CommentTokenizer
from training.labelled import LabelledSet
from training.modeling import SLICES, CommentModel, row_losses
from training.predict import predict
from training.recipe import Recipe
from training.runs import load_run
from training.trainer import BEST_FILE, write_state

log = logging.getLogger(__name__)
ROUNDS: Final = 60
STEPS_PER_ROUND: Final = 50
ROWS: Final = 512
MOST: Final = 300  # rows of a set that does not know every label
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
    reader = Reader(whole, tokenizer)
    for name in recipe.refit_heads:
        head = HEAD_BY_NAME[name]
        rows = _rows(head, train_sets, reader)
        dev = _rows(head, dev_sets, reader)
        part = SLICES[name]
        layer = nn.Linear(rows.x.shape[1], part.stop - part.start)
        with torch.no_grad():
            layer.weight.copy_(whole.heads.weight[part])
            layer.bias.copy_(whole.heads.bias[part])
        before = _loss(head, layer, dev)
        layer = _fit(head, layer, rows, dev, seed=recipe.seed)
        after = _loss(head, layer, dev)
        log.info("refit %s on %d rows: dev loss %.4f to %.4f", name, len(rows.x), before, after)
        with torch.no_grad():
            whole.heads.weight[part] = layer.weight
            whole.heads.bias[part] = layer.bias
    write_state(whole.state_dict(), run_dir / BEST_FILE)


class Reader:
    """What the heads read of texts, (texts, 2 x hidden); the encoder reads each text once."""

    def __init__(self, model: CommentModel, tokenizer: CommentTokenizer) -> None:
        self._model, self._tokenizer = CommentModel(model.encoder, dropout=0.0), tokenizer
        width = model.heads.in_features
        self._model.heads = nn.Linear(width, width)
        nn.init.eye_(self._model.heads.weight)
        nn.init.zeros_(self._model.heads.bias)
        self._known: dict[str, Floats] = {}

    def features(self, texts: list[str]) -> torch.Tensor:
        """In the order of the texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = predict(self._model, new, self._tokenizer)
            self._known |= dict(zip(new, found, strict=True))
        return torch.from_numpy(np.stack([self._known[text] for text in texts]))


@dataclass(frozen=True, kw_only=True)
class HeadRows:
    """``x`` (rows, 2 x hidden), ``y`` (rows, labels) as in ``LabelledSet``, ``weights`` (rows,)."""

    x: torch.Tensor
    y: torch.Tensor
    weights: torch.Tensor
    complete: torch.Tensor  # (rows,): every label of the head is known


def _rows(head: Head, sets: list[LabelledSet], reader: Reader) -> HeadRows:
    """The rows that know something of the head; at most ``MOST`` of a set that knows not all."""
    texts: list[str] = []
    targets, weights, complete = [], [], []
    for labelled in sets:
        known, weight = labelled.targets[head.name], labelled.weights[head.name]
        rows = np.flatnonzero((known >= 0).any(-1) & (weight > 0))
        whole = bool((known[rows] >= 0).all())
        if not whole:
            rows = np.random.default_rng(0).permutation(rows)[:MOST]
        texts += [labelled.texts[i] for i in rows]
        targets.append(known[rows])
        weights.append(weight[rows])
        complete.append(np.full(len(rows), whole))
    return HeadRows(
        x=reader.features(texts),
        y=torch.from_numpy(np.concatenate(targets)),
        weights=torch.from_numpy(np.concatenate(weights)),
        complete=torch.from_numpy(np.concatenate(complete)),
    )


def _draw(rows: HeadRows) -> torch.Tensor:
    """``ROWS`` of them, half complete where there are both kinds."""
    halves = [kind.nonzero().flatten() for kind in (rows.complete, ~rows.complete)]
    parts = [part for part in halves if len(part)]
    size = ROWS // len(parts)
    return torch.cat([part[torch.randint(len(part), (size,))] for part in parts])


def _fit(head: Head, layer: nn.Linear, rows: HeadRows, dev: HeadRows, *, seed: int) -> nn.Linear:
    """The layer of the round with the lowest dev loss, the given one included."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=0.01)
    best, lowest, worse = copy.deepcopy(layer), _loss(head, layer, dev), 0
    for _ in range(ROUNDS):
        for _ in range(STEPS_PER_ROUND):
            at = _draw(rows)
            seen = nn.functional.dropout(rows.x[at], NOISE)
            loss = (row_losses(head, layer(seen), rows.y[at]) * rows.weights[at]).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        worse += 1
        if (found := _loss(head, layer, dev)) < lowest:
            best, lowest, worse = copy.deepcopy(layer), found, 0
        if worse >= PATIENCE:
            break
    return best


def _loss(head: Head, layer: nn.Linear, rows: HeadRows) -> float:
    """Mean over the complete rows and over the others, each half."""
    with torch.no_grad():
        each = row_losses(head, layer(rows.x), rows.y) * rows.weights
    parts = [each[rows.complete], each[~rows.complete]]
    return float(np.mean([part.mean().item() for part in parts if len(part)]))
