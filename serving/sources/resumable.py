"""A fetch on disk that a kill cannot spoil: rows so far, and a cursor that says how many count.

``OUT.fetch/`` holds ``rows.jsonl``, to which each page is appended, and ``cursor.json``, which is
replaced after the page is on disk and records the length that counts. What a killed run wrote
beyond that is cut off, so no row is lost and none comes twice. At the end the rows become ``OUT``.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

from serving.sources.errors import SourceError


class ResumableOutput:
    """The folder of one fetch, as a context manager that holds its lock.

    ``identity`` says what is fetched: a fetch of something else is not gone on with. ``state`` is
    what the fetch last recorded; empty at the start.
    """

    def __init__(self, out: Path, identity: dict[str, Any], *, resume: bool) -> None:
        self.out = out
        self.folder = out.with_name(out.name + ".fetch")
        self.state: dict[str, Any] = {}
        self.resumed_bytes = 0
        self._identity, self._resume = identity, resume
        self._rows_path, self._cursor_path = (
            self.folder / name for name in ("rows.jsonl", "cursor.json")
        )
        self._lock: IO[str] | None = None
        self._rows: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            self._take(self._lock)
            self._open()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._rows is not None:
            self._rows.close()
        if self._lock is not None:
            self._lock.close()

    def append(self, rows: Sequence[dict[str, Any]], state: dict[str, Any]) -> None:
        """Puts one page's rows and the state after it on disk, both or neither."""
        assert self._rows is not None
        lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
        self._rows.write("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
        self._rows.flush()
        os.fsync(self._rows.fileno())
        self.state = state
        self._record(self._rows.tell())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row so far, in order."""
        with self._rows_path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def finish(self) -> None:
        """Makes the rows the output and removes the folder."""
        assert self._rows is not None
        self._rows.close()
        self._rows_path.replace(self.out)
        shutil.rmtree(self.folder)

    def _take(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError(
                f"{self.folder}: expected no other fetch into this output, found one at work; "
                "wait for it or choose another --out"
            ) from error

    def _open(self) -> None:
        record = self._read_record() if self._resume else None
        if record is None or not self._rows_path.exists():
            self._rows = self._rows_path.open("wb")
            self._record(0)
            return
        if record["identity"] != self._identity:
            raise SourceError(
                f"{self.folder}: expected an unfinished fetch of the same things, found one of "
                "others; give its options again to go on, or --no-resume to drop it"
            )
        size = self._rows_path.stat().st_size
        if size < record["bytes"]:
            raise SourceError(
                f"{self._rows_path}: expected {record['bytes']:,} bytes, found {size:,}; "
                "start over with --no-resume"
            )
        self._rows = self._rows_path.open("r+b")
        self._rows.truncate(record["bytes"])
        self._rows.seek(record["bytes"])
        self.state, self.resumed_bytes = record["state"], record["bytes"]

    def _read_record(self) -> dict[str, Any] | None:
        """What the cursor file says; null where there is none."""
        try:
            record = json.loads(self._cursor_path.read_bytes())
            return {name: record[name] for name in ("identity", "bytes", "state")}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise SourceError(
                f"{self._cursor_path}: expected the cursor of a fetch, found something else; "
                "start over with --no-resume"
            ) from None

    def _record(self, size: int) -> None:
        record = {"identity": self._identity, "bytes": size, "state": self.state}
        draft = self._cursor_path.with_suffix(".tmp")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(record, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._cursor_path)
