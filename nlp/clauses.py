"""What surrounds a word in a comment: markup, negation, supposition, questions.

All functions are pure and linear in the text; positions refer to the text that was passed in.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from data.lexicons import TermScanner, load_opinions

NEGATION_REACH: Final = 4  # characters between a negator and the word it turns
_HEAD: Final = 14  # characters before a word that can still suspend it
MARKUP: Final = re.compile(
    r"https?://[\w./?=&%#:+\-]{1,200}|(?://|回复)?@[\w\-·]{1,30}[:：]?|\[[^\[\]\n]{1,14}\]"
)
_BREAKS: Final = "，,。.！!？?；;…~～\n \t"
_CLAUSE_END: Final = re.compile(r"[，,。！!；;…~～\s]")
_TURNED_AFTER: Final = re.compile(
    r".{0,3}(?:是不可能|不存在|倒没有|也没有|都没有|也没|的情况没有|现象没有|没有出现|没有发生)"
)
_ASKS_ELSE: Final = re.compile(
    r"怎么办|咋办|怎么解决|怎么处理|怎么赔|怎么回事|找谁|正常吗|没人管吗|不管吗"
)
_BARE_WORD: Final = re.compile(r"[^什怎这那多要]么$")


def strip_markup(text: str) -> str:
    """The comment in lower case with links, @names and [emotes] turned into spaces."""
    if "@" in text or "[" in text or "http" in text:
        text = MARKUP.sub(" ", text)
    return text.lower()


@cache
def _context_scanner() -> TermScanner[str]:
    words = load_opinions()
    terms = dict.fromkeys(words.noise, "")
    terms |= dict.fromkeys(words.negators, "negated")
    terms |= dict.fromkeys(words.denials, "denied")
    terms |= dict.fromkeys(words.hypotheticals, "hypothetical")
    terms |= dict.fromkeys(words.rhetoricals, "hypothetical")
    terms |= {word: "" for word in words.pseudo_negators if terms.get(word) != "hypothetical"}
    return TermScanner(terms)


def suspensions(text: str, start: int, end: int) -> frozenset[str]:
    """Which of negated, hypothetical and question hold for the word at ``text[start:end]``.

    Negated: a negator within four characters before it, a denial in its clause, or "…也没有" right
    after it. Hypothetical: wished, feared or supposed earlier in its clause. Question: its clause
    asks whether it is so.
    """
    found: set[str] = set()
    head = _clause_head(text, start)
    for _, hit_end, kind in _context_scanner().scan(head):
        if kind == "negated" and len(head) - hit_end > NEGATION_REACH:
            continue
        if kind:
            found.add("negated" if kind == "denied" else kind)
    if _TURNED_AFTER.match(text, end):
        found.add("negated")
    if _is_asked(text, end):
        found.add("question")
    return frozenset(found)


def _clause_head(text: str, start: int) -> str:
    head = text[max(0, start - _HEAD) : start]
    return head[max(head.rfind(mark) for mark in _BREAKS) + 1 :]


def _is_asked(text: str, end: int) -> bool:
    tail = _CLAUSE_END.split(text[end : end + 12], maxsplit=1)[0]
    if _ASKS_ELSE.search(tail):
        return False
    if "吗" in tail or _BARE_WORD.search(tail):
        return True
    marks = tail.count("？") + tail.count("?")
    return marks == 1  # several marks are outrage, not a question
