"""Aspects of a comment with polarity: aspect term and nearest opinion word in a clause.

The score is a documented heuristic, not a probability: 0.6 for an opinion word in the clause,
+0.15 when the word names aspect and judgement in one, +0.1 when it stands within two characters of
the term, +0.1 with a strong degree word, -0.1 with a weak one, -0.05 when negated, -0.15 when
taken from the next clause; 0.4 for a mention without a judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from data.labels import ASPECTS
from data.lexicons import TermScanner
from nlp.rule_clauses import Clause, Word, count_negations, is_asked, is_degree, split_clauses
from nlp.rule_lexemes import Lexeme

OPINION_REACH: Final = 12  # characters between an aspect term and its opinion word
CARRY_REACH: Final = 6  # the same across a comma or space
MENTION_SCORE: Final = 0.4
_POLARITY: Final = {1: "positive", 0: "neutral", -1: "negative"}


@dataclass(frozen=True, kw_only=True, slots=True)
class AspectOpinion:
    """One aspect of a comment; ``polarity`` is positive, neutral or negative, ``score`` 0..1."""

    aspect: str
    polarity: str
    score: float


class Finding(NamedTuple):
    """A polarity found for an aspect."""

    aspect: str
    polarity: int
    score: float


def find_aspects(scanner: TermScanner[Lexeme], text: str) -> tuple[AspectOpinion, ...]:
    """The aspects of a lower-case text in label order, each polarity at most once.

    A mention without a judgement is given only when its aspect is judged nowhere in the text.
    """
    words = [Word(start, end, lexeme, text[start:end]) for start, end, lexeme in scanner.scan(text)]
    if not any(word.lexeme.aspect or word.lexeme.says for word in words):
        return ()
    best: dict[tuple[str, int], float] = {}
    for found in _findings(list(split_clauses(words))):
        key = (found.aspect, found.polarity)
        best[key] = max(best.get(key, 0.0), found.score)
    judged = {aspect for aspect, polarity in best if polarity}
    return tuple(
        AspectOpinion(aspect=aspect, polarity=_POLARITY[polarity], score=best[aspect, polarity])
        for aspect in ASPECTS
        for polarity in (1, 0, -1)
        if (aspect, polarity) in best and (polarity or aspect not in judged)
    )


def _findings(clauses: list[Clause]) -> Iterator[Finding]:
    following: list[Clause | None] = [*clauses[1:], None]
    for clause, after in zip(clauses, following, strict=True):
        for at in clause.opinions:
            says = clause.words[at].lexeme.says
            if says is not None and not is_degree(clause, at):
                yield _judge(clause, at, says[0], says[1], bonus=0.15)
        for at in clause.terms:
            found = _term_finding(clause, at, after)
            if found is not None:
                yield found


def _term_finding(clause: Clause, at: int, after: Clause | None) -> Finding | None:
    """What is said of the term at ``clause.words[at]``; None when it only modifies a word."""
    term = clause.words[at]
    aspect = term.lexeme.aspect
    if aspect is None or term.lexeme.says is not None or _modifies_next(clause, at):
        return None
    chosen = _nearest_opinion(clause, at)
    if chosen is not None:
        opinion = clause.words[chosen]
        polarity = opinion.lexeme.polarity_for(term.lexeme)
        if polarity is None:
            return None
        gap = max(opinion.start - term.end, term.start - opinion.end)
        return _judge(clause, chosen, aspect, polarity, bonus=0.1 if gap <= 2 else 0.0)
    if not clause.opinions and after is not None:
        carried = _carried(term, after)
        if carried is not None:
            return carried
    return Finding(aspect, 0, MENTION_SCORE)


def _modifies_next(clause: Clause, at: int) -> bool:
    """True for 快递 in 快递包装 and 客服 in 客服的态度: the judgement is about the next term."""
    if at + 1 >= len(clause.words):
        return False
    term, following = clause.words[at], clause.words[at + 1]
    return following.lexeme.aspect is not None and following.start - term.end <= 0


def _nearest_opinion(clause: Clause, at: int) -> int | None:
    """The opinion word that judges the term.

    The next one, unless another term stands between and an opinion word precedes.
    """
    term = clause.words[at]
    usable = [
        n
        for n in clause.opinions
        if n != at
        and (
            clause.words[n].lexeme.polarity_for(term.lexeme) is not None
            or clause.words[n].lexeme.says
        )
        and not is_degree(clause, n)
    ]
    after = next((n for n in usable if n > at), None)
    before = next((n for n in reversed(usable) if n < at), None)
    if after is not None and clause.words[after].start - term.end > OPINION_REACH:
        after = None
    if before is not None and not _precedes(clause, before, at):
        before = None
    if after is not None and before is not None:
        return before if any(at < n < after for n in clause.terms) else after
    return after if after is not None else before


def _precedes(clause: Clause, opinion: int, at: int) -> bool:
    """True when the opinion stands just before the term: 好的质量, 喜欢这个味道."""
    gap = clause.words[at].start - clause.words[opinion].end
    return gap <= CARRY_REACH and not any(opinion < n < at for n in clause.terms)


def _carried(term: Word, after: Clause) -> Finding | None:
    """A judgement right after a comma or space: 味道，真不错."""
    if not after.joined or after.terms or not after.opinions:
        return None
    first = after.opinions[0]
    opinion = after.words[first]
    polarity = opinion.lexeme.polarity_for(term.lexeme)
    aspect = term.lexeme.aspect
    if polarity is None or aspect is None or opinion.start - term.end > CARRY_REACH:
        return None
    return _judge(after, first, aspect, polarity, bonus=-0.15)


def _judge(clause: Clause, at: int, aspect: str, polarity: int, *, bonus: float) -> Finding:
    """The finding for one opinion word after negation, degree and suspension."""
    before, after = clause.words[:at], clause.words[at + 1 :]
    roles_before = {word.lexeme.role for word in before}
    turns = count_negations(clause, at)
    turns += "rhetorical" in roles_before
    turns += bool(after) and after[0].lexeme.role == "turning"
    suspended = "hypothetical" in roles_before or (
        is_asked(clause, at) and "rhetorical" not in roles_before
    )
    score = 0.6 + bonus - (0.05 if turns else 0.0)
    if before and before[-1].lexeme.role in ("strong", "weak"):
        score += 0.1 if before[-1].lexeme.role == "strong" else -0.1
    elif at and is_degree(clause, at - 1):
        score += 0.1
    final = 0 if suspended else polarity * (-1) ** turns
    return Finding(aspect, final, round(MENTION_SCORE if suspended else score, 2))
