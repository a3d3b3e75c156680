"""The loss and the network, against figures worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from nlp.heads import HEADS, OUTPUT_SIZE
from training.base import load_encoder
from training.modeling import SLICES, CommentModel, loss_of


def zeros() -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """One row of zero logits that teaches nothing."""
    targets = {h.name: torch.full((1, len(h.labels)), -1, dtype=torch.int8) for h in HEADS}
    return torch.zeros(1, OUTPUT_SIZE), targets, {h.name: torch.zeros(1) for h in HEADS}


def test_loss_of_nothing_known_is_zero() -> None:
    assert loss_of(*zeros()).item() == 0.0


def test_loss_of_exclusive_head_looks_at_supported_classes_only() -> None:
    logits, targets, weights = zeros()
    logits[0, :3] = torch.tensor([0.0, 9.0, math.log(3)])  # neutral's 9 must not count
    targets["sentiment"][0] = torch.tensor([0, -1, 1])
    weights["sentiment"][:] = 2.0
    expected = 2.0 * math.log(4 / 3)  # p(positive) = 3/4
    assert loss_of(logits, targets, weights).item() == pytest.approx(expected, rel=1e-5)


def test_loss_of_set_valued_label_sums_its_classes() -> None:
    logits, targets, weights = zeros()
    targets["emotion"][0] = torch.tensor([0, 0, -1, 1, 1, -1, -1, -1])  # two of four, all equal
    weights["emotion"][:] = 1.0
    assert loss_of(logits, targets, weights).item() == pytest.approx(math.log(2), rel=1e-5)


def test_loss_of_sigmoid_head_leaves_unknown_labels_out() -> None:
    logits, targets, weights = zeros()
    logits[0, SLICES["flags"]] = torch.tensor([5.0, -5.0, 5.0, math.log(3), math.log(3), 5.0])
    targets["flags"][0] = torch.tensor([-1, -1, -1, 1, 0, -1])
    weights["flags"][:] = 0.5
    expected = 0.5 * (math.log(4 / 3) + math.log(4))  # p = 3/4, once right and once wrong
    assert loss_of(logits, targets, weights).item() == pytest.approx(expected, rel=1e-5)


def test_loss_of_unknown_labels_get_no_gradient() -> None:
    logits, targets, weights = zeros()
    logits.requires_grad_()
    targets["sentiment"][0] = torch.tensor([0, -1, 1])
    targets["flags"][0, 3] = 1
    weights["sentiment"][:] = weights["flags"][:] = 1.0
    torch.autograd.backward(loss_of(logits, targets, weights))
    assert logits.grad is not None
    pushed = np.flatnonzero(logits.grad[0].numpy())
    assert pushed.tolist() == [0, 2, SLICES["flags"].start + 3]


def test_loss_of_is_the_mean_over_rows() -> None:
    logits, targets, weights = zeros()
    targets["sentiment"][0] = torch.tensor([1, 0, 0])
    weights["sentiment"][:] = 1.0
    one = loss_of(logits, targets, weights)
    double = [
        {k: v.repeat(2, *[1] * (v.ndim - 1)) for k, v in d.items()} for d in (targets, weights)
    ]
    double[1]["sentiment"][1] = 0.0
    assert loss_of(logits.repeat(2, 1), *double).item() == pytest.approx(one.item() / 2)


def test_forward_does_not_see_padding(base: Path) -> None:
    model = CommentModel(load_encoder(base), dropout=0.5).eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    padded = torch.tensor([[2, 5, 6, 3, 0, 0, 0]])
    with torch.no_grad():
        short = model(ids, torch.ones_like(ids))
        long = model(padded, (padded != 0).long())
    assert short.shape == (1, OUTPUT_SIZE)
    torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-4)
