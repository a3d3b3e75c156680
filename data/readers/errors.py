"""The one error of the readers: a dump that cannot be read, in one line.

The message says what was expected, what was found and what to do; a fault of a single row is never
a ``DumpError`` but a ``Reject``.
"""

from __future__ import annotations

import os
from pathlib import Path


class DumpError(ValueError):
    """The file as a whole cannot be read as a dump."""


def show_path(path: Path) -> str:
    """The path on one line, with unprintable characters and undecodable bytes replaced by ``_``."""
    return printable(os.fspath(path))


def printable(text: str) -> str:
    """The text with every unprintable character replaced by ``_``."""
    return "".join(char if char.isprintable() else "_" for char in text)


def fail(path: Path, expected: str, found: str, advice: str) -> DumpError:
    """A ``DumpError`` about one file, in the house's form."""
    message = f"{show_path(path)}: expected {expected}; found {found}; {advice}"
    return DumpError(" ".join(message.split()))
