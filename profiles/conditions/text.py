"""Conditions in one line of text, as people type them.

    spending.orders >= 3 and (interest.beauty > 0.2 or tag = vip) and not segment = 一般挽留

``and or not`` bind as usual; 且 或 非 say the same. Tests: ``= != >= <= > <``, ``in [a, b]``,
``contains word``, ``between 1 and 3``, ``known``. Values are words, numbers or quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, NoReturn

from profiles.conditions.tree import Condition, ConditionError, FieldTest, Group, Value

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>>=|<=|!=|==|=|>|<|\(|\)|\[|\]|,|，)"""
    r"""|(?P<word>[^\s()\[\],，=<>!"']+))"""
)
_WORDS: Final = {
    "且": "and",
    "或": "or",
    "非": "not",
    "==": "=",
    "，": ",",
    "&&": "and",
    "||": "or",
}
_COMPARISONS: Final = ("=", "!=", ">=", "<=", ">", "<", "contains")
_RESERVED: Final = frozenset({"and", "or", "not", "in", "between", "contains", "known"})
Token = tuple[str, bool, int]  # text, quoted, position


def parse(text: str) -> Condition:
    """The tree of one line.

    Raises:
        ConditionError: the line ends too early or holds something where it cannot stand.
    """
    reader = _Reader(text)
    condition = reader.any()
    if reader.left:
        reader.fail("and, or or the end")
    return condition


class _Reader:
    """Recursive descent: any := all (or all)*; all := one (and one)*; one := not one, ( any ) or a
    test of a field.
    """

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, _tokens(text), 0

    @property
    def left(self) -> bool:
        return self.at < len(self.tokens)

    def any(self) -> Condition:
        return self._joined("any", "or", lambda: self._joined("all", "and", self.one))

    def one(self) -> Condition:
        if self.took("not"):
            return Group(how="not", parts=(self.one(),))
        if self.took("("):
            inside = self.any()
            self.need(")")
            return inside
        return self.test()

    def test(self) -> FieldTest:
        field = self.word("a field")
        if self.took("known"):
            return FieldTest(field=field, op="known")
        if self.took("in"):
            return FieldTest(field=field, op="in", values=self.listed())
        if self.took("between"):
            low = self.value()
            self.need("and")
            return FieldTest(field=field, op="between", values=(low, self.value()))
        for op in _COMPARISONS:
            if self.took(op):
                return FieldTest(field=field, op=op, values=(self.value(),))
        self.fail("= != >= <= > <, in, contains, between or known")

    def listed(self) -> tuple[Value, ...]:
        self.need("[")
        values = [self.value()]
        while self.took(","):
            values.append(self.value())
        self.need("]")
        return tuple(values)

    def value(self) -> Value:
        text, quoted, _ = self.peek()
        if not text or (not quoted and (text in _RESERVED or not _is_word(text))):
            self.fail("a value")
        self.at += 1
        return text

    def word(self, what: str) -> str:
        text, quoted, _ = self.peek()
        if quoted or text in _RESERVED or not _is_word(text):
            self.fail(what)
        self.at += 1
        return text

    def took(self, text: str) -> bool:
        found, quoted, _ = self.peek()
        if found != text or quoted:
            return False
        self.at += 1
        return True

    def need(self, text: str) -> None:
        if not self.took(text):
            self.fail(text)

    def peek(self) -> Token:
        return self.tokens[self.at] if self.left else ("", False, len(self.text))

    def fail(self, expected: str) -> NoReturn:
        text, _, position = self.peek()
        found = f"{text!r} at character {position + 1}" if text else "the end"
        raise ConditionError(f"{self.text!r}: expected {expected}, found {found}")

    def _joined(
        self, how: Literal["all", "any"], word: str, part: Callable[[], Condition]
    ) -> Condition:
        parts = [part()]
        while self.took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Group(how=how, parts=tuple(parts))


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ConditionError(
                f"{text!r}: expected a word, a number or a quoted value at character {at + 1}, "
                f"found {text[at:].strip()[0]!r}"
            )
        raw = match[match.lastgroup or 0]
        quoted = match.lastgroup == "quoted"
        plain = raw[1:-1] if quoted else _WORDS.get(raw, raw)
        word = plain.lower() if not quoted and plain.lower() in _RESERVED else plain
        found.append((word, quoted, match.start(match.lastgroup or 0)))
        at = match.end()
    return found


def _is_word(text: str) -> bool:
    return bool(text) and text not in {"(", ")", "[", "]", ",", "=", "!=", ">=", "<=", ">", "<"}
