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
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from serving.errors import ServingError

SAMPLE_BYTES = 65_536


class Job:
    """The folder of one job, as a context manager that holds its lock."""

    def __init__(self, out: Path, identity: dict[str, Any], *, resume: bool) -> None:
        self.folder = out.with_name(out.name + ".job")
        self._identity, self._resume = identity, resume
        self._lock: IO[str] | None = None

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

    def save(self, number: int, table: pa.Table) -> None:
        """Keeps a finished window; after this returns a kill loses nothing of it."""
        part = self._part(number)
        temporary = part.with_suffix(".tmp")
        try:
            pq.write_table(table, temporary, compression="zstd")
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(part)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, number: int) -> pa.Table:
        """A finished window as it was saved."""
        return pq.read_table(self._part(number))

    def remove(self) -> None:
        """Drops the job's folder; called when the output stands."""
        shutil.rmtree(self.folder)

    def _take(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServingError(
                f"{self.folder}: expected no other run on this output, found one at work; "
                "wait for it or choose another --out"
            ) from error

    def _open(self) -> None:
        record = self.folder / "job.json"
        if self._resume and _read(record) == self._identity:
            return
        for old in self.folder.glob("*.parquet"):
            old.unlink()
        temporary = record.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._identity, ensure_ascii=False), encoding="utf-8")
        temporary.replace(record)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:08d}.parquet"


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
