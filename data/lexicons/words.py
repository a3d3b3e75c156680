"""Word lists: stop words, user dictionary, and what platform emotes mean.

Each list is read once, on first use, and is shared; all are immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from data.lexicons.source import LexiconError, read_package_yaml

PACKAGE: Final = "data.lexicons"
_EMOTE_POLARITY: Final = {"positive": 1, "neutral": 0, "negative": -1}


@dataclass(frozen=True, kw_only=True, slots=True)
class Emote:
    """What an emote such as ``[捂脸]`` says: a canonical word, a polarity hint (-1, 0, 1)."""

    word: str
    polarity: int


def word_list(found: Any, where: str) -> tuple[str, ...]:
    """The entries of one YAML list, stripped, in file order.

    Raises:
        LexiconError: not a list of non-empty words, or a word stands twice.
    """
    if not isinstance(found, list) or not all(isinstance(w, str) and w.strip() for w in found):
        raise LexiconError(f"{where}: expected a list of words, found {found!r:.80}; write [a, b]")
    words = tuple(word.strip() for word in found)
    return tuple(dict.fromkeys(words))


@cache
def load_stopwords() -> frozenset[str]:
    """Words that never tell what a comment is about, lower case."""
    groups = read_package_yaml(PACKAGE, "stopwords.yaml")
    lists = (word_list(groups[name], f"stopwords.yaml: {name}") for name in groups)
    return frozenset(word.lower() for words in lists for word in words)


@cache
def load_userdict() -> tuple[str, ...]:
    """Words the base dictionary would split, lower case, in file order without repeats."""
    groups = read_package_yaml(PACKAGE, "userdict.yaml")
    lists = (word_list(groups[name], f"userdict.yaml: {name}") for name in groups)
    return tuple(dict.fromkeys(word.lower() for words in lists for word in words))


@cache
def load_emotes() -> Mapping[str, Emote]:
    """Emote name (without brackets, lower case) to its meaning."""
    emotes: dict[str, Emote] = {}
    for polarity, groups in read_package_yaml(PACKAGE, "emotes.yaml").items():
        if polarity not in _EMOTE_POLARITY:
            expected = ", ".join(_EMOTE_POLARITY)
            raise LexiconError(
                f"emotes.yaml: expected {expected}, found {polarity}; rename the key"
            )
        for word, names in groups.items():
            emote = Emote(word=word, polarity=_EMOTE_POLARITY[polarity])
            for name in word_list(names, f"emotes.yaml: {word}"):
                emotes.setdefault(name.lower(), emote)
    return MappingProxyType(emotes)


def find_emote(name: str) -> Emote | None:
    """The meaning of an emote name as a platform writes it, or None when unknown.

    Takes ``捂脸``, Xiaohongshu's ``捂脸R`` (also H, Z) and Bilibili's ``pack_捂脸``.
    """
    emotes = load_emotes()
    short = name.strip().lower()
    found = emotes.get(short)
    if found is None and short[-1:] in {"r", "h", "z"}:
        found = emotes.get(short[:-1])
    if found is None and "_" in short:
        found = emotes.get(short.rpartition("_")[2])
    return found
