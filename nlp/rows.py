"""The score columns of a few texts as Python objects: what ``nlp.columns`` gives as Arrow for many.

Building Arrow columns takes half a millisecond whatever their length, too long for one text of one
request. Both give the same values (``tests/nlp/test_rows.py``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from data.labels import ASPECTS, POLARITIES
from nlp.columns import RuleFindings, named_by
from nlp.decode import Decoded, decode, with_words
from nlp.heads import HEAD_BY_NAME
from nlp.scorer import Logits, Scorer

_ASPECTS: Final = tuple(ASPECTS)
_POLARITIES: Final = tuple(POLARITIES)


def score_rows(
    logits: Logits, scorer: Scorer, words: list[list[str]], by_rule: list[RuleFindings]
) -> list[dict[str, Any]]:
    """One row of ``data.columns.SCORES`` per text, in order."""
    decoded = with_words(decode(logits.values, scorer), named_by(by_rule), scorer)
    p = decoded.p["sentiment"]
    scores = (p[:, 2] - p[:, 0]).tolist()
    sentiment, emotion = _best("sentiment", decoded), _best("emotion", decoded)
    interests, aspects = _interests(decoded), _aspects(decoded)
    flags, risks = _marks(decoded, "flags"), _marks(decoded, "risks")
    return [
        {
            "sentiment": sentiment[i],
            "sentiment_score": scores[i],
            "p_negative": negative,
            "p_neutral": neutral,
            "p_positive": positive,
            "emotion": emotion[i],
            "interest": interests[i][0]["topic"] if interests[i] else None,
            "interests": interests[i],
            "keywords": words[i],
            "aspects": aspects[i],
            "flags": flags[i],
            "risks": risks[i],
            "truncated": bool(logits.truncated[i]),
            "model_version": scorer.model_version,
        }
        for i, (negative, neutral, positive) in enumerate(p.tolist())
    ]


def _best(head: str, decoded: Decoded) -> list[str]:
    labels = HEAD_BY_NAME[head].labels
    return [labels[at] for at in decoded.p[head].argmax(-1).tolist()]


def _interests(decoded: Decoded) -> list[list[dict[str, Any]]]:
    """Topics above their thresholds, best first."""
    labels, p = HEAD_BY_NAME["interest"].labels, decoded.p["interest"]
    found: list[list[dict[str, Any]]] = [[] for _ in p]
    rows, topics = np.nonzero(decoded.on["interest"])
    for at in np.lexsort((topics, -p[rows, topics], rows)).tolist():
        row, topic = rows[at], topics[at]
        found[row].append({"topic": labels[topic], "score": float(p[row, topic])})
    return found


def _aspects(decoded: Decoded) -> list[list[dict[str, Any]]]:
    """Each aspect with its likeliest polarity, in label order."""
    shape = (-1, len(_ASPECTS), len(_POLARITIES))
    certain = np.where(decoded.on["aspects"], decoded.p["aspects"], 0.0).reshape(shape)
    found: list[list[dict[str, Any]]] = [[] for _ in certain]
    for row, aspect in zip(*np.nonzero(certain.any(-1)), strict=True):
        polarity = certain[row, aspect].argmax()
        score = float(np.float32(certain[row, aspect, polarity]))
        found[row].append(
            {"aspect": _ASPECTS[aspect], "polarity": _POLARITIES[polarity], "score": score}
        )
    return found


def _marks(decoded: Decoded, head: str) -> list[list[str]]:
    """Flags or risks, in label order."""
    labels = HEAD_BY_NAME[head].labels
    found: list[list[str]] = [[] for _ in decoded.on[head]]
    for row, label in zip(*np.nonzero(decoded.on[head]), strict=True):
        found[row].append(labels[label])
    return found
