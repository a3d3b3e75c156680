"""Tokens hidden from the network: to predict them, or to learn labels from what is left of a text.

Of the chosen tokens 80 % become [MASK], 10 % another one, 10 % stay (Devlin et al. 2019).
"""

from __future__ import annotations

from typing import Final

import torch

KEPT, MASKED = 0.1, 0.8  # of the chosen tokens; the rest become another token
NOT_CHOSEN: Final = -100  # what cross-entropy leaves out


def mask(
    ids: torch.Tensor, known: torch.Tensor, *, share: float, mask_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids to read and the ids to predict, both (rows, tokens); at least one in each batch.

    The first and the last token of a row, [CLS] and [SEP], are never chosen.
    """
    before, after = torch.cumsum(known, 1), torch.cumsum(known.flip(1), 1).flip(1)
    inner = known.bool() & (before > 1) & (after > 1)
    draw = torch.rand(ids.shape, device=ids.device)
    chosen = inner & (draw < share)
    if not chosen.any():
        chosen = inner & (draw == draw[inner].min()) if inner.any() else known.bool()
    how = torch.rand(ids.shape, device=ids.device)
    other = ids.flatten()[torch.randint(ids.numel(), ids.shape, device=ids.device)]
    read = torch.where(chosen & (how < MASKED), torch.full_like(ids, mask_id), ids)
    read = torch.where(chosen & (how >= MASKED + KEPT), other, read)
    return read, torch.where(chosen, ids, torch.full_like(ids, NOT_CHOSEN))
