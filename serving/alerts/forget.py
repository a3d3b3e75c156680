"""What the alerts keep of comments that are to be forgotten: quotes, hits, the last two days.

Tables and columns are asked of the two files themselves. What messages already said elsewhere is
out of reach. Growth: every kept document is read once; meant for single persons.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from serving.alerts.delivery.outbox import FILE as OUTBOX
from serving.alerts.journal import FILE as JOURNAL
from serving.errors import ServingError

WAIT_S: Final = 60.0
Comment = tuple[str | None, str]  # platform, id


def forget_comments(home: Path, comments: Iterable[Comment]) -> dict[str, dict[str, int]]:
    """Take comments out of the alerts' files; return per file and table what ``forget`` tells.

    ``edited`` counts values that named one of them, ``after`` those found again afterwards; tables
    without any are left out.

    Raises:
        ServingError: a file cannot be read or written.
    """
    named = frozenset(comments)
    gone = named | {(None, comment) for _, comment in named}  # a quote may tell no platform
    found: dict[str, dict[str, int]] = {}
    for file in (JOURNAL, OUTBOX):
        if gone and (home / file).is_file():
            try:
                with closing(sqlite3.connect(home / file, timeout=WAIT_S)) as db, db:
                    for table, edited, after in _scrubbed(db, gone):
                        found[f"{file} {table}"] = {"before": 0, "after": after, "edited": edited}
            except sqlite3.Error as error:
                raise ServingError(
                    f"expected {home / file} free to write, found: {error}; forget again later"
                ) from error
    return found


def _scrubbed(db: sqlite3.Connection, gone: frozenset[Comment]) -> Iterator[tuple[str, int, int]]:
    """Name, values edited and values left of every table that named a comment."""
    db.isolation_level = None
    db.execute("BEGIN IMMEDIATE")
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    for (table,) in tables.fetchall():
        columns = db.execute(f'PRAGMA table_info("{table}")').fetchall()
        keys = [f'"{one[1]}"' for one in columns if one[5]]
        counts = [_scrub(db, table, f'"{one[1]}"', keys, gone) for one in columns]
        if any(edited for edited, _ in counts):
            yield table, sum(edited for edited, _ in counts), sum(after for _, after in counts)
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
        # a watcher at work reads again what it holds of the last days
        db.execute("UPDATE state SET value = CAST(value + 1 AS BLOB) WHERE name = 'pass'")
    db.execute("COMMIT")


def _scrub(
    db: sqlite3.Connection, table: str, column: str, keys: list[str], gone: frozenset[Comment]
) -> tuple[int, int]:
    """Values of one column that named a comment, and those that still do."""
    where = " AND ".join(f"{key} IS ?" for key in keys) or "rowid IS ?"
    named = ", ".join(keys) or "rowid"
    texts = f"SELECT {column}, {named} FROM \"{table}\" WHERE typeof({column}) IN ('text', 'blob')"
    edited = 0
    for value, *key in db.execute(texts).fetchall():
        kept = _without(value, gone)
        if kept != value:
            edited += 1
            db.execute(f'UPDATE "{table}" SET {column} = ? WHERE {where}', [kept, *key])
    left = [value for value, *_ in db.execute(texts).fetchall()] if edited else []
    return edited, sum(_without(value, gone) != value for value in left)


def _without(value: Any, gone: frozenset[Comment]) -> Any:
    """A stored value without what quotes one of the comments; the same value where nothing does."""
    if isinstance(value, bytes) and value[:4] == b"\xff\xff\xff\xff":  # an Arrow stream
        return _rows_without(value, gone)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if '"comment_id"' not in text:
        return value
    try:
        found = json.loads(text)
    except ValueError:
        return value
    kept = _items_without(found, gone)
    if kept == found:
        return value
    made = json.dumps(kept, ensure_ascii=False)
    return made.encode() if isinstance(value, bytes) else made


def _rows_without(value: bytes, gone: frozenset[Comment]) -> bytes:
    table = pa.ipc.open_stream(value).read_all()
    if "comment_id" not in table.column_names:
        return value
    rows = table.select([one for one in ("comment_id", "platform") if one in table.column_names])
    keep = [not _is_one(row, gone) for row in rows.to_pylist()]
    if all(keep):
        return value
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.filter(pa.array(keep, pa.bool_())))
    return bytes(sink.getvalue())


def _items_without(value: Any, gone: frozenset[Comment]) -> Any:
    if isinstance(value, list):
        return [_items_without(one, gone) for one in value if not _is_one(one, gone)]
    if isinstance(value, dict):
        return {name: _items_without(member, gone) for name, member in value.items()}
    return value


def _is_one(item: Any, gone: frozenset[Comment]) -> bool:
    """Whether a record is of one of the comments; a platform that is not told may be any."""
    if not isinstance(item, dict) or item.get("comment_id") is None:
        return False
    return (item.get("platform"), item["comment_id"]) in gone
