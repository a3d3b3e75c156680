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
from typing import IO, Any, Final

_RUN: Final = re.compile(r"[一-鿿]+|[a-z0-9]+(?:[+#\-.][a-z0-9]+)*")
_HAN: Final = re.compile(r"[一-鿿]{2,}")
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
        self._log_p: dict[str, float | None] = {}  # None: no word, but some word begins so
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
        log_p, unknown, size = self._log_p, self._unknown, len(run)
        best = [0.0] * (size + 1)
        ends = [0] * size
        for start in range(size - 1, -1, -1):
            end = start + 1
            known = log_p.get(run[start], unknown)
            top = (unknown if known is None else known) + best[end]
            choice = end
            while end < size:
                end += 1
                piece = run[start:end]
                if piece not in log_p:
                    break
                known = log_p[piece]
                if known is not None and known + best[end] >= top:
                    top, choice = known + best[end], end
            best[start], ends[start] = top, choice
        start = 0
        while start < size:
            words.append(run[start : ends[start]])
            start = ends[start]

    def _read_dictionary(self) -> None:
        counts: dict[str, float] = {}
        function_words: list[str] = []
        with _open_dictionary() as source:
            for line in source.read().decode("utf-8").splitlines():
                word, count, tag = line.split(" ")
                counts[word] = float(count)
                if tag in _FUNCTION_TAGS and len(word) > 1:
                    function_words.append(word)
        log_total = math.log(sum(counts.values()))
        table: dict[str, float | None] = {}
        for word, number in counts.items():
            table[word] = math.log(number or _UNKNOWN_COUNT) - log_total
            _mark_prefixes(table, word)
        self._log_p, self._unknown = table, math.log(_UNKNOWN_COUNT) - log_total
        self._function_words = frozenset(function_words)

    def _add_words(self, words: Iterable[str]) -> None:
        """Makes each word at least as probable as its best split, so that it is kept whole."""
        for word in words:
            if not _HAN.fullmatch(word):
                continue
            pieces: list[str] = []
            self._cut_run(word, pieces)
            split = sum(self._log_p.get(piece) or self._unknown for piece in pieces)
            self._log_p[word] = max(split, self._log_p.get(word) or self._unknown) + 1e-6
            _mark_prefixes(self._log_p, word)


def _mixed_pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Words that mix Chinese and Latin characters (早c晚a); None when there is none."""
    mixed = [word for word in words if not word.isascii() and not _HAN.fullmatch(word)]
    mixed.sort(key=lambda word: (-len(word), word))
    return re.compile(f"({'|'.join(map(re.escape, mixed))})") if mixed else None


def _mark_prefixes(table: dict[str, float | None], word: str) -> None:
    for end in range(1, len(word)):
        table.setdefault(word[:end], None)


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
