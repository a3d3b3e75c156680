"""The base encoder: a local folder or a name on the Hugging Face hub; its network and its pieces.

The hub is asked by ``transformers`` alone, which keeps what it fetched and obeys
``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils.hub import cached_file

from training.errors import TrainingError

_POOLED: Final = ("bert", "ernie", "roberta")  # architectures that add a pooler unless told not to
_DROPOUTS: Final = ("hidden_dropout_prob", "attention_probs_dropout_prob")
_SENTENCEPIECE: Final = {
    "<pad>": "[PAD]", "<s>": "[CLS]", "</s>": "[SEP]", "<mask>": "[MASK]", "<unk>": "[UNK]"
}  # fmt: skip
SPECIAL: Final = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]")


class Pieces(NamedTuple):
    """A base's pieces in id order, special ones under our names; ``scores`` are a Unigram's."""

    names: tuple[str, ...]
    scores: tuple[float, ...] | None = None  # log probabilities; None: WordPiece


def load_encoder(base: str | Path) -> PreTrainedModel:
    """The encoder without its pooler or task head, in float32, without inner dropout.

    Eager attention: on a CPU its backward pass is 1.5 times as fast as the fused kernel's.

    Raises:
        TrainingError: neither a folder nor a hub name that can be read.
    """
    try:
        config = AutoConfig.from_pretrained(str(base))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"expected a base encoder, a folder or a hub name, found {str(base)!r}: {error}; "
            "name another with --base"
        ) from error
    for name in _DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    model = AutoModel.from_pretrained(
        str(base),
        config=config,
        dtype=torch.float32,
        attn_implementation="eager",
        **pooling_option(config.model_type),
    )
    return cast(PreTrainedModel, model)


def encoder_from_config(config: dict[str, Any]) -> PreTrainedModel:
    """An encoder of the same build as ``load_encoder`` gives, with random weights."""
    full = AutoConfig.for_model(**config)
    build = cast(Any, AutoModel).from_config
    model = build(full, attn_implementation="eager", **pooling_option(full.model_type))
    return cast(PreTrainedModel, model)


def pooling_option(model_type: str) -> dict[str, bool]:
    """The argument that leaves the pooler out where there is one: the heads read the last layer."""
    return {"add_pooling_layer": False} if model_type in _POOLED else {}


def read_pieces(base: str | Path) -> Pieces:
    """The vocabulary in id order, from ``vocab.txt`` or else ``tokenizer.json``.

    Raises:
        TrainingError: neither file is there, it is neither a WordPiece nor a Unigram vocabulary, or
            it lacks one of ``SPECIAL``.
    """
    if (file := _base_file(base, "vocab.txt")) is not None:
        pieces = Pieces(tuple(file.read_text(encoding="utf-8").removesuffix("\n").split("\n")))
    elif (file := _base_file(base, "tokenizer.json")) is not None:
        pieces = _pieces_of_tokenizer(file)
    else:
        raise TrainingError(
            f"expected vocab.txt or tokenizer.json at the base encoder {str(base)!r}, found "
            "neither (or the hub is out of reach); name a folder or a hub model that has one"
        )
    missing = [token for token in SPECIAL if token not in pieces.names]
    if missing:
        raise TrainingError(
            f"{file}: expected the pieces {SPECIAL}, found no {missing}; take a BERT-like base"
        )
    return pieces


def _pieces_of_tokenizer(file: Path) -> Pieces:
    content = json.loads(file.read_text(encoding="utf-8"))
    model = content["model"]
    if model.get("type") == "WordPiece":
        vocab: dict[str, int] = model["vocab"]
        return Pieces(tuple(sorted(vocab, key=vocab.__getitem__)))
    if model.get("type") == "Unigram":
        added = [t for t in content.get("added_tokens", []) if t["id"] >= len(model["vocab"])]
        scored = [*model["vocab"], *([t["content"], 0.0] for t in added)]
        names = tuple(_SENTENCEPIECE.get(name, name) for name, _ in scored)
        return Pieces(names, tuple(score for _, score in scored))
    raise TrainingError(
        f"{file}: expected a WordPiece or Unigram vocabulary, found {model.get('type')}; "
        "take a BERT-like base"
    )


def _base_file(base: str | Path, name: str) -> Path | None:
    try:
        found = cached_file(str(base), name)
    except OSError:  # what transformers raises for a file that is not there
        return None
    return None if found is None else Path(found)
