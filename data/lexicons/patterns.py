"""Patterns for risks and intents: what to find, in which context, and what voids it.

Fragments are regular expressions whose first character is literal and whose only quantifiers are
``?`` and ``{0,n}``, so matching time is linear in the text. The rules stay text here;
``nlp.rules`` compiles them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from data.labels import FLAGS, RISKS
from data.lexicons.source import LexiconError, read_package_yaml
from data.lexicons.words import PACKAGE, word_list

SIDES: Final = ("before", "after", "around")
ALLOWANCES: Final = frozenset({"negated", "hypothetical", "question"})
RULE_FLAGS: Final = ("question", "purchase_intent", "complaint")
_KEYS: Final = frozenset({"match", "context", "side", "window", "exclude", "allow"})
_UNBOUNDED: Final = re.compile(r"(?<!\\)(?:[*+(|^$]|\{\d*,\}|\{\d+,(?:1[3-9]|[2-9]\d|\d{3,})\})")
_NOT_LITERAL: Final = frozenset(".[")


@dataclass(frozen=True, kw_only=True, slots=True)
class PatternRule:
    """One rule: any of ``match``, with any of ``context`` within ``window`` characters on
    ``side``.

    An ``exclude`` fragment near the match voids it. ``allow`` names what does not void it:
    negated, hypothetical, question.
    """

    match: tuple[str, ...]
    context: tuple[str, ...] = ()
    side: str = "around"
    window: int = 12
    exclude: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()


@cache
def load_risks() -> Mapping[str, tuple[PatternRule, ...]]:
    """Risk key to its rules; holds exactly the keys of ``labels.RISKS``, in that order."""
    return read_rules("risks.yaml", tuple(RISKS))


@cache
def load_intents() -> Mapping[str, tuple[PatternRule, ...]]:
    """Flag key (question, purchase_intent, complaint) to its rules."""
    return read_rules("intents.yaml", tuple(key for key in FLAGS if key in RULE_FLAGS))


def read_rules(name: str, keys: tuple[str, ...]) -> Mapping[str, tuple[PatternRule, ...]]:
    """The rules of one file, checked.

    Raises:
        LexiconError: keys differ from ``keys``, or a rule is not well-formed.
    """
    found = read_package_yaml(PACKAGE, name)
    if set(found) != set(keys):
        raise LexiconError(f"{name}: expected {list(keys)}, found {list(found)}; rename the keys")
    return MappingProxyType(
        {
            key: tuple(
                build_rule(rule, f"{name}: {key}[{n}]")
                for n, rule in enumerate(found[key]["rules"])
            )
            for key in keys
        }
    )


def build_rule(found: Mapping[str, Any], where: str) -> PatternRule:
    """A checked rule from its YAML mapping.

    Raises:
        LexiconError: unknown keys, an unknown side or allowance, or an unsafe fragment.
    """
    unknown = sorted(set(found) - _KEYS)
    if unknown or "match" not in found:
        raise LexiconError(f"{where}: expected match and {sorted(_KEYS)}, found {sorted(found)}")
    side = found.get("side", "around")
    allow = frozenset(found.get("allow", ()))
    if side not in SIDES or not allow <= ALLOWANCES:
        raise LexiconError(f"{where}: expected side of {SIDES}, allow of {sorted(ALLOWANCES)}")
    fragments = {
        key: word_list(found[key], f"{where}.{key}")
        for key in ("match", "context", "exclude")
        if key in found
    }
    for key, words in fragments.items():
        for word in words:
            _check_fragment(word, f"{where}.{key}", leading=key == "match")
    window = int(found.get("window", PatternRule.__dataclass_fields__["window"].default))
    return PatternRule(**fragments, side=side, window=window, allow=allow)


def _check_fragment(fragment: str, where: str, *, leading: bool) -> None:
    if _UNBOUNDED.search(fragment) or (leading and fragment[0] in _NOT_LITERAL):
        raise LexiconError(
            f"{where}: expected a literal start and only ? or {{0,n}} (n up to 12), "
            f"found {fragment}; rewrite the fragment"
        )
    try:
        re.compile(fragment)
    except re.error as error:
        raise LexiconError(
            f"{where}: expected a regular expression, found {fragment}: {error}"
        ) from error
