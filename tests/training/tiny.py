"""The smallest training that is still one: a one-layer BERT, 60 pieces, three labelled files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import BertConfig, BertModel

from nlp.heads import HEADS
from training.labelled import LabelledSet, blank_targets
from training.recipe import Recipe, recipe_from_record

GOOD, BAD, FOOD, AUTO = "好棒赞爱香", "差烂坏恨臭", "饭菜汤茶面", "车胎油挡轮"
FILLER = "的了是我你他很都就在这那有不"
PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *FOOD, *AUTO, *FILLER)
PIECES += ("，", "。", "！", "捂", "脸", "哭", "a", "b", "##a", "##b", "龘", "靐")


def write_base(folder: Path) -> Path:
    """A random BERT with ``vocab.txt``, as a user's local folder would hold it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return folder


def write_tokenizer_json(folder: Path, kind: str = "WordPiece") -> None:
    """``tokenizer.json`` in place of ``vocab.txt``, its entries out of order."""
    (folder / "vocab.txt").unlink(missing_ok=True)
    vocab = {piece: i for i, piece in reversed(list(enumerate(PIECES)))}
    content = {"model": {"type": kind, "vocab": vocab}}
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def write_sources(folder: Path, rows: int = 120) -> Path:
    """``reviews`` (polarity, category), ``moods``, ``chat`` (toxic or not): the words tell all."""
    rng = np.random.default_rng(7)
    reviews, moods, chat = [], [], []
    for i in range(rows):
        split, good, food = ("train", "train", "dev")[i % 3], bool(i & 1), bool(i & 2)
        words = _text(rng, GOOD if good else BAD, FOOD if food else AUTO)
        polarity, category = ("positive" if good else "negative"), ("food" if food else "car")
        reviews.append({"text": words, "split": split, "label": polarity, "category": category})
        mood = ("happy", "angry", "calm")[i // 3 % 3]
        words = _text(rng, {"happy": GOOD, "angry": BAD, "calm": FILLER}[mood])
        moods.append({"text": words, "split": split, "label": mood})
        words = _text(rng, BAD if good else FILLER)
        chat.append({"text": words, "split": split, "label": "bad" if good else "ok"})
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("reviews", reviews), ("moods", moods), ("chat", chat)):
        write_parquet(folder / f"{name}.parquet", table)
    return folder


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A labelled file."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def tiny_recipe(**changes: Any) -> Recipe:
    """A recipe over the three files, without the written corpus."""
    moods = {"happy": ["happiness", "like"], "angry": ["anger", "disgust"], "calm": "none"}
    sources = [
        {
            "file": "reviews.parquet",
            "heads": {
                "sentiment": {"labels": {"positive": "positive", "negative": "negative"}},
                "interest": {"column": "category", "labels": {"food": "food", "car": "auto"}},
            },
        },
        {"file": "moods.parquet", "heads": {"emotion": {"labels": moods}}},
        {
            "file": "chat.parquet",
            "heads": {"flags": {"labels": {"bad": {"toxic": 1}, "ok": {"toxic": 0}}}},
        },
    ]
    raw: dict[str, Any] = {
        "name": "tiny-test",
        "base": "tiny",
        "max_tokens": 32,
        "epochs": 4.0,
        "tokens_per_batch": 128,
        "learning_rate": 5e-3,
        "head_learning_rate": 2e-2,
        "layer_decay": 0.9,
        "weight_decay": 0.01,
        "warmup_share": 0.1,
        "dropout": 0.1,
        "seed": 5,
        "min_piece_count": 1,
        "min_emote_count": 2,
        "sources": sources,
    }
    return recipe_from_record(raw | changes)


def labelled(name: str = "set", rows: int = 3, **changes: Any) -> LabelledSet:
    """A set of short texts that teaches nothing yet; fill ``targets`` and ``weights``."""
    return LabelledSet(
        name=name,
        texts=[GOOD[i % 5] * (1 + i % 9) for i in range(rows)],
        targets={head.name: blank_targets(head, rows) for head in HEADS},
        weights={head.name: np.zeros(rows, dtype=np.float32) for head in HEADS},
        **changes,
    )


def _text(rng: np.random.Generator, *kinds: str) -> str:
    words = [str(rng.choice(list(kind))) for kind in kinds for _ in range(2)]
    words += [str(w) for w in rng.choice(list(FILLER), rng.integers(1, 9))]
    return "".join(rng.permutation(words))
