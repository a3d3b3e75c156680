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
from nlp.decode import Decoded, decode
from nlp.heads import HEAD_BY_NAME
from nlp.rules import AspectOpinion
from nlp.scorer import Logits, Scorer

Numbers = npt.NDArray[Any]

_TOPICS: Final = pa.array(HEAD_BY_NAME["interest"].labels)
_ASPECTS: Final = pa.array(ASPECTS)
_POLARITIES: Final = pa.array(POLARITIES)


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFindings:
    """What the words of one text say by themselves."""

    flags: Collection[str] = ()
    risks: Collection[str] = ()
    aspects: Sequence[AspectOpinion] = ()


def score_columns(
    logits: Logits, scorer: Scorer, words: list[list[str]], by_rule: list[RuleFindings]
) -> pa.Table:
    """One row per text, and at the end the row of a text with nothing to judge: nulls and empty
    lists.
    """
    decoded = decode(logits.values, scorer)
    n = len(logits.values)
    columns = {
        **_sentiment(decoded),
        "emotion": _with_null(_best("emotion", decoded)),
        **_interests(decoded),
        "keywords": pa.array([*words, []], SCORES.field("keywords").type),
        "aspects": _aspects(decoded, [found.aspects for found in by_rule]),
        "flags": _marks(decoded, "flags", [found.flags for found in by_rule]),
        "risks": _marks(decoded, "risks", [found.risks for found in by_rule]),
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


def _marks(decoded: Decoded, head: str, by_rule: list[Collection[str]]) -> pa.Array:
    """The model's labels and the rules' labels of flags or risks, in label order."""
    labels = HEAD_BY_NAME[head].labels
    on = decoded.on[head].copy()
    for row, said in enumerate(by_rule):
        for label in said:
            on[row, labels.index(label)] = True
    rows, found = np.nonzero(on)
    return _lists(head, rows, len(on), pa.array(labels).take(pa.array(found)))


def _aspects(decoded: Decoded, by_rule: list[Sequence[AspectOpinion]]) -> pa.Array:
    """The model's aspects, each with its likeliest polarity; the rules' where it names none."""
    shape = (-1, len(ASPECTS), len(POLARITIES))
    certain = np.where(decoded.on["aspects"], decoded.p["aspects"], 0.0).reshape(shape)
    rows, aspects = np.nonzero(certain.any(-1))
    polarities = certain[rows, aspects].argmax(-1)
    named = np.zeros(len(certain), dtype=bool)
    named[rows] = True
    said = [
        (row, _INDEX[found.aspect], _SIDE[found.polarity], found.score)
        for row, opinions in enumerate(by_rule)
        if opinions and not named[row]
        for found in opinions
    ]
    told = np.array(said, dtype=np.float64).reshape(-1, 4)
    rows = np.concatenate([rows, told[:, 0].astype(np.int64)])
    order = np.argsort(rows, kind="stable")
    columns = [
        _ASPECTS.take(pa.array(np.concatenate([aspects, told[:, 1].astype(np.int64)])[order])),
        _POLARITIES.take(
            pa.array(np.concatenate([polarities, told[:, 2].astype(np.int64)])[order])
        ),
        pa.array(
            np.concatenate([certain.max(-1)[rows[: len(aspects)], aspects], told[:, 3]])[
                order
            ].astype(np.float32)
        ),
    ]
    fields = list(SCORES.field("aspects").type.value_type)
    return _lists(
        "aspects", rows[order], len(certain), pa.StructArray.from_arrays(columns, fields=fields)
    )


_INDEX: Final = {aspect: at for at, aspect in enumerate(ASPECTS)}
_SIDE: Final = {polarity: at for at, polarity in enumerate(POLARITIES)}


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
