"""Multi-task fine-tuning of one encoder on all sources of a recipe: ``tingfeng train``.

The run folder says what was trained on what: ``run.json``, ``encoder.json``, ``tokenizer.json``,
``log.jsonl``, ``best.pt`` and the checkpoint from which a killed run goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import torch
from tokenizers import Tokenizer
from torch import nn

from nlp.artifact import MODEL_FILE, TOKENIZER_FILE
from nlp.tokenizer import CommentTokenizer
from training.adapt import MaskedTrainer
from training.average import average
from training.base import load_encoder, read_pieces
from training.batches import build_pool
from training.distill import soft_labels
from training.errors import TrainingError
from training.labelled import LabelledSet
from training.modeling import CommentModel
from training.recipe import Recipe
from training.record import check_same_recipe, write_record
from training.refit import refit
from training.reopen import reopen
from training.runs import ENCODER_FILE, OwnNames, load_last
from training.sources import load_sets, load_unlabelled, unlabelled_set
from training.trainer import Trainer
from training.vocabulary import Vocabulary, build_vocabulary
from training.wide import add_wide

FINISHED_FILE: Final = "finished"


def train(
    recipe: Recipe,
    *,
    data_dir: Path,
    run_dir: Path,
    base: str | Path | None = None,
    start: Path | None = None,
    resume: bool = True,
) -> Path:
    """The run folder; with ``resume`` a killed run goes on from its last checkpoint.

    ``base`` is a folder or a hub name, without it the recipe's. ``start`` is the run folder of the
    recipe that this one starts from, or a model folder. A finished run is left as it is.

    Raises:
        TrainingError: data, base or run folder do not fit the recipe.
    """
    base = base or recipe.base
    if resume:
        check_same_recipe(recipe, run_dir)
        if (run_dir / FINISHED_FILE).exists():
            return run_dir
    if (recipe.starts_from is None) != (start is None):
        raise TrainingError(
            f"{recipe.name}: expected the run of {recipe.starts_from} to start from, "
            f"found {start}; pass start exactly when the recipe names starts_from"
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    adapting = recipe.mask_share > 0
    labelled = load_sets(recipe, data_dir, split="train")
    dev_sets = [] if adapting else load_sets(recipe, data_dir, split="dev")
    train_sets = [] if adapting else labelled
    if recipe.unlabelled:
        train_sets = [*train_sets, unlabelled_set(recipe, data_dir)]
    if start is None:
        vocabulary = cut_vocabulary(recipe, labelled, data_dir, base)
        pieces = vocabulary.tokenizer()
    else:
        pieces = Tokenizer.from_file(str(start / TOKENIZER_FILE))
    tokenizer = CommentTokenizer(pieces, max_tokens=recipe.max_tokens)
    pool = build_pool(train_sets, tokenizer)
    if start is None:
        model = build_model(recipe, base, vocabulary, pool.auxiliary)
    elif (start / MODEL_FILE).is_file():
        model = reopen(start, dropout=recipe.dropout)
    else:
        model = load_last(start, recipe, pool.auxiliary)
    pieces.save(str(run_dir / TOKENIZER_FILE))
    (run_dir / ENCODER_FILE).write_text(model.encoder.config.to_json_string(), encoding="utf-8")
    write_record(recipe, train_sets, pieces, run_dir)
    if recipe.distill_teachers:
        texts = [text for part in train_sets for text in part.texts]
        teachers = [run_dir.with_name(name) for name in recipe.distill_teachers]
        pool.soft = soft_labels(teachers, texts, run_dir, recipe.distill_temperature)
    kind = MaskedTrainer if adapting else Trainer
    mask_id = cast(int, pieces.token_to_id("[MASK]"))
    trainer = kind(recipe, model, pool, run_dir, mask_id=mask_id)
    trainer.run(dev_sets, tokenizer, resume=resume)
    if recipe.average_with:
        average(recipe, run_dir, run_dir.with_name(recipe.average_with))
    if recipe.refit_heads:
        refit(recipe, run_dir, train_sets, dev_sets, tokenizer)
    if recipe.wide_bits:
        add_wide(recipe, run_dir, pool, dev_sets, tokenizer)
    (run_dir / FINISHED_FILE).touch()
    return run_dir


def cut_vocabulary(
    recipe: Recipe, train_sets: list[LabelledSet], data_dir: Path, base: str | Path
) -> Vocabulary:
    """The base's vocabulary, cut to what the training texts and the recipe's dumps use."""
    texts = [t for s in train_sets for t in s.texts]
    for folder in recipe.vocabulary_texts:
        texts += load_unlabelled(data_dir, folder)
    return build_vocabulary(
        read_pieces(base),
        texts,
        min_piece_count=recipe.min_piece_count,
        min_emote_count=recipe.min_emote_count,
    )


def build_model(
    recipe: Recipe, base: str | Path, vocabulary: Vocabulary, auxiliary: OwnNames
) -> CommentModel:
    """The base encoder with the cut vocabulary's embedding in place of its own.

    Raises:
        TrainingError: the base reads fewer tokens than the recipe asks for.
    """
    encoder = load_encoder(base)
    positions = encoder.config.max_position_embeddings
    if positions < recipe.max_tokens:
        raise TrainingError(
            f"{base}: expected a base that reads {recipe.max_tokens} tokens, found {positions}; "
            "lower max_tokens in the recipe"
        )
    old = cast(nn.Embedding, encoder.get_input_embeddings()).weight.data
    rows = vocabulary.embedding(old)
    new = nn.Embedding(rows.shape[0], rows.shape[1], padding_idx=0)
    new.weight.data.copy_(rows)
    encoder.set_input_embeddings(new)
    encoder.config.vocab_size = len(rows)
    outputs = sum(map(len, auxiliary.values()))
    return CommentModel(encoder, dropout=recipe.dropout, auxiliary=outputs)
