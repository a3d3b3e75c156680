"""Logits of the torch model for a list of normalised texts; the slow reference of the exported engines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from nlp.heads import OUTPUT_SIZE
from nlp.tokenizer import CommentTokenizer
from training.modeling import CommentModel


def predict(
    model: CommentModel,
    texts: list[str],
    tokenizer: CommentTokenizer,
    *,
    tokens_per_batch: int = 4096,
    autocast: bool = True,
) -> npt.NDArray[np.float32]:
    """(texts, OUTPUT_SIZE) logits in input order; bf16 with ``autocast``, else float32."""
    model.eval()
    ids = [e.ids for e in tokenizer.encode(texts)]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = np.zeros((len(ids), OUTPUT_SIZE), dtype=np.float32)
    start = 0
    while start < len(order):
        size = max(1, tokens_per_batch // max(8, len(ids[order[min(start + 255, len(order) - 1)]])))
        rows = order[start : start + min(size, 256)]
        width = max(len(ids[i]) for i in rows)
        batch = np.full((len(rows), width), tokenizer.pad_id, dtype=np.int64)
        for j, i in enumerate(rows):
            batch[j, : len(ids[i])] = ids[i]
        tensor = torch.from_numpy(batch)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            logits = model(tensor, (tensor != tokenizer.pad_id).long())
        out[rows] = logits.float().numpy()
        start += len(rows)
    return out
