"""Keywords of comments: TF-IDF for one comment, TextRank for the many comments of one content.

Words come from jieba's dictionary, inverse document frequencies from jieba's table, stop words and
slang from the project's lexicons. ``#topics#`` are kept as one keyword; @names, links and [emotes]
never become one. Lower case; every result is deterministic. The first call loads the dictionaries
(about a second).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from data.lexicons import load_stopwords, load_userdict
from nlp.clauses import MARKUP
from nlp.words import WordCutter, import_jieba

TOPIC_FACTOR: Final = 2.0  # a topic's weight over that of a word outside the frequency table
WINDOW: Final = 5  # words that stand together for TextRank (Mihalcea and Tarau 2004; jieba uses 5)
DAMPING: Final = 0.85
MAX_ROUNDS: Final = 60
TOLERANCE: Final = 1e-8

_TAG: Final = r"(?:\[话题\])?"
_TOPIC: Final = re.compile(
    rf"(?<![&\w])#([^#\n\[\]@\s](?:[^#\n\[\]@]{{0,38}}[^#\n\[\]@\s])?){_TAG}#|(?<![&\w])#([^#\s@\[\]]{{1,20}})"
)
_REPEATED: Final = re.compile(r"(.)\1+")


class KeywordError(ValueError):
    """A user dictionary or stop list that cannot be used."""


class KeywordExtractor:
    """Finds the words that tell what comments are about.

    ``user_dict`` (jieba's format: word, then optional count and tag) and ``stop_words`` (one per
    line) add to the built-in lists.
    """

    def __init__(self, user_dict: Path | None = None, stop_words: Path | None = None) -> None:
        self._user_words = frozenset((*load_userdict(), *_read_words(user_dict)))
        self._stop_words = load_stopwords() | frozenset(_read_words(stop_words))
        self._cutter = WordCutter((*load_userdict(), *_read_words(user_dict)))
        self._known: dict[str, float] = {}  # word -> idf; 0.0 for words that are never keywords

    def words(self, text: str) -> list[str]:
        """The content words of a comment in text order, repeats kept; topics come first."""
        topics, rest = _split_topics(text)
        return [
            *(topic for topic in topics if topic not in self._stop_words),
            *(word for word in self._cutter.cut(rest) if self._weight(word)),
        ]

    def tfidf(self, text: str, k: int = 5) -> list[str]:
        """Up to ``k`` keywords, most telling first; ties in text order."""
        topics, rest = _split_topics(text)
        weights: dict[str, float] = {}
        for topic in topics:
            if topic not in self._stop_words:
                weights[topic] = weights.get(topic, 0.0) + TOPIC_FACTOR * self._median_idf
        for word in self._cutter.cut(rest):
            if len(word) > 1 and (weight := self._weight(word)):
                weights[word] = weights.get(word, 0.0) + weight
        return sorted(weights, key=weights.__getitem__, reverse=True)[:k]  # sorting is stable

    def tfidf_batch(self, texts: Iterable[str | None], k: int = 5) -> list[list[str]]:
        """The keywords of each text in input order; an empty list for an empty or missing text."""
        return [self.tfidf(text, k) if text else [] for text in texts]

    def textrank(self, texts: Iterable[str | None], k: int = 10) -> list[str]:
        """Up to ``k`` words that stand centrally among the comments; ties by first appearance."""
        index: dict[str, int] = {}
        pairs: dict[tuple[int, int], int] = {}
        for text in texts:
            numbers = [index.setdefault(word, len(index)) for word in self.words(text or "")]
            _count_pairs(numbers, pairs)
        if not pairs:
            return list(index)[:k]
        scores = _page_rank(pairs, len(index))
        ranked = sorted(index, key=lambda word: -scores[index[word]])
        return ranked[:k]

    def _weight(self, word: str) -> float:
        """The word's inverse document frequency; 0.0 when it is never a keyword."""
        known = self._known.get(word)
        if known is None:
            known = self._idf.get(word, self._median_idf) if self._is_content(word) else 0.0
            if (
                word in self._idf or word in self._user_words
            ):  # bounded; free-form words are not kept
                self._known[word] = known
        return known

    def _is_content(self, word: str) -> bool:
        if len(word) < 2 or word in self._stop_words:
            return False
        if word in self._user_words:
            return True
        if word[0].isdigit() or _REPEATED.fullmatch(word):
            return False
        return word not in self._cutter.function_words

    @cached_property
    def _idf(self) -> dict[str, float]:
        table = resources.files(import_jieba()).joinpath("analyse", "idf.txt")
        fields = table.read_text(encoding="utf-8").split()
        return dict(zip(fields[0::2], map(float, fields[1::2]), strict=True))

    @cached_property
    def _median_idf(self) -> float:
        values = sorted(self._idf.values())
        return values[len(values) // 2]


def _split_topics(text: str) -> tuple[list[str], str]:
    """Topics in order and the lower-case rest without markup."""
    topics: list[str] = []
    if "#" in text or "@" in text or "[" in text or "http" in text:
        text = MARKUP.sub(lambda found: "[话题]" if found[0] == "[话题]" else " ", text)
        found = (closed or opened for closed, opened in _TOPIC.findall(text))
        topics = [topic.strip().lower() for topic in found]
        text = _TOPIC.sub(" ", text).replace("[话题]", " ")
    return [topic for topic in topics if len(topic) > 1 and not topic.isdigit()], text.lower()


def _count_pairs(numbers: Sequence[int], pairs: dict[tuple[int, int], int]) -> None:
    for at, left in enumerate(numbers):
        for right in numbers[at + 1 : at + WINDOW]:
            if left != right:
                pair = (left, right) if left < right else (right, left)
                pairs[pair] = pairs.get(pair, 0) + 1


def _page_rank(pairs: dict[tuple[int, int], int], size: int) -> list[float]:
    """Weighted PageRank of an undirected graph by power iteration."""
    ends = np.array(list(pairs), dtype=np.int64)
    weights = np.array(list(pairs.values()), dtype=np.float64)
    sources = np.concatenate((ends[:, 0], ends[:, 1]))
    targets = np.concatenate((ends[:, 1], ends[:, 0]))
    weights = np.concatenate((weights, weights))
    out = np.bincount(sources, weights=weights, minlength=size)
    shares = weights / out[sources]
    scores = np.full(size, 1.0 / size)
    for _ in range(MAX_ROUNDS):
        flow = np.bincount(targets, weights=shares * scores[sources], minlength=size)
        updated = (1.0 - DAMPING) / size + DAMPING * flow
        change = float(np.abs(updated - scores).sum())
        scores = updated
        if change < TOLERANCE:
            break
    return [round(float(score), 12) for score in scores]


def _read_words(path: Path | None) -> list[str]:
    """The first column of a word list file, lower case."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeywordError(
            f"expected a UTF-8 word list at {path}, found {error}; check the path"
        ) from error
    return [line.split()[0].lower() for line in lines if line.strip() and not line.startswith("#")]
