"""Logits of the torch model for normalised texts; the slow reference of the exported engines."""

from __future__ import annotations

import numpy as np
import torch

from nlp.batching import fill, plan_batches
from nlp.scorer import Floats
from nlp.tokenizer import CommentTokenizer
from training.modeling import CommentModel


def predict(
    model: CommentModel, texts: list[str], tokenizer: CommentTokenizer, *, autocast: bool = True
) -> Floats:
    """(texts, model.outputs) logits in input order; bf16 with ``autocast``, else float32."""
    model.eval()
    device = next(model.parameters()).device
    ids = [e.ids for e in tokenizer.encode(texts)]
    logits = np.zeros((len(ids), model.outputs), dtype=np.float32)
    for batch in plan_batches(np.array([len(i) for i in ids], dtype=np.int64)):
        padded = torch.from_numpy(fill(ids, batch, tokenizer.pad_id)).to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, autocast):
            found = model(padded, (padded != tokenizer.pad_id).long())
        logits[batch.rows] = found[: len(batch.rows)].float().cpu().numpy()
    return logits
