"""Distillation: what one or several larger teachers say of every text, learnt beside the labels.

Teachers are finished runs, each with its own vocabulary. Their probabilities are averaged, kept in
the run folder, and learnt for labelled and unlabelled texts alike (Hinton et al. 2015; the dumps'
comments are the transfer set).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer

from nlp.artifact import TOKENIZER_FILE
from nlp.decode import sigmoid, softmax
from nlp.heads import HEADS
from nlp.scorer import Floats
from nlp.tokenizer import CommentTokenizer
from training.modeling import SLICES
from training.predict import predict
from training.recipe import recipe_from_record
from training.record import read_record
from training.runs import load_run

SOFT_FILE: Final = "teachers.npz"


def soft_labels(
    teachers: Sequence[Path], texts: list[str], run_dir: Path, temperature: float
) -> Floats:
    """(texts, OUTPUT_SIZE) mean probabilities at this temperature; kept for when a run resumes."""
    key = hashlib.sha256("\n".join([*map(str, teachers), str(temperature), *texts]).encode())
    kept = run_dir / SOFT_FILE
    if kept.is_file():
        with np.load(kept) as stored:
            if str(stored["key"]) == key.hexdigest():
                return np.asarray(stored["p"], dtype=np.float32)
    p = np.mean([_probabilities(run, texts, temperature) for run in teachers], axis=0)
    np.savez(kept, p=p.astype(np.float16), key=key.hexdigest())
    return np.asarray(p, dtype=np.float32)


def _probabilities(run: Path, texts: list[str], temperature: float) -> Floats:
    recipe = recipe_from_record(read_record(run)["recipe"])
    pieces = Tokenizer.from_file(str(run / TOKENIZER_FILE))
    model = load_run(run, recipe)
    if torch.cuda.is_available():
        model = model.cuda()
    logits = predict(model, texts, CommentTokenizer(pieces, max_tokens=recipe.max_tokens))
    heads = [
        (softmax if head.exclusive else sigmoid)(logits[:, SLICES[head.name]] / temperature)
        for head in HEADS
    ]
    return np.concatenate(heads, axis=1)
