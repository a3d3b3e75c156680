"""The base's pieces, and the cut vocabulary with emotes that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.tiny import PIECES, write_tokenizer_json
from training.base import SPECIAL, load_encoder, read_pieces
from training.errors import TrainingError
from training.vocabulary import Vocabulary, build_vocabulary

TEXTS = ["好好饭[捂脸]", "好车[捂脸]", "[哭]哭", "ab饭"]


def build(*, pieces: int = 2, emotes: int = 2) -> Vocabulary:
    return build_vocabulary(PIECES, TEXTS, min_piece_count=pieces, min_emote_count=emotes)


def test_build_vocabulary_keeps_frequent_pieces_in_base_order() -> None:
    vocabulary = build()
    assert vocabulary.pieces[:5] == SPECIAL
    kept = [p for p in vocabulary.pieces[5:] if p not in "ab##a##b，。！"]
    assert kept == ["好", "饭", "捂", "脸", "哭"]  # 车 and 龘 come too seldom


def test_build_vocabulary_always_keeps_letters_and_punctuation() -> None:
    assert {"a", "b", "##a", "##b", "，", "！"} <= set(build(pieces=99).pieces)


def test_build_vocabulary_emotes_start_from_the_mean_of_their_name() -> None:
    vocabulary = build()
    base = torch.arange(len(PIECES) * 3.0).reshape(-1, 3)
    rows = vocabulary.embedding(base)
    assert vocabulary.emotes == ("[捂脸]",)
    assert rows.shape == (len(vocabulary.pieces) + 1, 3)
    torch.testing.assert_close(rows[-1], base[[PIECES.index("捂"), PIECES.index("脸")]].mean(0))
    for piece, row in zip(vocabulary.pieces, rows, strict=False):
        torch.testing.assert_close(row, base[PIECES.index(piece)])


def test_build_vocabulary_unknown_emote_starts_from_unk() -> None:
    texts = ["[狗头]"]
    vocabulary = build_vocabulary(PIECES, texts, min_piece_count=1, min_emote_count=1)
    assert set(vocabulary.origins[-1]) == {PIECES.index("[UNK]")}


def test_tokenizer_reads_an_emote_as_one_piece() -> None:
    vocabulary = build()
    tokens = vocabulary.tokenizer().encode("好[捂脸]ab龘", add_special_tokens=False).tokens
    assert tokens == ["好", "[捂脸]", "a", "##b", "[UNK]"]


def test_tokenizer_ids_are_the_embedding_rows() -> None:
    vocabulary = build()
    tokenizer = vocabulary.tokenizer()
    names = (*vocabulary.pieces, *vocabulary.emotes)
    assert [tokenizer.token_to_id(name) for name in names] == list(range(len(names)))


def test_read_pieces_from_vocab_txt(base: Path) -> None:
    assert tuple(read_pieces(base)) == PIECES


def test_read_pieces_from_tokenizer_json_in_id_order(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path)
    assert tuple(read_pieces(str(tmp_path))) == PIECES


def test_read_pieces_other_tokenizer_raises(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path, kind="Unigram")
    with pytest.raises(TrainingError, match="expected a WordPiece vocabulary, found Unigram"):
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
