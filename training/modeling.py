"""The network: any encoder, [CLS] and mean of its last layer, one linear layer for all heads.

Beside them ``auxiliary``: sources' own classes, which teach the encoder and are not shipped; and
``wide``: n-grams whose logits are added, see ``training.wide``.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from transformers import PreTrainedModel

from nlp.heads import HEADS, OUTPUT_SIZE, Head, output_slices
from training.ngrams import NGrams

SLICES = output_slices()
TINY: Final = 1e-6
RANK_WEIGHT: Final = 0.5  # of a topic's rank among the topics, beside its own probability
RARE_BIAS: Final = -3.0  # a probability of 0.05 before anything is learnt
OWN_WEIGHT: Final = 0.7  # a source's own classes, beside what the same row tells a shipped head


class CommentModel(nn.Module):
    """``forward(ids, mask) -> logits``: (rows, tokens) twice in, (rows, OUTPUT_SIZE) out.

    With ``auxiliary`` classes the row is longer by their number, after the heads.
    """

    def __init__(self, encoder: PreTrainedModel, *, dropout: float, auxiliary: int = 0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        width = 2 * encoder.config.hidden_size
        self.heads = nn.Linear(width, OUTPUT_SIZE)
        self.auxiliary = nn.Linear(width, auxiliary) if auxiliary else None
        self.wide: NGrams | None = None
        for head in HEADS:
            if not head.exclusive:  # most labels of these hold rarely
                nn.init.constant_(self.heads.bias.data[SLICES[head.name]], RARE_BIAS)

    @property
    def outputs(self) -> int:
        """Length of one row of logits."""
        own = self.auxiliary.out_features if self.auxiliary is not None else 0
        return self.heads.out_features + own

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits of all heads side by side, as ``output_slices`` says, then the auxiliary ones."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        pooled = self.dropout(torch.cat([hidden[:, 0], mean], dim=-1))
        logits: torch.Tensor = self.heads(pooled)
        if self.wide is not None:
            logits = logits + self.wide(ids, mask)
        if self.auxiliary is None:
            return logits
        return torch.cat([logits, self.auxiliary(pooled)], dim=-1)


def loss_of(
    logits: torch.Tensor,
    targets: dict[str, torch.Tensor],
    weights: dict[str, torch.Tensor],
    own: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean over rows of the weighted sum over heads of what each head can learn from its row.

    Exclusive heads: -log of the probability of the allowed classes among the supported ones.
    The others: binary cross-entropy summed over the labels that are known; topics, of which the
    first is shown, also learn to come before the others.
    ``own`` (rows, 3): a row's class among its source's own and where those start and end in the
    auxiliary outputs; -1 without one. Their loss is cross-entropy, with ``OWN_WEIGHT``.
    """
    total = logits.new_zeros((), dtype=torch.float32)
    for head in HEADS:
        rows = row_losses(head, logits[:, SLICES[head.name]].float(), targets[head.name])
        total = total + (rows * weights[head.name]).sum()
    if own is not None:
        total = total + OWN_WEIGHT * _own_losses(logits[:, OUTPUT_SIZE:].float(), own)
    return total / logits.shape[0]


def _own_losses(logits: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Sum over the rows that have a class of their source's own."""
    rows = own[:, 0] >= 0
    logits, (label, start, end) = logits[rows], own[rows].T.unsqueeze(-1)
    at = torch.arange(logits.shape[1], device=logits.device)
    support = logits.masked_fill((at < start) | (at >= end), -1e4).logsumexp(-1)
    return (support - logits.gather(1, start + label).squeeze(-1)).sum()


def row_losses(head: Head, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(rows,): what one head can learn from each row; see ``loss_of``."""
    known = target >= 0
    support = logits.masked_fill(~known, -1e4).logsumexp(-1)
    allowed = logits.masked_fill(target != 1, -1e4).logsumexp(-1)
    if head.exclusive:
        return support - allowed
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, target.clamp(min=0).float(), reduction="none"
    )
    loss = (each * known).sum(-1)
    if head.name == "interest":  # which topic comes first counts, too
        loss = loss + RANK_WEIGHT * (support - allowed) * (target == 1).any(-1)
    return loss


def distillation_loss(logits: torch.Tensor, soft: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean over rows of the divergence from the teachers' probabilities, summed over the heads.

    ``logits`` and ``soft`` are (rows, OUTPUT_SIZE). 0 when the student says what the teachers say;
    scaled by the squared temperature, so that the gradients keep their size.
    """
    total = logits.new_zeros((), dtype=torch.float32)
    for head in HEADS:
        student = logits[:, SLICES[head.name]].float() / temperature
        teacher = soft[:, SLICES[head.name]].float().clamp(TINY, 1 - TINY)
        if head.exclusive:
            each = nn.functional.kl_div(student.log_softmax(-1), teacher, reduction="none")
        else:
            each = nn.functional.binary_cross_entropy_with_logits(
                student, teacher, reduction="none"
            )
            each = each + teacher * teacher.log() + (1 - teacher) * (1 - teacher).log()
        total = total + each.sum()
    return total * temperature**2 / len(logits)
