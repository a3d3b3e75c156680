"""Texts that others wrote, made harmless: comments are hostile input wherever they are shown.

Chat clients read Markdown each in their own way, and backslashes do not help in all of them. So
what could be markup becomes the full-width form, which reads the same in Chinese text and is markup
nowhere: no link, mention, heading, code, image or tag is left. Golden tests hold it for each robot.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Markup of DingTalk's, Feishu's and WeCom's Markdown, HTML tags and entities, mentions.
_MARKUP: Final = str.maketrans({one: chr(ord(one) + 0xFEE0) for one in "*_`[]()#<>!|~\\@&"})
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_HIDDEN: Final = ("Cf", "Cs", "Co")  # formats such as zero width and bidi, surrogates, private
_MARKS_KEPT: Final = (
    2  # combining marks on one character; more is decoration that spills over lines
)
_DOT_IN_NAME: Final = re.compile(r"(?<=[0-9A-Za-z_-])\.(?=[A-Za-z])")
_DOT_IN_IP: Final = re.compile(r"(?<=\d)\.(?=\d+\.\d)|(?<=\.\d)\.(?=\d)")
_SCHEME: Final = re.compile(r"(?<=[A-Za-z0-9])\s*:\s*//")
_BARE_SCHEME: Final = re.compile(r"\b(javascript|data|mailto|tel|vbscript):", re.IGNORECASE)


def clean(text: str) -> str:
    """One line without control, invisible and bidirectional characters and lone surrogates."""
    found: list[str] = []
    marks = 0
    for char in text:
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in ("Cc", "Zl", "Zp") or char.isspace():
            found.append(" ")
        elif kind not in _HIDDEN and char not in _BLANK_LETTERS and marks <= _MARKS_KEPT:
            found.append(char)
    return " ".join("".join(found).split())


def defang(text: str) -> str:
    """The text without addresses that a client would turn into links: ``evil．com``."""
    text = _SCHEME.sub("：//", text)
    text = _BARE_SCHEME.sub(r"\1：", text)
    return _DOT_IN_IP.sub("．", _DOT_IN_NAME.sub("．", text))


def plain(text: str) -> str:
    """A foreign text for places without markup."""
    return defang(clean(text)).replace("@", "＠")


def markdown(text: str) -> str:
    """A foreign text for places with markup."""
    return defang(clean(text)).translate(_MARKUP)


def cut(text: str, chars: int) -> str:
    """At most ``chars`` characters, with … where some are missing."""
    return text if len(text) <= chars else text[: max(chars - 1, 0)].rstrip() + "…"


def cut_bytes(text: str, limit: int, ending: str) -> str:
    """At most ``limit`` bytes of whole characters, with ``ending`` where some are missing."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    room = max(limit - len(ending.encode()), 0)
    return raw[:room].decode(errors="ignore").rstrip() + ending
