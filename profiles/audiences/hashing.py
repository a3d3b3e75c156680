"""Identifiers as ad platforms compare them: brought into one spelling, then hashed.

The spellings are the platforms' own: phones without country code (or E.164), IDFA in upper case
with dashes, IMEI and OAID in lower case, MAC in upper case without colons.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

_PHONE: Final = re.compile(r"1[3-9]\d{9}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC: Final = re.compile(r"[0-9A-F]{12}")
_MEID_OR_IMEI: Final = re.compile(r"[0-9a-z]{14,15}")
_OPENID: Final = re.compile(r"[\w-]{20,64}")


def phone_cn(value: str) -> str | None:
    """A mainland mobile number of 11 digits, or None when it is none."""
    digits = re.sub(r"[\s\-()+.]", "", value)
    digits = re.sub(r"^(0086|86)(?=1\d{10}$)", "", digits)
    return digits if _PHONE.fullmatch(digits) else None


def phone_e164_cn(value: str) -> str | None:
    """The same as +86…"""
    digits = phone_cn(value)
    return f"+86{digits}" if digits else None


def lower(value: str) -> str | None:
    """IMEI, MEID or OAID in lower case."""
    text = value.strip().lower()
    return text if _MEID_OR_IMEI.fullmatch(text) or _UUID.fullmatch(text) else None


def uuid_upper(value: str) -> str | None:
    """IDFA in upper case with dashes."""
    text = value.strip().lower()
    return text.upper() if _UUID.fullmatch(text) else None


def mac(value: str) -> str | None:
    """A MAC address in upper case without separators."""
    text = re.sub(r"[:\-.\s]", "", value).upper()
    return text if _MAC.fullmatch(text) else None


def none(value: str) -> str | None:
    """An openid as it is."""
    text = value.strip()
    return text if _OPENID.fullmatch(text) else None


NORMALISE: Final[Mapping[str, Callable[[str], str | None]]] = {
    f.__name__: f for f in (phone_cn, phone_e164_cn, lower, uuid_upper, mac, none)
}
HASH: Final[Mapping[str, Callable[[str], str]]] = {
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "none": lambda text: text,
}
