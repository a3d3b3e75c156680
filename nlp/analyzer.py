"""Texts in, insights out: normalise, one forward pass for all heads, rules and keywords, the score
columns.

Equal normalised texts of one call are scored once. ``score`` gives Arrow columns for dumps,
``analyze`` objects for
people; both hold the same values.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nlp import rules
from nlp.columns import RuleFindings, by_words, score_columns
from nlp.insight import AspectScore, CommentInsight, TopicScore
from nlp.keywords import KeywordExtractor
from nlp.normalize import has_content, is_cut, normalize
from nlp.rows import score_rows
from nlp.scorer import Logits, Scorer

KEYWORDS_PER_COMMENT: Final = 5


class Analyzer:
    """Scores comments with a ``Scorer`` and the rules. ``extras`` False leaves out keywords
    and what rules say of aspects and risks.
    """

    def __init__(
        self, scorer: Scorer, *, keywords: KeywordExtractor | None = None, extras: bool = True
    ) -> None:
        self.scorer = scorer
        self.extras = extras
        self._keywords = keywords or KeywordExtractor()
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self.inference_s = 0.0

    def analyze(self, texts: Sequence[str | None]) -> list[CommentInsight]:
        """One insight per text, in order."""
        return [_insight(row) for row in self.score(texts).to_pylist()]

    def score(self, texts: Sequence[str | None]) -> pa.Table:
        """The columns of ``data.columns.SCORES``, one row per text, in order.

        A text with nothing to judge (null, blank, only mentions or links) gets nulls and empty
        lists.
        """
        normalized = [normalize(t) if t else "" for t in texts]
        position: dict[str, int] = {}
        for text in normalized:
            if text not in position and has_content(text):
                position[text] = len(position)
        unique = list(position)
        blank = len(unique)
        index = np.array([position.get(text, blank) for text in normalized], dtype=np.int64)
        table = self._score_unique(unique).take(pa.array(index))
        cut = np.array([t is not None and is_cut(t) for t in texts], dtype=bool)
        return _mark_cut(table, cut) if cut.any() else table

    def rows(self, unique: list[str]) -> list[dict[str, Any]]:
        """The same for distinct normalised texts with content, as objects and without another
        thread: for the few texts of a request. May be called from several threads at a time.
        """
        logits = self.scorer.logits(unique)
        return score_rows(logits, self.scorer, *self.findings(unique))

    def _score_unique(self, unique: list[str]) -> pa.Table:
        """Scores of distinct normalised texts, and one more row for a text without content."""
        pending = self._beside.submit(self._infer, unique)
        words, by_rule = self.findings(unique)
        return self.columns(pending.result(), words, by_rule)

    def _infer(self, unique: list[str]) -> Logits:
        start = time.perf_counter()
        logits = self.scorer.logits(unique)
        self.inference_s += time.perf_counter() - start
        return logits

    def findings(self, normalized: list[str]) -> tuple[list[list[str]], list[RuleFindings]]:
        """Keywords and rule findings of distinct normalised texts, in order."""
        if not self.extras:
            found = [RuleFindings(flags=rules.flags(t)) for t in normalized]
            return [[] for _ in normalized], found
        words = self._keywords.tfidf_batch(normalized, KEYWORDS_PER_COMMENT)
        return words, [by_words(text) for text in normalized]

    def columns(
        self, logits: Logits, words: list[list[str]], by_rule: list[RuleFindings]
    ) -> pa.Table:
        """The score columns of the texts behind the arguments, and at the end one more row, that
        of a text with nothing to judge.
        """
        return score_columns(logits, self.scorer, words, by_rule)


def _mark_cut(table: pa.Table, cut: npt.NDArray[np.bool_]) -> pa.Table:
    truncated = table["truncated"].to_numpy() | cut
    at = table.schema.get_field_index("truncated")
    return table.set_column(at, "truncated", pa.array(truncated))


def _insight(row: dict[str, object]) -> CommentInsight:
    values: dict[str, object] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    values["interests"] = tuple(TopicScore(**i) for i in row["interests"])  # type: ignore[attr-defined]
    values["aspects"] = tuple(AspectScore(**a) for a in row["aspects"])  # type: ignore[attr-defined]
    return CommentInsight(**values)  # type: ignore[arg-type]
