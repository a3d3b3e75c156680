"""A scoring job on disk: finished windows as part files, so that a killed run goes on where it was.

``<out>.job/`` holds ``job.json`` (what is scored with what) and one Parquet file per finished
window, each put in place by a rename. A second worker on the same job is refused by a lock that
ends with its process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from serving.batch.files import sync_folder
from serving.errors import ServingError

SAMPLE_BYTES = 65_536
_FAILED: Final = b"tingfeng.failed"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A finished window: its rows, and reasons by row of those that could not be scored."""

    table: pa.Table
    failed: dict[int, str]


class Job:
    """The folder of one job, as a context manager that holds its lock.

    ``tell`` hears, in one sentence, when windows of an earlier run cannot be used.
    """

    def __init__(
        self,
        out: Path,
        identity: dict[str, Any],
        *,
        resume: bool,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = out.with_name(out.name + ".job")
        self._identity, self._resume, self._tell = identity, resume, tell
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self._lock = self._take()
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not any(self.folder.glob("*.parquet")):
            shutil.rmtree(self.folder, ignore_errors=True)  # nothing in it to go on from
        if self._lock is not None:
            self._lock.close()

    def done(self, number: int) -> bool:
        """Whether window ``number`` was finished by this or an earlier run."""
        return self._part(number).exists()

    @property
    def finished(self) -> int:
        """Windows that a later run can take over."""
        return sum(1 for _ in self.folder.glob("*.parquet"))

    def save(self, number: int, table: pa.Table, failed: dict[int, str] | None = None) -> None:
        """Keeps a finished window; after this returns a kill loses nothing of it."""
        part = self._part(number)
        temporary = part.with_suffix(".tmp")
        if failed:
            table = table.replace_schema_metadata(
                {**(table.schema.metadata or {}), _FAILED: json.dumps(failed).encode()}
            )
        try:
            pq.write_table(table, temporary, compression="zstd")
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(part)
            sync_folder(self.folder)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, number: int) -> pa.Table:
        """A finished window's rows as they were saved."""
        return self._read(number).table

    def find(self, number: int, rows: int) -> Saved | None:
        """A finished window of so many kept rows; None when there is none or it is damaged."""
        if not self.done(number):
            return None
        try:
            saved = self._read(number)
        except (OSError, ValueError, pa.ArrowException) as error:
            self._tell(f"{self._part(number)}: damaged ({error}); its rows are scored again")
            return None
        return saved if saved.table.num_rows + len(saved.failed) == rows else None

    def remove(self) -> None:
        """Drops the job's folder; called when the output stands.

        The lock goes last, so that no other run finds the folder free while it is emptied; one that
        comes then keeps the folder.
        """
        lock = self.folder / "lock"
        for entry in self.folder.iterdir():
            if entry != lock:
                entry.unlink()
        lock.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def _read(self, number: int) -> Saved:
        table = pq.read_table(self._part(number))
        metadata = dict(table.schema.metadata or {})
        failed = json.loads(metadata.pop(_FAILED, b"{}"))
        return Saved(
            table=table.replace_schema_metadata(metadata or None),
            failed={int(row): reason for row, reason in failed.items()},
        )

    def _take(self) -> IO[str]:
        """The lock, on the folder that is there now and not on one that was just removed."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = (self.folder / "lock").open("w")
            except FileNotFoundError:
                continue  # its last worker has just finished and removed it
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same(lock, self.folder / "lock"):
                    return lock
            except BlockingIOError as error:
                lock.close()
                raise ServingError(
                    f"{self.folder}: expected no other run on this output, found one at work; "
                    "wait for it or choose another --out"
                ) from error
            lock.close()

    def _open(self) -> None:
        record = self.folder / "job.json"
        before = _read(record)
        if self._resume and before == self._identity:
            return
        old = list(self.folder.glob("*.parquet"))
        if old and self._resume:
            self._tell(
                f"{self.folder}: {len(old):,} finished windows of an earlier run are dropped, "
                f"because {_differences(before, self._identity)} changed since"
            )
        for part in old:
            part.unlink()
        temporary = record.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._identity, ensure_ascii=False), encoding="utf-8")
        temporary.replace(record)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:08d}.parquet"


def _is_same(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _differences(before: Any, now: dict[str, Any]) -> str:
    """The names of what differs between two identities."""
    if not isinstance(before, dict):
        return "its record is damaged and something may have"
    return " and ".join(k for k in now if before.get(k) != now[k]) or "something"


def _read(record: Path) -> Any:
    """What the record says; None when there is none or it is torn."""
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def file_identity(path: Path) -> dict[str, Any]:
    """Size, time and a hash of both ends: enough to see that a file changed, quick for any size."""
    stat = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE_BYTES))
        file.seek(max(0, stat.st_size - SAMPLE_BYTES))
        digest.update(file.read(SAMPLE_BYTES))
    return {
        "path": str(path.resolve()),
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "ends_sha256": digest.hexdigest(),
    }
