"""Lexicons as package data with cached loaders.

Stop words, user dictionary, emotes, aspect terms, opinion words, risk and intent patterns. Nothing
is read on import; each loader reads its file once and gives an immutable result. The words are the
project's own. Rules that use them stand in ``nlp``.
"""

from __future__ import annotations

from data.lexicons.opinions import AspectTerms, OpinionWords, load_aspects, load_opinions
from data.lexicons.patterns import PatternRule, load_intents, load_risks
from data.lexicons.scanner import TermScanner
from data.lexicons.source import LexiconError
from data.lexicons.words import Emote, find_emote, load_emotes, load_stopwords, load_userdict

__all__ = [
    "AspectTerms",
    "Emote",
    "LexiconError",
    "OpinionWords",
    "PatternRule",
    "TermScanner",
    "find_emote",
    "load_aspects",
    "load_emotes",
    "load_intents",
    "load_opinions",
    "load_risks",
    "load_stopwords",
    "load_userdict",
]
