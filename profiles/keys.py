"""The installation's key: 32 random bytes that turn user ids into person ids.

It lives in one file under the installation's home, readable by its owner only. It is made once and
never overwritten: with another key the same user would become another person. Back it up with the
store.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from profiles.errors import KeyFileError

KEY_FILE_NAME: Final = "identity.key"
KEY_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600


def load_or_create_key(home: Path) -> bytes:
    """Return the key under ``home``; make it first where there is none.

    Two processes that start together end with the same key: the file appears complete or not at
    all.

    Raises:
        KeyFileError: the file is not 64 hexadecimal digits, or others than its owner may read it.
    """
    path = home / KEY_FILE_NAME
    if not path.exists():
        _create(path)
    return _read(path)


def load_key(home: Path) -> bytes:
    """Return the key under ``home``, which must be there.

    Raises:
        KeyFileError: there is none, it is not 64 hexadecimal digits, or others may read it.
    """
    path = home / KEY_FILE_NAME
    if not path.exists():
        raise KeyFileError(
            f"expected the key of the store at {path}, found none; restore it from your backup, "
            "or set TINGFENG_HOME to the folder that holds it"
        )
    return _read(path)


def _create(path: Path) -> None:
    """Write a fresh key beside ``path`` and link it into place unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, a link never replaces what is there
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise KeyFileError(
            f"expected {path} to be readable by its owner only (0600), found {mode:04o}; "
            f"run: chmod 600 {path}"
        )
    text = path.read_bytes().strip()
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(
            f"expected {2 * KEY_BYTES} hexadecimal digits in {path}, found {len(text)} characters; "
            "restore the file from your backup (a new key would orphan every stored person)"
        )
    return key
