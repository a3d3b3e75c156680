"""Aspect terms and opinion words, as the aspect rules use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from data.labels import ASPECTS
from data.lexicons.source import LexiconError, read_package_yaml
from data.lexicons.words import PACKAGE, word_list


@dataclass(frozen=True, kw_only=True, slots=True)
class AspectTerms:
    """The words of one aspect.

    ``positive`` and ``negative`` name and judge it in one; ``beside_*`` judge it only next to a
    term, turned round when that term is one of ``inverted_terms``.
    """

    terms: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    beside_positive: tuple[str, ...] = ()
    beside_negative: tuple[str, ...] = ()
    inverted_terms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpinionWords:
    """General opinion words and the words that turn, strengthen, weaken or suspend them."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    neutral: tuple[str, ...]
    negators: tuple[str, ...]
    denials: tuple[str, ...]
    pseudo_negators: tuple[str, ...]
    degree_strong: tuple[str, ...]
    degree_weak: tuple[str, ...]
    adversatives: tuple[str, ...]
    hypotheticals: tuple[str, ...]
    questions: tuple[str, ...]
    rhetoricals: tuple[str, ...]
    turning_suffixes: tuple[str, ...]
    noise: tuple[str, ...]


@cache
def load_aspects() -> Mapping[str, AspectTerms]:
    """Aspect key to its words; holds exactly the keys of ``labels.ASPECTS``, in that order."""
    found = read_package_yaml(PACKAGE, "aspects.yaml")
    if found.keys() != ASPECTS.keys():
        wrong = sorted(found.keys() ^ ASPECTS.keys())
        raise LexiconError(f"aspects.yaml: expected the aspect keys, found a difference: {wrong}")
    return MappingProxyType(
        {
            key: AspectTerms(**_lists(found[key], AspectTerms, f"aspects.yaml: {key}"))
            for key in ASPECTS
        }
    )


@cache
def load_opinions() -> OpinionWords:
    """The general opinion words."""
    return OpinionWords(
        **_lists(read_package_yaml(PACKAGE, "opinions.yaml"), OpinionWords, "opinions.yaml")
    )


def _lists(found: Mapping[str, Any], record: type, where: str) -> dict[str, tuple[str, ...]]:
    known = {field.name for field in fields(record)}
    unknown = sorted(set(found) - known)
    if unknown:
        raise LexiconError(
            f"{where}: expected keys of {sorted(known)}, found {unknown}; rename them"
        )
    return {key: word_list(words, f"{where}: {key}") for key, words in found.items()}
