"""The network: any encoder, [CLS] and mean of its last layer, one linear layer for all heads."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from nlp.heads import HEADS, OUTPUT_SIZE, Head, output_slices

SLICES = output_slices()


class CommentModel(nn.Module):
    """``forward(ids, mask) -> logits``: (rows, tokens) twice in, (rows, OUTPUT_SIZE) out."""

    def __init__(self, encoder: PreTrainedModel, *, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(2 * encoder.config.hidden_size, OUTPUT_SIZE)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits of all heads side by side, as ``output_slices`` says."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        logits: torch.Tensor = self.heads(self.dropout(torch.cat([hidden[:, 0], mean], dim=-1)))
        return logits


def loss_of(
    logits: torch.Tensor, targets: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Mean over rows of the weighted sum over heads of what each head can learn from its row.

    Exclusive heads: -log of the probability of the allowed classes among the supported ones.
    The others: binary cross-entropy summed over the labels that are known.
    """
    total = logits.new_zeros((), dtype=torch.float32)
    for head in HEADS:
        rows = _row_losses(head, logits[:, SLICES[head.name]].float(), targets[head.name])
        total = total + (rows * weights[head.name]).sum()
    return total / logits.shape[0]


def _row_losses(head: Head, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    known = target >= 0
    if head.exclusive:
        support = logits.masked_fill(~known, -1e4).logsumexp(-1)
        allowed = logits.masked_fill(target != 1, -1e4).logsumexp(-1)
        return support - allowed
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, target.clamp(min=0).float(), reduction="none"
    )
    return (each * known).sum(-1)
