"""Probabilities, keywords and rule findings as the score columns of ``data.columns.SCORES``.

Built column by column: only texts in which a rule found something are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.columns import SCORES
from data.labels import ASPECTS, POLARITIES
from nlp import rules
from nlp.decode import Decoded, decode, with_words
from nlp.heads import HEAD_BY_NAME, HEADS
from nlp.rules import AspectOpinion
from nlp.scorer import Logits, Scorer

Numbers = npt.NDArray[Any]

_TOPICS: Final = pa.array(HEAD_BY_NAME["interest"].labels)
_ASPECTS: Final = pa.array(ASPECTS)
_POLARITIES: Final = pa.array(POLARITIES)


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFindings:
    """What the words of one text say by themselves."""

    topics: Collection[str] = ()
    flags: Collection[str] = ()
    risks: Collection[str] = ()
    aspects: Sequence[AspectOpinion] = ()

    def of(self, head: str) -> Collection[str]:
        """The labels of one head that the words name."""
        if head == "aspects":
            return [f"{found.aspect}:{found.polarity}" for found in self.aspects]
        return {"interest": self.topics, "flags": self.flags, "risks": self.risks}[head]


_NOTHING: Final = RuleFindings(flags=frozenset())  # of most texts


def by_words(text: str) -> RuleFindings:
    """Everything that the words of a normalised text name."""
    found = rules.find_all(text)
    return RuleFindings(**found._asdict()) if any(found) else _NOTHING


def named_by(by_rule: list[RuleFindings]) -> dict[str, npt.NDArray[np.bool_]]:
    """(texts, labels) for each head with independent labels: what the words name."""
    named = {}
    telling = [(row, found) for row, found in enumerate(by_rule) if found is not _NOTHING]
    for head in HEADS:
        if not head.exclusive:
            at = {label: i for i, label in enumerate(head.labels)}
            named[head.name] = np.zeros((len(by_rule), len(at)), dtype=bool)
            for row, found in telling:
                for label in found.of(head.name):
                    named[head.name][row, at[label]] = True
    return named


def score_columns(
    logits: Logits, scorer: Scorer, words: list[list[str]], by_rule: list[RuleFindings]
) -> pa.Table:
    """One row per text, and at the end the row of a text with nothing to judge: nulls and empty
    lists.
    """
    decoded = with_words(decode(logits.values, scorer), named_by(by_rule), scorer)
    n = len(logits.values)
    columns = {
        **_sentiment(decoded),
        "emotion": _with_null(_best("emotion", decoded)),
        **_interests(decoded),
        "keywords": pa.array([*words, []], SCORES.field("keywords").type),
        "aspects": _aspects(decoded),
        "flags": _marks(decoded, "flags"),
        "risks": _marks(decoded, "risks"),
        "truncated": pa.array(np.append(logits.truncated, False)),
        "model_version": pa.repeat(scorer.model_version, n + 1),
    }
    return pa.table([columns[name] for name in SCORES.names], schema=SCORES)


def _sentiment(decoded: Decoded) -> dict[str, pa.Array]:
    p = decoded.p["sentiment"]
    return {
        "sentiment": _with_null(_best("sentiment", decoded)),
        "sentiment_score": _with_null(pa.array(p[:, 2] - p[:, 0])),
        "p_negative": _with_null(pa.array(p[:, 0])),
        "p_neutral": _with_null(pa.array(p[:, 1])),
        "p_positive": _with_null(pa.array(p[:, 2])),
    }


def _best(head: str, decoded: Decoded) -> pa.Array:
    return pa.array(HEAD_BY_NAME[head].labels).take(pa.array(decoded.p[head].argmax(-1)))


def _interests(decoded: Decoded) -> dict[str, pa.Array]:
    """Topics above their thresholds, best first."""
    p, on = decoded.p["interest"], decoded.on["interest"]
    rows, topics = np.nonzero(on)
    order = np.lexsort((topics, -p[rows, topics], rows))
    rows, topics = rows[order], topics[order]
    names = _TOPICS.take(pa.array(topics))
    items = pa.StructArray.from_arrays(
        [names, pa.array(p[rows, topics])], fields=list(SCORES.field("interests").type.value_type)
    )
    first = np.full(len(p) + 1, -1)
    first[:-1][on.any(-1)] = np.flatnonzero(np.diff(rows, prepend=-1))
    best = pa.array(first, mask=first < 0)
    return {"interest": names.take(best), "interests": _lists("interests", rows, len(p), items)}


def _marks(decoded: Decoded, head: str) -> pa.Array:
    """Flags or risks, in label order."""
    rows, found = np.nonzero(decoded.on[head])
    labels = pa.array(HEAD_BY_NAME[head].labels)
    return _lists(head, rows, len(decoded.on[head]), labels.take(pa.array(found)))


def _aspects(decoded: Decoded) -> pa.Array:
    """Each aspect with its likeliest polarity."""
    shape = (-1, len(ASPECTS), len(POLARITIES))
    certain = np.where(decoded.on["aspects"], decoded.p["aspects"], 0.0).reshape(shape)
    rows, aspects = np.nonzero(certain.any(-1))
    polarities = certain[rows, aspects].argmax(-1)
    columns = [
        _ASPECTS.take(pa.array(aspects)),
        _POLARITIES.take(pa.array(polarities)),
        pa.array(certain[rows, aspects, polarities].astype(np.float32)),
    ]
    fields = list(SCORES.field("aspects").type.value_type)
    items = pa.StructArray.from_arrays(columns, fields=fields)
    return _lists("aspects", rows, len(certain), items)


def _lists(name: str, rows: Numbers, texts: int, items: pa.Array) -> pa.Array:
    """The items, whose texts are ``rows`` in ascending order, as one list per text and an empty
    one at the end.
    """
    offsets = np.zeros(texts + 2, dtype=np.int32)
    offsets[1:-1] = np.cumsum(np.bincount(rows, minlength=texts))
    offsets[-1] = len(items)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=SCORES.field(name).type)


def _with_null(values: pa.Array) -> pa.Array:
    return pa.concat_arrays([values, pa.nulls(1, values.type)])
