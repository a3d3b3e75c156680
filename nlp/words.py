"""Cutting comments into words with jieba's dictionary, without its cache file.

jieba's own tokenizer writes a cache into the shared temporary folder and logs to standard error;
this one reads the dictionary (about a second, once) and keeps it in memory. Unknown words are not
guessed (no HMM): a keyword that is not a word hurts more than one that is missing. Nothing is
loaded before the first cut.
"""

from __future__ import annotations

import math
import re
import threading
import warnings
from collections.abc import Iterable
from operator import add
from typing import IO, Any, Final

_RUN: Final = re.compile(r"[一-鿿]+|[a-z0-9]+(?:[+#\-.][a-z0-9]+)*")
_HAN: Final = re.compile(r"[一-鿿]{2,}")
_HAN_CODES: Final = range(ord("一"), ord("鿿") + 1)
_PREFIX: Final = -math.inf  # no word, but some word begins so
_UNKNOWN_COUNT: Final = 1.0  # what jieba assumes for a character outside its dictionary
# Tags of jieba's dictionary (ICTCLAS) whose words say how, when or how many, not what.
_FUNCTION_TAGS: Final = frozenset(
    ("c", "d", "dg", "df", "f", "m", "mg", "mq", "o", "p", "q", "r", "rg", "rr", "rz", "t")
) | frozenset(("tg", "u", "ud", "ug", "uj", "ul", "uv", "uz", "y", "e", "k", "h", "zg"))


class WordCutter:
    """Cuts lower-case text into the most probable words of jieba's dictionary plus extra words."""

    def __init__(self, extra_words: Iterable[str] = ()) -> None:
        self._extra = tuple(word.lower() for word in extra_words)
        self._mixed = _mixed_pattern(self._extra)
        self._log_p: dict[str, float] = {}  # of two characters or more; see _PREFIX
        self._singles: dict[str, float] = {}  # every Chinese character
        self._unknown = 0.0
        self._function_words: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._ready = False

    def cut(self, text: str) -> list[str]:
        """The words of a lower-case text in order; punctuation and symbols are left out."""
        self.load()
        words: list[str] = []
        parts = [text] if self._mixed is None else self._mixed.split(text)
        for n, part in enumerate(parts):
            if n % 2:  # split keeps what matched at the odd places
                words.append(part)
            else:
                self._cut_part(part, words)
        return words

    def _cut_part(self, part: str, words: list[str]) -> None:
        for run in _RUN.findall(part):
            if run[0] < "一" or len(run) == 1:
                words.append(run)
            else:
                self._cut_run(run, words)

    def load(self) -> None:
        """Reads the dictionary when that has not been done; safe from several threads."""
        if self._ready:
            return
        with self._lock:
            if not self._ready:
                self._read_dictionary()
                self._add_words(self._extra)
                self._ready = True

    @property
    def function_words(self) -> frozenset[str]:
        """Words of two or more characters tagged as particle, pronoun, adverb, number etc."""
        self.load()
        return self._function_words

    def _cut_run(self, run: str, words: list[str]) -> None:
        """Appends the most probable segmentation of one run (Viterbi, from the right)."""
        log_p, size = self._log_p.get, len(run)
        singles = [*map(self._singles.__getitem__, run)]
        pairs = [*map(log_p, map(add, run, run[1:])), None]  # most begin no word: one test each
        best = [0.0] * (size + 1)
        ends = [*range(1, size + 1)]
        for start in range(size - 1, -1, -1):
            top = singles[start] + best[start + 1]
            known = pairs[start]
            end = start + 2
            while known is not None:
                if known + best[end] >= top:
                    top, ends[start] = known + best[end], end
                end += 1
                if end > size:
                    break
                known = log_p(run[start:end])
            best[start] = top
        start = 0
        while start < size:
            words.append(run[start : ends[start]])
            start = ends[start]

    def _score(self, piece: str) -> float:
        known = self._singles.get(piece) or self._log_p.get(piece, _PREFIX)
        return self._unknown if known == _PREFIX else known

    def _read_dictionary(self) -> None:
        with _open_dictionary() as source:
            fields = source.read().decode("utf-8").rstrip("\n").replace("\n", " ").split(" ")
        counts = dict(zip(fields[0::3], map(float, fields[1::3]), strict=True))
        log_total = math.log(sum(counts.values()))
        table: dict[str, float] = {}
        for word, number in counts.items():
            table[word] = math.log(number or _UNKNOWN_COUNT) - log_total
        for word in [word for word in table if len(word) > 2]:
            _mark_prefixes(table, word)
        self._unknown = math.log(_UNKNOWN_COUNT) - log_total
        self._singles = {char: table.pop(char, self._unknown) for char in map(chr, _HAN_CODES)}
        self._log_p = table
        self._function_words = frozenset(
            word
            for word, tag in zip(fields[0::3], fields[2::3], strict=True)
            if tag in _FUNCTION_TAGS and len(word) > 1
        )

    def _add_words(self, words: Iterable[str]) -> None:
        """Makes each word at least as probable as its best split, so that it is kept whole."""
        for word in words:
            if not _HAN.fullmatch(word):
                continue
            pieces: list[str] = []
            self._cut_run(word, pieces)
            split = sum(map(self._score, pieces))
            self._log_p[word] = max(split, self._score(word)) + 1e-6
            _mark_prefixes(self._log_p, word)


def _mixed_pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Words that mix Chinese and Latin characters (早c晚a); None when there is none."""
    mixed = [word for word in words if not word.isascii() and not _HAN.fullmatch(word)]
    mixed.sort(key=lambda word: (-len(word), word))
    return re.compile(f"({'|'.join(map(re.escape, mixed))})") if mixed else None


def _mark_prefixes(table: dict[str, float], word: str) -> None:
    for end in range(2, len(word)):
        table.setdefault(word[:end], _PREFIX)


def _open_dictionary() -> IO[bytes]:
    jieba = import_jieba()
    source: IO[bytes] = jieba.Tokenizer().get_dict_file()
    return source


def import_jieba() -> Any:
    """The jieba module, imported without the warnings its old source gives on new Pythons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    return jieba
