"""Domain adaptation: masked language modelling on unlabelled comments, before any label is seen.

A recipe with ``mask_share`` is such a stage (Gururangan et al. 2020). Of the chosen tokens 80 %
become [MASK], 10 % another one, 10 % stay (Devlin et al. 2019). The network predicts them through
its own embedding; the run's encoder is what the next recipe starts from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import torch
from torch import nn

from training.batches import Pool, TrainBatch
from training.modeling import CommentModel
from training.recipe import Recipe
from training.trainer import Trainer

KEPT, MASKED = 0.1, 0.8  # of the chosen tokens; the rest become another token
NOT_CHOSEN: Final = -100  # what cross-entropy leaves out


class MaskedTrainer(Trainer):
    """Trains the encoder on its own texts; the heads stay as they are."""

    def __init__(
        self, recipe: Recipe, model: CommentModel, pool: Pool, run_dir: Path, *, mask_id: int
    ) -> None:
        super().__init__(recipe, model, pool, run_dir)
        self._mask_id = mask_id

    def _loss(self, batch: TrainBatch) -> torch.Tensor:
        ids, wanted = mask(
            batch.ids, batch.mask, share=self.recipe.mask_share, mask_id=self._mask_id
        )
        embedding = cast(nn.Embedding, self.model.encoder.get_input_embeddings()).weight
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.model.encoder(input_ids=ids, attention_mask=batch.mask).last_hidden_state
            chosen = wanted != NOT_CHOSEN
            logits = hidden[chosen] @ embedding.T
        return nn.functional.cross_entropy(logits.float(), wanted[chosen])


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
