"""One normal form per comment: what the model, the cache and the de-duplication see.

The rules run in the order of ``RULES`` and each has its line in ``docs/normalizing.md`` and its
tests. The form is
idempotent: normalising twice changes nothing. It never looks at more than ``MAX_CHARS`` characters,
because a
tokenizer truncates only after it has read everything (a text of 1 M characters costs it 2 s and 0.7
GB).
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import emoji

if TYPE_CHECKING:
    from opencc import OpenCC

MAX_CHARS: Final = 2_048
MAX_RUN: Final = 3  # 哈哈哈哈哈 -> 哈哈哈: three still says "many"
MAX_EMOTE_RUN: Final = 2
URL_WORD: Final = "网页链接"  # the words that Weibo itself shows in place of a link
SPECIAL_TOKENS: Final = ("PAD", "CLS", "SEP", "MASK", "UNK")

_URL = re.compile(r"(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_TAG = re.compile(r"</?(?:a|b|br|i|p|em|div|img|span|strong|font)\b[^<>]{0,200}>", re.IGNORECASE)
_REPLY = re.compile(r"(?:回复\s*@[^\s:@]{1,40}\s*:)|(?://@[^\s:@]{1,40}\s*:)")
_MENTION = re.compile(r"@[\w\-·.\u4e00-\u9fff]{0,40}")
_EMOTE_XHS = re.compile(r"\[([\u4e00-\u9fff]{1,9})[RHZ]\]")
_EMOTE = re.compile(r"\[[\w\u4e00-\u9fff·]{1,12}\]")
_EMOTE_RUN = re.compile(rf"(\[[\w·]{{1,12}}\])(?:\s*\1){{{MAX_EMOTE_RUN},}}")
_SPECIAL = re.compile(rf"\[({'|'.join(SPECIAL_TOKENS)})\]", re.IGNORECASE)
_CHAR_RUN = re.compile(rf"([^\s\d\[\]])\1{{{MAX_RUN},}}")
_SIXES = re.compile(r"6{4,}|(?<=2)3{4,}")
_SKIN_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
_DOTS = re.compile(r"\.{2,}")
_HAN = "[\u4e00-\u9fff]"
_SPELLED = re.compile(rf"(?<!{_HAN}){_HAN}( )(?:{_HAN} )+{_HAN}(?!{_HAN})")
_HIDDEN = re.compile(rf"{_HAN}([*·._~|])(?:{_HAN}\1)+{_HAN}")
_SPACE = re.compile(r"\s+")
_ASCII_PUNCTUATION: Final = tuple(zip(",!?:;()", "，！？：；（）", strict=True))
_DIGIT_PUNCTUATION = re.compile(r"(?<=\d)([，：])(?=\d)")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
)
_NOTHING_TO_JUDGE = re.compile(rf"[\s@#{URL_WORD}]*")


def normalize(text: str) -> str:
    """The normal form of a comment; empty when nothing is left of it.

    Cuts at ``MAX_CHARS`` first. The result holds no control, zero-width or bidirectional
    characters, at most
    ``MAX_RUN`` equal characters in a row, emoji and platform emotes as ``[名字]``, and lower-case
    Latin letters.
    """
    if _PLAIN.fullmatch(text) and _traditional_characters().isdisjoint(text):
        return collapse_runs(text)  # most comments need nothing else
    text = text[:MAX_CHARS]
    for rule in RULES:
        text = rule(text)
    return text.strip()


def is_cut(text: str) -> bool:
    """Whether ``normalize`` looks at only a part of the text."""
    return len(text) > MAX_CHARS


def has_content(normalized: str) -> bool:
    """Whether a normalised text holds anything to judge: more than mentions, links and blanks."""
    return _NOTHING_TO_JUDGE.fullmatch(normalized) is None


def unescape_html(text: str) -> str:
    """HTML entities become characters and the inline tags that crawlers leave become blanks."""
    if "&" in text:
        text = html.unescape(text)
    return _TAG.sub(" ", text) if "<" in text else text


def fold_unicode(text: str) -> str:
    """NFKC (full-width letters and digits to half-width, ① to 1), without stacked or invisible
    marks.
    """
    text = unicodedata.normalize("NFKC", text)
    if _MAYBE_MARK.search(text):
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return text


def replace_emoji(text: str) -> str:
    """Each emoji becomes its Chinese name in brackets, 😂 -> [笑哭了], so that it reads like a
    platform emote.
    """
    if not _MAYBE_EMOJI.search(text):
        return text
    _load_emoji_names()
    return emoji.replace_emoji(_SKIN_TONE.sub("", text), replace=_emoji_name)


def remove_invisible(text: str) -> str:
    """Zero-width, bidirectional, control and filler characters are dropped; they only ever hide
    something.
    """
    return _INVISIBLE.sub("", text)


def simplify(text: str) -> str:
    """Traditional characters become simplified ones, by phrase (乾淨 -> 干净, 乾坤 stays)."""
    if _traditional_characters().isdisjoint(text):
        return text
    return str(_converter().convert(text))


def replace_links(text: str) -> str:
    """A web address becomes the words 网页链接: that there is one matters, where it points does
    not.
    """
    return _URL.sub(f" {URL_WORD} ", text) if "." in text or ":" in text else text


def replace_mentions(text: str) -> str:
    """回复@name: and //@name: are dropped; any other @name becomes a bare @, so that names never
    sway a score.
    """
    if "@" not in text:
        return text
    return _MENTION.sub(" @ ", _REPLY.sub(" ", text))


def mark_emotes(text: str) -> str:
    """[笑哭R] -> [笑哭] (Xiaohongshu's suffix), and typed model tokens such as [CLS] lose their
    brackets.
    """
    if "[" not in text:
        return text
    text = _SPECIAL.sub(r"\1", text)
    text = _EMOTE_XHS.sub(r"[\1]", text)
    return _EMOTE_RUN.sub(lambda m: m[1] * MAX_EMOTE_RUN, text)


def collapse_runs(text: str) -> str:
    """More than three equal characters in a row become three; numbers stay, but 66666 is a cheer:
    666.
    """
    text = _CHAR_RUN.sub(lambda m: m[1] * MAX_RUN, text)
    return _SIXES.sub(lambda m: m[0][:MAX_RUN], text) if "666" in text or "333" in text else text


def unify_punctuation(text: str) -> str:
    """Half-width , ! ? : ; ( ) and ... become Chinese ones, except between digits (3:2, 1,234)."""
    for half, full in _ASCII_PUNCTUATION:  # a few times as fast as str.translate
        text = text.replace(half, full)
    text = _DOTS.sub("…", text)
    return _DIGIT_PUNCTUATION.sub(lambda m: "," if m[1] == "，" else ":", text)


def join_separated(text: str) -> str:
    """Three or more Chinese characters, each parted from the next by the same blank or sign, are
    joined: 加*微*信 hides a word, 好 难 吃 spells it out.
    """
    if not _MAYBE_PARTED.search(text):
        return text
    for pattern in (_SPELLED, _HIDDEN):
        text = pattern.sub(lambda m: m[0].replace(m[1], ""), text)
    return text


def tidy(text: str) -> str:
    """Latin letters in lower case, one blank between words, one @ for a row of mentions."""
    text = _SPACE.sub(" ", text.lower())
    while "@ @" in text:
        text = text.replace("@ @", "@")
    return text


RULES: Final = (
    unescape_html,
    replace_links,
    replace_emoji,
    fold_unicode,
    remove_invisible,
    simplify,
    replace_mentions,
    mark_emotes,
    unify_punctuation,
    tidy,
    join_separated,
    collapse_runs,
)

# Most comments hold nothing of what the slow steps look for, and one search tells.
_MAYBE_EMOJI = re.compile("[\u2001-\u2fff\U0001f000-\U0010ffff]")
_MAYBE_MARK = re.compile(
    "[\u0300-\u1fff\u20d0-\u20ff\u2c00-\u2dff\u302a-\u302d\u3099\u309a\ua600-\uabff\ufb1e\ufe00-\ufe2f"
    "\U00010000-\U0010ffff]"
)
_MAYBE_PARTED = re.compile(rf"{_HAN}([ *·._~|]){_HAN}\1{_HAN}")
_PLAIN = re.compile(r"[\u4e00-\u9fff，。！？、]{0,400}")


def _emoji_name(_char: str, data: dict[str, str]) -> str:
    name = data.get("zh") or data.get("en", "")
    return f"[{name.strip(':').replace('_', '')[:12]}]"


@functools.cache
def _load_emoji_names() -> None:
    emoji.config.load_language("zh")


@functools.cache
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


@functools.cache
def _traditional_characters() -> frozenset[str]:
    from importlib.resources import files

    lines = (
        (files("opencc") / "dictionary" / "TSCharacters.txt")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    pairs = (line.split("\t") for line in lines if "\t" in line)
    return frozenset(source for source, target in pairs if source not in target.split(" "))
