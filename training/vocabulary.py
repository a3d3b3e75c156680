"""A base encoder's vocabulary, cut to the pieces that comments use, with emotes as new pieces.

A 40,000-row embedding is two thirds of a small model; comments use a third of the rows. An emote
such as [捂脸] becomes one piece instead of four, starting from the mean of the pieces of its name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

import torch
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from training.base import SPECIAL, Pieces

CHUNK: Final = 5_000  # texts tokenized at once
_EMOTE = re.compile(r"\[[\w·]{1,12}\]")
_ALWAYS = re.compile(r"[!-~]|##[a-z0-9]|[\u3000-\u303f\uff00-\uff65]")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """``pieces`` in id order; ``origins[i]`` are the base ids whose mean starts embedding row i."""

    pieces: Pieces
    emotes: tuple[str, ...]
    origins: tuple[tuple[int, ...], ...]

    def tokenizer(self) -> Tokenizer:
        """A fast tokenizer for normalised text over these pieces and emotes."""
        tokenizer = _tokenizer(self.pieces)
        tokenizer.add_tokens([AddedToken(e, normalized=False) for e in self.emotes])
        return tokenizer

    def embedding(self, base: torch.Tensor) -> torch.Tensor:
        """The starting embedding, (pieces + emotes, hidden), from (base pieces, hidden)."""
        return torch.stack([base[list(ids)].mean(0) for ids in self.origins])


def build_vocabulary(
    base: Pieces, texts: Iterable[str], *, min_piece_count: int, min_emote_count: int
) -> Vocabulary:
    """The base's pieces and the emotes that occur this often in normalised texts.

    Special tokens, ASCII and full-width punctuation always stay. The special tokens come first.
    """
    tokenizer = _tokenizer(base)
    pieces, emotes = _count(tokenizer, texts)
    base_ids = {piece: i for i, piece in enumerate(base.names)}
    kept = [
        piece
        for piece, i in base_ids.items()
        if piece not in SPECIAL and (pieces[i] >= min_piece_count or _ALWAYS.fullmatch(piece))
    ]
    names = sorted(e for e, n in emotes.items() if n >= min_emote_count)
    names = [name for name in names if name.upper() not in SPECIAL]
    origins: list[tuple[int, ...]] = [(base_ids[p],) for p in (*SPECIAL, *kept)]
    origins += [_emote_origin(tokenizer, name, base_ids["[UNK]"]) for name in names]
    found = (*SPECIAL, *kept)
    scores = None if base.scores is None else tuple(base.scores[base_ids[p]] for p in found)
    return Vocabulary(pieces=Pieces(found, scores), emotes=tuple(names), origins=tuple(origins))


def _count(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[Counter[int], Counter[str]]:
    pieces: Counter[int] = Counter()
    emotes: Counter[str] = Counter()
    for chunk in _chunks(texts):
        for text in chunk:
            emotes.update(_EMOTE.findall(text))
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            pieces.update(encoding.ids)
    return pieces, emotes


def _emote_origin(tokenizer: Tokenizer, name: str, unknown: int) -> tuple[int, ...]:
    ids = tokenizer.encode(name[1:-1], add_special_tokens=False).ids
    return tuple(ids) or (unknown,)


def _tokenizer(pieces: Pieces) -> Tokenizer:
    return _wordpiece(pieces.names) if pieces.scores is None else _unigram(pieces)


def _unigram(pieces: Pieces) -> Tokenizer:
    """SentencePiece's Unigram over already normalised text; a blank before the text is its own."""
    vocab = list(zip(pieces.names, cast(tuple[float, ...], pieces.scores), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=pieces.names.index("[UNK]")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return tokenizer


def _wordpiece(pieces: Iterable[str]) -> Tokenizer:
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=60))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    left = iter(texts)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
