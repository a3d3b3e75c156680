"""A folder of growing CSV and JSONL dumps, tailed by whole records.

Of each file the inode, the bytes read and the header are kept. A torn last line waits for its end;
a CSV record with line breaks in quotes waits for its closing quote. A file that shrank or was
replaced is read from its beginning: comments seen before are dropped by id. Text must be UTF-8 or
GB18030, where a line end is one byte.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from nlp.analyzer import Analyzer
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor
from serving.alerts.sources.snippet import read_snippet

TABULAR: Final = (".csv", ".tsv", ".tab")
GROWING: Final = (*TABULAR, ".jsonl", ".ndjson")
MAX_BYTES: Final = 16 << 20  # of one file in one pass


class FolderSource:
    """See the module."""

    def __init__(
        self,
        folder: Path,
        analyzer: Callable[[], Analyzer],
        rules: Rules,
        tell: Callable[[str], None],
    ) -> None:
        self.name = str(folder)
        self._folder, self._analyzer, self._rules, self._tell = folder, analyzer, rules, tell

    def done(self) -> bool:
        return False

    def read(self, cursor: Cursor) -> tuple[list[pa.Table], Cursor]:
        """What every file gained; a file that cannot be read is told and tried again."""
        tables: list[pa.Table] = []
        after: Cursor = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() not in GROWING or not path.is_file():
                continue
            try:
                content, after[path.name] = read_growth(path, cursor.get(path.name))
            except OSError as error:
                self._tell(f"{path}: {error.strerror}; tried again in the next pass")
                after[path.name] = cursor.get(path.name)
                continue
            if content:
                tables += read_snippet(path.name, content, self._analyzer, self._rules, self._tell)
        return tables, after


def read_growth(path: Path, before: dict[str, Any] | None) -> tuple[bytes, dict[str, Any]]:
    """The whole records that a file gained, under its header, and where to go on."""
    tabular = path.suffix.lower() in TABULAR
    with path.open("rb") as file:
        info = path.stat()
        same = (
            before is not None and before["inode"] == info.st_ino and info.st_size >= before["at"]
        )
        if same and before is not None:
            header = bytes.fromhex(before["header"])
            same = file.read(len(header)) == header  # truncated and written anew
        start, header = (before["at"], header) if same and before is not None else (0, b"")
        file.seek(start)
        block = file.read(MAX_BYTES)
    whole = block[: _whole(block, tabular)]
    kept = header
    if tabular and not header and whole:
        end = _whole(whole.split(b"\n", 1)[0] + b"\n", tabular) or len(whole)
        kept = whole[:end]
    elif not tabular and not header:
        kept = whole[:64]
    content = (header + whole if tabular else whole) if whole.strip() else b""
    return content, {"inode": info.st_ino, "at": start + len(whole), "header": kept.hex()}


def _whole(block: bytes, tabular: bool) -> int:
    """Where the last whole record ends."""
    end = block.rfind(b"\n") + 1
    while tabular and end and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end
