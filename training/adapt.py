"""Domain adaptation: masked language modelling on unlabelled comments, before any label is seen.

A recipe with ``mask_share`` is such a stage (Gururangan et al. 2020). The network predicts
the hidden tokens through its own embedding; the run's encoder is what the next recipe starts from.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from training.batches import TrainBatch
from training.masking import NOT_CHOSEN, mask
from training.trainer import Trainer


class MaskedTrainer(Trainer):
    """Trains the encoder on its own texts; the heads stay as they are."""

    def _loss(self, batch: TrainBatch) -> torch.Tensor:
        ids, wanted = mask(
            batch.ids, batch.mask, share=self.recipe.mask_share, mask_id=self.mask_id
        )
        embedding = cast(nn.Embedding, self.model.encoder.get_input_embeddings()).weight
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.model.encoder(input_ids=ids, attention_mask=batch.mask).last_hidden_state
            chosen = wanted != NOT_CHOSEN
            logits = hidden[chosen] @ embedding.T
        return nn.functional.cross_entropy(logits.float(), wanted[chosen])
