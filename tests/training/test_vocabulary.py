"""The base's pieces, and the cut vocabulary with emotes that is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.tiny import PIECES, write_tokenizer_json
from training.base import SPECIAL, Pieces, load_encoder, read_pieces
from training.errors import TrainingError
from training.vocabulary import Vocabulary, build_vocabulary

TEXTS = ["好好饭[捂脸]", "好车[捂脸]", "[哭]哭", "ab饭"]


def build(*, pieces: int = 2, emotes: int = 2) -> Vocabulary:
    return build_vocabulary(Pieces(PIECES), TEXTS, min_piece_count=pieces, min_emote_count=emotes)


def test_build_vocabulary_keeps_frequent_pieces_in_base_order() -> None:
    vocabulary = build()
    assert vocabulary.pieces.names[:5] == SPECIAL
    kept = [p for p in vocabulary.pieces.names[5:] if p not in "ab##a##b，。！"]
    assert kept == ["好", "饭", "捂", "脸", "哭"]  # 车 and 龘 come too seldom


def test_build_vocabulary_always_keeps_letters_and_punctuation() -> None:
    assert {"a", "b", "##a", "##b", "，", "！"} <= set(build(pieces=99).pieces.names)


def test_build_vocabulary_emotes_start_from_the_mean_of_their_name() -> None:
    vocabulary = build()
    base = torch.arange(len(PIECES) * 3.0).reshape(-1, 3)
    rows = vocabulary.embedding(base)
    assert vocabulary.emotes == ("[捂脸]",)
    assert rows.shape == (len(vocabulary.pieces.names) + 1, 3)
    torch.testing.assert_close(rows[-1], base[[PIECES.index("捂"), PIECES.index("脸")]].mean(0))
    for piece, row in zip(vocabulary.pieces.names, rows, strict=False):
        torch.testing.assert_close(row, base[PIECES.index(piece)])


def test_build_vocabulary_unknown_emote_starts_from_unk() -> None:
    texts = ["[狗头]"]
    vocabulary = build_vocabulary(Pieces(PIECES), texts, min_piece_count=1, min_emote_count=1)
    assert set(vocabulary.origins[-1]) == {PIECES.index("[UNK]")}


def test_tokenizer_reads_an_emote_as_one_piece() -> None:
    vocabulary = build()
    tokens = vocabulary.tokenizer().encode("好[捂脸]ab龘", add_special_tokens=False).tokens
    assert tokens == ["好", "[捂脸]", "a", "##b", "[UNK]"]


def test_tokenizer_ids_are_the_embedding_rows() -> None:
    vocabulary = build()
    tokenizer = vocabulary.tokenizer()
    names = (*vocabulary.pieces.names, *vocabulary.emotes)
    assert [tokenizer.token_to_id(name) for name in names] == list(range(len(names)))


def test_read_pieces_from_vocab_txt(base: Path) -> None:
    assert read_pieces(base).names == PIECES


def test_read_pieces_from_tokenizer_json_in_id_order(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path)
    assert read_pieces(str(tmp_path)).names == PIECES


def test_read_pieces_other_tokenizer_raises(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path, kind="BPE")
    with pytest.raises(TrainingError, match="WordPiece or Unigram vocabulary, found BPE"):
        read_pieces(tmp_path)


def test_read_pieces_no_vocabulary_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected vocab\.txt or tokenizer\.json"):
        read_pieces(tmp_path)


def test_read_pieces_without_special_token_raises(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n好\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"found no \['\[MASK\]'\]"):
        read_pieces(tmp_path)


def test_load_encoder_has_neither_pooler_nor_dropout(base: Path) -> None:
    encoder = load_encoder(base)
    assert getattr(encoder, "pooler", None) is None
    assert encoder.config.hidden_dropout_prob == encoder.config.attention_probs_dropout_prob == 0


def test_load_encoder_empty_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected a base encoder"):
        load_encoder(tmp_path)


def write_unigram(folder: Path) -> Path:
    """A SentencePiece Unigram vocabulary under its own names of the special pieces."""
    special = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    scored = [["▁", -2.0], ["好", -3.0], ["好喝", -4.0], ["喝", -3.5], ["龘", -9.0], ["▁a", -5.0]]
    content = {
        "added_tokens": [{"id": 10, "content": "<mask>"}],
        "model": {"type": "Unigram", "vocab": [*special, *scored]},
    }
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_unigram_vocabulary_is_cut_and_renumbered(tmp_path: Path) -> None:
    base = read_pieces(write_unigram(tmp_path))
    assert base.names[:4] == ("[CLS]", "[PAD]", "[SEP]", "[UNK]") and base.names[10] == "[MASK]"
    texts = ["好喝", "好[捂脸]", "a好"]
    vocabulary = build_vocabulary(base, texts, min_piece_count=1, min_emote_count=1)
    assert vocabulary.pieces.names[:5] == SPECIAL and "龘" not in vocabulary.pieces.names
    tokenizer = vocabulary.tokenizer()
    assert tokenizer.encode("好喝", add_special_tokens=False).tokens == ["▁", "好喝"]
    assert "[捂脸]" in tokenizer.encode("好[捂脸]", add_special_tokens=False).tokens
    rows = vocabulary.embedding(torch.arange(11.0).unsqueeze(1))
    assert rows[:5, 0].tolist() == [1.0, 0.0, 2.0, 10.0, 3.0]  # each special piece's own row
    at = tokenizer.token_to_id("好喝")
    assert rows[at, 0].item() == 6.0
