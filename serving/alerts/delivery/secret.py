"""Secrets: named by ``env:VARIABLE`` or ``file:PATH``, never written down, never shown."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

from serving.alerts.delivery.errors import ChannelError

HIDDEN: Final = "***"
_PREFIXES: Final = ("env:", "file:")
_SHORTEST: Final = 4  # a shorter text would be struck out all over a message


class Secret:
    """A value that only ``reveal()`` gives out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def is_reference(text: str) -> bool:
    """Whether the text names a secret instead of being one."""
    return text.startswith(_PREFIXES) and bool(text.partition(":")[2])


def read_secret(reference: str, where: str) -> Secret:
    """The secret that a reference names; blanks around it are dropped.

    Raises:
        ChannelError: the variable or the file is not there or empty.
    """
    scheme, _, name = reference.partition(":")
    value = os.environ.get(name, "") if scheme == "env" else _file(name, where)
    if not value.strip():
        kind = "variable" if scheme == "env" else "file"
        raise ChannelError(f"{where}: expected a value in the {kind} {name}, found none; set it")
    return Secret(value.strip())


def _file(path: str, where: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ChannelError(
            f"{where}: expected a readable file {path}, found {type(error).__name__}; "
            "check the path and the rights"
        ) from None


class Redactor:
    """Strikes known secrets out of any text, also where they are part of an address."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        found: set[str] = set()
        for secret in secrets:
            for text in _parts(secret.reveal()):
                found |= {text, quote(text, safe=""), quote_plus(text)}
        self._found = sorted((text for text in found if len(text) >= _SHORTEST), key=len)[::-1]

    def __call__(self, text: str) -> str:
        """The text without any of the secrets."""
        for secret in self._found:
            text = text.replace(secret, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._found)} texts)"


def _parts(value: str) -> Iterable[str]:
    """The value, and of an address what makes it secret: path segments and values of the query."""
    yield value
    if "://" not in value:
        return
    parts = urlsplit(value)
    yield from (pair.partition("=")[2] for pair in parts.query.split("&") if "=" in pair)
    yield f"{parts.path}?{parts.query}"
    if parts.path.count("/") > 1:
        yield parts.path
    yield from (one for one in parts.path.split("/") if len(one) >= 12)  # an id, not "robot"
