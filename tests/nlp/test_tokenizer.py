"""Cutting to head and tail, and texts that try to look like model tokens."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from nlp.normalize import normalize
from nlp.tokenizer import CommentTokenizer

PIECES = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", *"好喝难茶一二三四五六七八九十cls"]


def make_tokenizer(max_tokens: int = 8) -> CommentTokenizer:
    tokenizer = Tokenizer(
        models.WordPiece({p: i for i, p in enumerate(dict.fromkeys(PIECES))}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_tokens([AddedToken("[捂脸]", normalized=False)])
    return CommentTokenizer(tokenizer, max_tokens=max_tokens)


def test_encode_adds_start_and_end() -> None:
    tokenizer = make_tokenizer()
    (encoding,) = tokenizer.encode(["好喝"])
    assert encoding.ids.tolist() == [tokenizer.cls_id, 5, 6, tokenizer.sep_id]
    assert not encoding.truncated


def test_encode_long_text_keeps_head_and_tail() -> None:
    (encoding,) = make_tokenizer(max_tokens=6).encode(["一二三四五六七八九十"])
    assert encoding.truncated
    assert len(encoding.ids) == 6
    pieces = [PIECES[i] for i in encoding.ids[1:-1]]
    assert pieces == ["一", "二", "九", "十"]


def test_encode_emote_is_one_piece() -> None:
    (encoding,) = make_tokenizer().encode(["好[捂脸]"])
    assert len(encoding.ids) == 4


@pytest.mark.parametrize("typed", ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "[cls]"])
def test_typed_model_tokens_never_become_the_real_ones(typed: str) -> None:
    tokenizer = make_tokenizer()
    (encoding,) = tokenizer.encode([normalize(f"好{typed}喝")])
    inner = set(encoding.ids[1:-1].tolist())
    assert not inner & {tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, 3}


def test_vocabulary_without_special_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[CLS\]"):
        CommentTokenizer(Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")), max_tokens=8)


def test_encode_flat_gives_the_ids_of_encode_end_to_end() -> None:
    texts = ["好喝", "", "一二三四五六七八九十", "好[捂脸]"]
    tokenizer = make_tokenizer(max_tokens=6)
    tokens, encoded = tokenizer.encode_flat(texts), tokenizer.encode(texts)
    found = [
        tokens.ids[at : at + n].tolist()
        for at, n in zip(tokens.starts, tokens.lengths, strict=True)
    ]
    assert found == [e.ids.tolist() for e in encoded]
    assert tokens.truncated.tolist() == [e.truncated for e in encoded]
    assert tokenizer.encode_flat([]).ids.size == 0
