"""Rejected rows to ``<out>.rejects.jsonl``: file, line, reason and what stood there, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from data.readers import Reject
from serving.batch.writers import move_into_place


class RejectsWriter:
    """Writes to ``.part`` and moves it into place at the end; without rejects no file is left."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(out.name + ".rejects.jsonl")
        self._part = self.path.with_name(self.path.name + ".part")
        self._file = self._part.open("w", encoding="utf-8", newline="\n")
        self._count = 0

    def write(self, rejects: Iterable[Reject]) -> None:
        """Appends the rejects."""
        for reject in rejects:
            self._file.write(_line(reject))
            self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None and self._count:
                move_into_place(self._part, self.path)
            elif kind is None:
                self.path.unlink(missing_ok=True)
        finally:
            self._part.unlink(missing_ok=True)


def _line(reject: Reject) -> str:
    record = {
        "file": reject.file,
        "line": reject.line,
        "reason": reject.reason,
        "raw": reject.raw,
    }
    return json.dumps(record, ensure_ascii=False) + "\n"
