"""A comment as clauses of lexicon words, and what turns a judgement in its clause."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from nlp.clauses import NEGATION_REACH
from nlp.rule_lexemes import Lexeme

MAX_CLAUSE_WORDS: Final = 40  # keeps the work linear for text without punctuation


class Word(NamedTuple):
    """One lexicon word where it stands."""

    start: int
    end: int
    lexeme: Lexeme
    text: str


class Clause(NamedTuple):
    """The words between two breaks."""

    words: list[Word]
    terms: list[int]  # positions in ``words`` of aspect terms
    opinions: list[int]  # positions in ``words`` of opinion words
    joined: bool  # a comma or space, not a full stop, separates it from the clause before


def split_clauses(words: list[Word]) -> Iterator[Clause]:
    clause = Clause([], [], [], False)
    for word in words:
        if word.lexeme.role in ("comma", "stop"):
            joined = word.lexeme.role == "comma" and (bool(clause.words) or clause.joined)
            if clause.words:
                yield clause
            clause = Clause([], [], [], joined)
            continue
        if len(clause.words) >= MAX_CLAUSE_WORDS:
            yield clause
            clause = Clause([], [], [], True)
        at = len(clause.words)
        clause.words.append(word)
        if word.lexeme.aspect:
            clause.terms.append(at)
        if word.lexeme.is_opinion:
            clause.opinions.append(at)
    if clause.words:
        yield clause


def is_degree(clause: Clause, at: int) -> bool:
    """True for 好 in 好贵: a one-character judgement right before another is a degree word."""
    word = clause.words[at]
    if word.end - word.start > 1 or at + 1 >= len(clause.words):
        return False
    following = clause.words[at + 1]
    return following.start == word.end and following.lexeme.is_opinion


def count_negations(clause: Clause, at: int) -> int:
    """How many negators turn the opinion word.

    Each stands within reach of the next, none beyond another judgement.
    """
    count, start = 0, clause.words[at].start
    for word in reversed(clause.words[:at]):
        if start - word.end > NEGATION_REACH:
            break
        if word.lexeme.role == "negator":
            count += 1
            start = word.start
        elif word.lexeme.role == "strong":
            start = word.start  # 没有传说的那么好吃
        elif word.lexeme.aspect or (word.lexeme.is_opinion and word.end - word.start > 1):
            break
    return count


def is_asked(clause: Clause, at: int) -> bool:
    """True for 好吃吗, 好不好吃, 贵不."""
    words = clause.words
    if any(word.lexeme.role == "question" for word in words[at + 1 :]):
        return True
    around = words[max(0, at - 2) : at + 3]
    for left, right in pairwise(around):
        if left.end == right.start and right.text[:2] == f"不{left.text[0]}":  # 贵|不贵
            return True
    for left, middle, right in zip(around, around[1:], around[2:], strict=False):
        touching = left.end == middle.start and middle.end == right.start
        if touching and middle.lexeme.role == "negator" and left.text[0] == right.text[0]:
            return True  # 好|不|好吃
    following = words[at + 1] if at + 1 < len(words) else None
    last = at + 2 == len(words)
    return (
        following is not None
        and last
        and following.lexeme.role == "negator"
        and (following.start == words[at].end)
    )
