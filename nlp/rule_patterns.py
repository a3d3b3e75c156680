"""Pattern rules of the lexicons, compiled, and what they find in a comment.

A rule holds where one of its fragments stands in its context, near none of its exclusions, and is
neither negated nor supposed nor asked (as far as the rule does not allow that).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from data.lexicons import PatternRule
from nlp.clauses import suspensions

EXCLUSION_REACH: Final = 10  # characters on each side of a match


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledRule:
    """One pattern rule with its three alternations."""

    match: re.Pattern[str]
    context: re.Pattern[str] | None
    exclude: re.Pattern[str] | None
    rule: PatternRule

    def holds_in(self, text: str) -> bool:
        """True when the rule finds something in the lower-case text."""
        return any(
            self._has_context(text, found) and self._is_stated(text, found)
            for found in self.match.finditer(text)
        )

    def _has_context(self, text: str, found: re.Match[str]) -> bool:
        if self.context is None:
            return True
        start, end = found.span()
        low = start if self.rule.side == "after" else max(0, start - self.rule.window)
        high = start if self.rule.side == "before" else end + self.rule.window
        low = end if self.rule.side == "after" else low
        return self.context.search(text, low, min(high, len(text))) is not None

    def _is_stated(self, text: str, found: re.Match[str]) -> bool:
        start, end = found.span()
        low, high = max(0, start - EXCLUSION_REACH), end + EXCLUSION_REACH
        if self.exclude is not None and self.exclude.search(text, low, min(high, len(text))):
            return False
        return suspensions(text, start, end) <= self.rule.allow


class PatternRules:
    """The rules of several keys behind one cheap pre-test."""

    def __init__(self, rules: Mapping[str, tuple[PatternRule, ...]]) -> None:
        self._rules = {key: tuple(compile_rule(rule) for rule in rules[key]) for key in rules}
        every = [fragment for key in rules for rule in rules[key] for fragment in rule.match]
        self._pretest = _any_of(every)

    def find(self, text: str) -> tuple[str, ...]:
        """The keys with a rule that holds in the lower-case text, in the order of the rules."""
        if self._pretest.search(text) is None:
            return ()
        return tuple(
            key for key, rules in self._rules.items() if any(rule.holds_in(text) for rule in rules)
        )


def compile_rule(rule: PatternRule) -> CompiledRule:
    """The rule ready to run."""
    return CompiledRule(
        match=_alternation(rule.match),
        context=_alternation(rule.context) if rule.context else None,
        exclude=_alternation(rule.exclude) if rule.exclude else None,
        rule=rule,
    )


def _any_of(fragments: Iterable[str]) -> re.Pattern[str]:
    """Finds something wherever a fragment does. Those with the same first character are one branch:
    ``re`` tries the branches one by one.
    """
    branches: dict[str, list[str]] = {}
    for fragment in dict.fromkeys(fragments):
        plain = fragment[0] != "\\" and fragment[1:2] not in ("?", "{")
        branches.setdefault(fragment[0] if plain else "", []).append(fragment[plain:])
    return re.compile("|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in branches.items()))


def _alternation(fragments: tuple[str, ...]) -> re.Pattern[str]:
    """One alternation, longer fragments first; literal first characters let ``re`` skip fast."""
    ordered = sorted(dict.fromkeys(fragments), key=lambda f: (-len(f), f))
    return re.compile("|".join(ordered))
