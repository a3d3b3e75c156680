"""The aspect lexicon as one table from word to everything the word can do in a clause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from data.lexicons import AspectTerms, OpinionWords, TermScanner

BREAKS: Final = dict.fromkeys("，,；;~～ \t", "comma") | dict.fromkeys("。.！!？?…\n", "stop")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexeme:
    """What one word does: names an aspect, judges, or turns, strengthens, breaks, suspends.

    ``judges`` maps an aspect to the polarity the word gives it beside a term; ``says`` is aspect
    and polarity in one. ``role`` is one of negator, strong, weak, comma, stop, hypothetical,
    question, rhetorical, turning.
    """

    aspect: str | None = None
    inverted: bool = False
    says: tuple[str, int] | None = None
    general: int | None = None
    judges: Mapping[str, int] = field(default_factory=dict)
    role: str = ""

    @property
    def is_opinion(self) -> bool:
        return self.says is not None or self.general is not None or bool(self.judges)

    def polarity_for(self, term: Lexeme) -> int | None:
        """The polarity given to the aspect that ``term`` names, or None when it gives none."""
        if term.aspect is None:
            return None
        beside = self.judges.get(term.aspect)
        if beside is not None:
            return -beside if term.inverted else beside
        if self.says is not None and self.says[0] == term.aspect:
            return self.says[1]
        return self.general


def build_scanners(
    aspects: Mapping[str, AspectTerms], words: OpinionWords
) -> tuple[TermScanner[Lexeme], TermScanner[Lexeme]]:
    """A scanner over the words that name an aspect, and one over every word of the aspect and
    opinion lexicons; where the first finds nothing, no aspect is named.
    """
    table: dict[str, Lexeme] = {}
    _add_roles(table, words)
    for polarity, group in ((1, words.positive), (-1, words.negative), (0, words.neutral)):
        for word in group:
            table[word] = replace(table.get(word, Lexeme()), general=polarity)
    for key, terms in aspects.items():
        _add_aspect(table, key, terms)
    table |= {word: Lexeme() for word in words.noise if word not in table}
    naming = {word: lexeme for word, lexeme in table.items() if lexeme.aspect or lexeme.says}
    return TermScanner(naming), TermScanner(table)


def _add_roles(table: dict[str, Lexeme], words: OpinionWords) -> None:
    groups = {
        "weak": words.degree_weak,
        "strong": words.degree_strong,
        "": words.pseudo_negators,
        "negator": (*words.negators, *words.denials),
        "comma": words.adversatives,
        "hypothetical": words.hypotheticals,
        "question": words.questions,
        "rhetorical": words.rhetoricals,
        "turning": words.turning_suffixes,
    }
    for role, group in groups.items():
        table |= {word: Lexeme(role=role) for word in group if role or word not in table}
    table |= {mark: Lexeme(role=role) for mark, role in BREAKS.items()}


def _add_aspect(table: dict[str, Lexeme], key: str, terms: AspectTerms) -> None:
    for word in terms.terms:
        found = table.get(word, Lexeme())
        table[word] = replace(found, aspect=key, inverted=word in terms.inverted_terms)
    for polarity, group in ((1, terms.beside_positive), (-1, terms.beside_negative)):
        for word in group:
            found = table.get(word, Lexeme())
            table[word] = replace(found, judges={**found.judges, key: polarity})
    for polarity, group in ((1, terms.positive), (-1, terms.negative)):
        for word in group:
            found = table.get(word, Lexeme())
            if found.says is None:
                table[word] = replace(found, says=(key, polarity))
