"""Normalised text to token ids, cut to what the model reads: the head and the tail of a longer
text.

A comment says what it is about at the start and what it thinks at the end, so the middle is what
goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

HEAD_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """Token ids of one text with [CLS] and [SEP], and whether its middle was left out."""

    ids: npt.NDArray[np.int64]  # (tokens,)
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token ids of many texts end to end, each with [CLS] and [SEP]: text ``i`` is
    ``ids[starts[i] : starts[i] + lengths[i]]``.
    """

    ids: npt.NDArray[np.int64]  # (tokens of all texts,)
    starts: npt.NDArray[np.int64]  # (texts,)
    lengths: npt.NDArray[np.int64]  # (texts,)
    truncated: npt.NDArray[np.bool_]  # (texts,)


class CommentTokenizer:
    """WordPiece over a model's own vocabulary; ``max_tokens`` counts [CLS] and [SEP]."""

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.max_tokens = max_tokens
        self.cls_id = self._id("[CLS]")
        self.sep_id = self._id("[SEP]")
        self.pad_id = self._id("[PAD]")

    @classmethod
    def load(cls, path: Path, *, max_tokens: int) -> CommentTokenizer:
        """Reads a ``tokenizer.json``."""
        return cls(Tokenizer.from_file(str(path)), max_tokens=max_tokens)

    def encode(self, normalized: list[str]) -> list[Encoding]:
        """One encoding per text, in order. The texts must be normalised already."""
        encoded = self._tokenizer.encode_batch_fast(normalized, add_special_tokens=False)
        return [self._cut(item.ids) for item in encoded]

    def encode_flat(self, normalized: list[str]) -> Tokens:
        """The same ids as ``encode``, in one array: for many texts, whose rows are then padded
        without a loop over texts.
        """
        encoded = self._tokenizer.encode_batch_fast(normalized, add_special_tokens=False)
        pieces = [item.ids for item in encoded]
        sizes = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        truncated = sizes > self.max_tokens - 2
        for row in np.flatnonzero(truncated):
            pieces[row] = self._without_middle(pieces[row])
        lengths = np.minimum(sizes, self.max_tokens - 2) + 2
        starts = np.cumsum(lengths) - lengths
        ids = np.empty(int(lengths.sum()), dtype=np.int64)
        inner = np.ones(len(ids), dtype=bool)
        inner[starts] = inner[starts + lengths - 1] = False
        ids[starts], ids[starts + lengths - 1] = self.cls_id, self.sep_id
        ids[inner] = np.fromiter(
            chain.from_iterable(pieces), dtype=np.int64, count=len(ids) - 2 * len(pieces)
        )
        return Tokens(ids=ids, starts=starts, lengths=lengths, truncated=truncated)

    def _cut(self, ids: list[int]) -> Encoding:
        truncated = len(ids) > self.max_tokens - 2
        if truncated:
            ids = self._without_middle(ids)
        return Encoding(
            ids=np.array([self.cls_id, *ids, self.sep_id], dtype=np.int64), truncated=truncated
        )

    def _without_middle(self, ids: list[int]) -> list[int]:
        room = self.max_tokens - 2
        head = int(room * HEAD_SHARE)
        return ids[:head] + ids[len(ids) - (room - head) :]

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(
                f"expected the token {token} in the vocabulary, found none; "
                "the model folder is damaged: run `tingfeng model verify`"
            )
        return int(found)
