"""What words alone tell about one comment: topics, aspects, risks and three flags.

Pure functions over the raw text, tuned for precision: a risk that is denied, feared, asked or
supposed is no risk. The flags are question, purchase_intent and complaint; spam, toxicity and
sarcasm need the model. ``packs`` adds the words of industry packs of the taxonomy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from data.lexicons import (
    AspectTerms,
    PatternRule,
    TermScanner,
    load_aspects,
    load_intents,
    load_opinions,
    load_risks,
)
from data.taxonomy import level1_topics, load_taxonomy
from nlp.clauses import strip_markup
from nlp.rule_aspects import AspectOpinion, find_aspects
from nlp.rule_lexemes import Lexeme, build_scanners
from nlp.rule_patterns import PatternRules

OTHER = "other"  # no topic of the network's
__all__ = ["AspectOpinion", "Found", "aspects", "find_all", "flags", "risks", "topics"]


class Found(NamedTuple):
    """What ``topics``, ``flags``, ``risks`` and ``aspects`` give for one text."""

    topics: tuple[str, ...]
    flags: frozenset[str]
    risks: tuple[str, ...]
    aspects: tuple[AspectOpinion, ...]


def aspects(text: str, packs: Iterable[str] = ()) -> tuple[AspectOpinion, ...]:
    """The aspects named or implied, with polarity, in the order of ``labels.ASPECTS``."""
    return _aspects(strip_markup(text), tuple(packs))


def risks(text: str, packs: Iterable[str] = ()) -> tuple[str, ...]:
    """The crisis categories that the comment states, in the order of ``labels.RISKS``."""
    return _risk_rules(tuple(packs)).find(strip_markup(text))


def topics(text: str) -> tuple[str, ...]:
    """The interests whose keywords stand in the text, most keywords first; never "other"."""
    return _topics(strip_markup(text))


def flags(text: str) -> frozenset[str]:
    """Which of question, purchase_intent and complaint the wording shows."""
    return frozenset(_intent_rules().find(strip_markup(text)))


def find_all(text: str) -> Found:
    """All four of them in one go."""
    stripped = strip_markup(text)
    return Found(
        topics=_topics(stripped),
        flags=frozenset(_intent_rules().find(stripped)),
        risks=_risk_rules(()).find(stripped),
        aspects=_aspects(stripped, ()),
    )


def _topics(stripped: str) -> tuple[str, ...]:
    return tuple(key for key in level1_topics(stripped) if key != OTHER)


def _aspects(stripped: str, packs: tuple[str, ...]) -> tuple[AspectOpinion, ...]:
    pretest, scanner = _aspect_scanners(packs)
    return find_aspects(scanner, stripped) if pretest.scan(stripped) else ()


@lru_cache(maxsize=16)
def _aspect_scanners(packs: tuple[str, ...]) -> tuple[TermScanner[Lexeme], TermScanner[Lexeme]]:
    """A scanner over the words without which there is no aspect, and one over all."""
    taxonomy = load_taxonomy()
    terms: dict[str, AspectTerms] = dict(load_aspects())
    for name in packs:
        for aspect, words in taxonomy.pack(name).aspects.items():
            terms[aspect] = replace(terms[aspect], terms=(*terms[aspect].terms, *words))
    return build_scanners(terms, load_opinions())


@lru_cache(maxsize=16)
def _risk_rules(packs: tuple[str, ...]) -> PatternRules:
    taxonomy = load_taxonomy()
    rules: dict[str, tuple[PatternRule, ...]] = dict(load_risks())
    for name in packs:
        for risk, words in taxonomy.pack(name).risks.items():
            rules[risk] = (*rules[risk], PatternRule(match=tuple(map(re.escape, words))))
    return PatternRules(rules)


@lru_cache(maxsize=1)
def _intent_rules() -> PatternRules:
    return PatternRules(load_intents())
