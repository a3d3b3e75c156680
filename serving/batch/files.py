"""Files that are either whole or not there, and what to say when there is no room for them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from serving.errors import ServingError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFullError(ServingError, OSError):
    """No room for what has to be written; finished windows are kept."""


def sync_folder(folder: Path) -> None:
    """Makes renames in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether the error says that there is no room: disk, quota or the limit of a file's size."""
    return error.errno in FULL


def check_writable(path: Path) -> str | None:
    """What stands in the way of a file there; None when nothing does."""
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"expected a folder that can be written, found {folder} read-only"
    if path.exists() and not os.access(path, os.W_OK):
        return f"expected a file that may be replaced, found {path} read-only"
    return None
