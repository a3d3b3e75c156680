"""The outbox's SQLite file: connections that wait for each other, transactions that write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.alerts.delivery.errors import DeliveryError

_BUSY_S: Final = 15.0


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is closed in the end. Raises: DeliveryError where the file is unusable."""
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    except sqlite3.Error as error:
        raise _unusable(path, error) from None
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous = FULL")  # a notice survives a power cut
        yield connection
    except sqlite3.Error as error:
        raise _unusable(path, error) from None
    finally:
        connection.close()


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """A write transaction, from its first statement on; undone where anything is raised."""
    with connected(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _unusable(path: Path, error: sqlite3.Error) -> DeliveryError:
    return DeliveryError(
        f"{path}: expected a usable SQLite file, found {error}; check rights, space and the file"
    )
