"""Texts in, insights out: normalise, one forward pass for all heads, rules and keywords, the score
columns.

Equal normalised texts of one call are scored once. ``score`` gives Arrow columns for dumps,
``analyze`` objects for
people; both hold the same values.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.columns import SCORES
from nlp import rules
from nlp.decode import Decoded, decode
from nlp.heads import HEAD_BY_NAME
from nlp.insight import AspectScore, CommentInsight, TopicScore
from nlp.keywords import KeywordExtractor
from nlp.normalize import has_content, is_cut, normalize
from nlp.scorer import Logits, Scorer

KEYWORDS_PER_COMMENT: Final = 5
_SENTIMENTS = np.array(HEAD_BY_NAME["sentiment"].labels)
_EMOTIONS = np.array(HEAD_BY_NAME["emotion"].labels)
_FOUND_ASPECTS = tuple(label.split(":") for label in HEAD_BY_NAME["aspects"].labels)
_POLARITIES: Final = 3
Found = list[dict[str, object]]  # aspects or topics of one text


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFindings:
    """What the words of one text say by themselves."""

    flags: Collection[str] = ()
    risks: Collection[str] = ()
    aspects: Sequence[rules.AspectOpinion] = ()


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

    def score_normalized(self, unique: list[str]) -> pa.Table:
        """The columns of ``SCORES`` for distinct normalised texts with content, in order."""
        return self._score_unique(unique).slice(0, len(unique))

    def _score_unique(self, unique: list[str]) -> pa.Table:
        """Scores of distinct normalised texts, and one more row for a text without content."""
        pending = self._beside.submit(self._infer, unique)
        words, by_rule = self._extras(unique)
        decoded = decode(pending.result().values, self.scorer)
        n = len(unique)
        columns = {
            **_sentiment_columns(decoded),
            "emotion": _with_null(_EMOTIONS[decoded.p["emotion"].argmax(-1)] if n else []),
            **_interest_columns(decoded),
            "keywords": [*words, []],
            "aspects": [*_aspects(decoded, [r.aspects for r in by_rule]), []],
            "flags": [*_marks(decoded, "flags", [r.flags for r in by_rule]), []],
            "risks": [*_marks(decoded, "risks", [r.risks for r in by_rule]), []],
            "truncated": [*pending.result().truncated.tolist(), False],
            "model_version": [self.scorer.model_version] * (n + 1),
        }
        return pa.table([pa.array(columns[f.name], f.type) for f in SCORES], schema=SCORES)

    def _infer(self, unique: list[str]) -> Logits:
        start = time.perf_counter()
        logits = self.scorer.logits(unique)
        self.inference_s += time.perf_counter() - start
        return logits

    def _extras(self, unique: list[str]) -> tuple[list[list[str]], list[RuleFindings]]:
        if not self.extras:
            return [[]] * len(unique), [RuleFindings(flags=rules.flags(t)) for t in unique]
        words = self._keywords.tfidf_batch(unique, KEYWORDS_PER_COMMENT)
        return words, [
            RuleFindings(flags=rules.flags(t), risks=rules.risks(t), aspects=rules.aspects(t))
            for t in unique
        ]


def _sentiment_columns(decoded: Decoded) -> dict[str, object]:
    p = decoded.p["sentiment"]
    return {
        "sentiment": _with_null(_SENTIMENTS[p.argmax(-1)] if len(p) else []),
        "sentiment_score": _with_null(p[:, 2] - p[:, 0]),
        "p_negative": _with_null(p[:, 0]),
        "p_neutral": _with_null(p[:, 1]),
        "p_positive": _with_null(p[:, 2]),
    }


def _interest_columns(decoded: Decoded) -> dict[str, object]:
    """Topics above their thresholds, best first."""
    labels = HEAD_BY_NAME["interest"].labels
    p, on = decoded.p["interest"], decoded.on["interest"]
    found: list[Found] = [[] for _ in range(len(p))]
    for row in np.flatnonzero(on.any(-1)):
        topics = np.flatnonzero(on[row])
        best_first = topics[np.argsort(-p[row, topics], kind="stable")]
        found[row] = [{"topic": labels[t], "score": float(p[row, t])} for t in best_first]
    return {
        "interest": [*(f[0]["topic"] if f else None for f in found), None],
        "interests": [*found, []],
    }


def _marks(decoded: Decoded, head: str, by_rule: list[Collection[str]]) -> list[list[str]]:
    """The model's labels and the rules' labels of flags or risks, in label order."""
    labels, on = HEAD_BY_NAME[head].labels, decoded.on[head]
    found = [list(said) for said in by_rule]
    for row in np.flatnonzero(on.any(-1) | np.array([bool(said) for said in by_rule], dtype=bool)):
        said = by_rule[row]
        found[row] = [k for k, is_on in zip(labels, on[row], strict=True) if is_on or k in said]
    return found


def _aspects(decoded: Decoded, by_rule: list[Sequence[rules.AspectOpinion]]) -> list[Found]:
    """The model's aspects, each with its likeliest polarity; the rules' where it names none."""
    p, on = decoded.p["aspects"], decoded.on["aspects"]
    found: list[Found] = [
        [{"aspect": a.aspect, "polarity": a.polarity, "score": a.score} for a in said]
        for said in by_rule
    ]
    for row in np.flatnonzero(on.any(-1)):
        certain = np.where(on[row], p[row], 0.0).reshape(-1, _POLARITIES)
        named = np.flatnonzero(certain.any(-1))
        best = named * _POLARITIES + certain[named].argmax(-1)
        found[row] = [
            {"aspect": aspect, "polarity": polarity, "score": float(p[row, label])}
            for label in best
            for aspect, polarity in (_FOUND_ASPECTS[label],)
        ]
    return found


def _with_null(values: npt.NDArray[np.generic] | Iterable[object]) -> list[object]:
    return [*(values.tolist() if isinstance(values, np.ndarray) else values), None]


def _mark_cut(table: pa.Table, cut: npt.NDArray[np.bool_]) -> pa.Table:
    truncated = table["truncated"].to_numpy() | cut
    at = table.schema.get_field_index("truncated")
    return table.set_column(at, "truncated", pa.array(truncated))


def _insight(row: dict[str, object]) -> CommentInsight:
    values: dict[str, object] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    values["interests"] = tuple(TopicScore(**i) for i in row["interests"])  # type: ignore[attr-defined]
    values["aspects"] = tuple(AspectScore(**a) for a in row["aspects"])  # type: ignore[attr-defined]
    return CommentInsight(**values)  # type: ignore[arg-type]
