"""Which words of a comment carried each decision: occlusion (Zeiler and Fergus 2014).

The comment is cut into words, emotes and signs; each is left out once, and the decision's log-odds
are measured again. What makes them fall most is the evidence. A label that only a word rule gave is
carried by the words without which the rule no longer holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.columns import by_words, named_by
from nlp.decode import decode, with_words
from nlp.heads import HEADS, output_slices
from nlp.normalize import has_content, normalize
from nlp.scorer import Floats, Scorer
from nlp.words import WordCutter

MAX_PARTS: Final = 96  # parts of one comment that are left out in turn; longer ones are cut coarser
SPANS: Final = 3  # per decision
ENOUGH: Final = 0.4  # of the strongest part's effect
LEAST: Final = 0.1  # log-odds; less carries nothing
_PARTS: Final = re.compile(r"\[[^\[\]\s]{1,12}\]|[\u4e00-\u9fff]+|[A-Za-z0-9]+|[^\s]")
_SLICES = output_slices()
_LABELS: Final = [(head, label) for head in HEADS for label in head.labels]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """``text`` is ``comment[start:end]``; ``effect`` is how far the log-odds fall without it."""

    start: int
    end: int
    text: str
    effect: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A decision, e.g. head ``aspects`` and label ``price:negative``, and what carried it.

    ``by`` is ``model`` or ``rule``; ``spans`` come strongest first and may be none.
    """

    head: str
    label: str
    by: str
    spans: tuple[Span, ...]


class Explainer:
    """Explains a scorer's decisions; one comment costs as many texts as it has words."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self._cutter = scorer, WordCutter()

    def explain(self, comment: str) -> list[Evidence]:
        """The evidence of every decision, in the order of the heads; nothing for a blank comment.

        Neutral sentiment, no emotion and labels that do not hold are no decisions.
        """
        if not has_content(normalize(comment)):
            return []
        parts = self._parts(comment)
        without = [normalize(comment[:start] + comment[end:]) for start, end in parts]
        logits = self._scorer.logits([normalize(comment), *without]).values
        odds = log_odds(logits)
        found = [
            Evidence(
                head=head,
                label=label,
                by="model",
                spans=_spans(comment, parts, odds[0, at] - odds[1:, at]),
            )
            for head, label, at in _decisions(logits[:1], self._scorer)
        ]
        known = {(e.head, e.label) for e in found}
        named = _by_rule(comment, parts, logits[:1], self._scorer)
        return found + [e for e in named if (e.head, e.label) not in known]

    def _parts(self, comment: str) -> list[tuple[int, int]]:
        found = [span for match in _PARTS.finditer(comment) for span in self._words(match)]
        size = -(-len(found) // MAX_PARTS)
        return [
            (found[i][0], found[min(i + size, len(found)) - 1][1])
            for i in range(0, len(found), size)
        ]

    def _words(self, match: re.Match[str]) -> Iterator[tuple[int, int]]:
        start = match.start()
        words = self._cutter.cut(match[0]) if "\u4e00" <= match[0][0] <= "\u9fff" else [match[0]]
        for word in words:
            yield start, start + len(word)
            start += len(word)


def log_odds(logits: Floats) -> Floats:
    """(texts, OUTPUT_SIZE) log-odds of each label: against its head's other labels, or alone."""
    odds = logits.copy()
    for head in HEADS:
        if head.exclusive:
            part = logits[:, _SLICES[head.name]]
            for j in range(part.shape[1]):
                rest = np.delete(part, j, axis=1)
                odds[:, _SLICES[head.name].start + j] -= np.logaddexp.reduce(rest, axis=1)
    return odds


def _decisions(logits: Floats, scorer: Scorer) -> Iterator[tuple[str, str, int]]:
    decoded = decode(logits, scorer)
    for at, (head, label) in enumerate(_LABELS):
        j = at - _SLICES[head.name].start
        if head.exclusive:
            holds = decoded.p[head.name][0].argmax() == j and label not in ("neutral", "none")
        else:
            holds = bool(decoded.on[head.name][0, j])
        if holds:
            yield head.name, label, at


def _by_rule(
    comment: str, parts: list[tuple[int, int]], logits: Floats, scorer: Scorer
) -> Iterator[Evidence]:
    """What words name and the network does not find too unlikely, see ``nlp.decode.LEAN``."""
    said = by_words(normalize(comment))
    without = [by_words(normalize(comment[:start] + comment[end:])) for start, end in parts]
    on = with_words(decode(logits, scorer), named_by([said]), scorer).on
    for head in (h for h in HEADS if not h.exclusive):
        for j, label in enumerate(head.labels):
            if label in said.of(head.name) and on[head.name][0, j]:
                lost = np.array([label not in other.of(head.name) for other in without])
                spans = _spans(comment, parts, lost.astype(np.float32))
                yield Evidence(head=head.name, label=label, by="rule", spans=spans)


def _spans(
    comment: str, parts: list[tuple[int, int]], effects: npt.NDArray[np.float32]
) -> tuple[Span, ...]:
    """The strongest parts, neighbours joined."""
    strong = effects >= max(LEAST, ENOUGH * float(effects.max(initial=0.0)))
    joined: list[Span] = []
    for (start, end), effect in ((parts[i], float(effects[i])) for i in np.flatnonzero(strong)):
        last = joined[-1] if joined else None
        if last is not None and not comment[last.end : start].strip():
            start, effect = last.start, max(last.effect, effect)
            joined.pop()
        joined.append(Span(start=start, end=end, text=comment[start:end], effect=round(effect, 3)))
    return tuple(sorted(joined, key=lambda s: -s.effect)[:SPANS])
