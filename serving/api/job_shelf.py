"""Jobs on disk: large texts that came in one upload, to be scored in the background.

``<home>/jobs/<id>/`` holds ``job.json``, the input as it came, and what ``serving.batch`` leaves
while and after it scores. A job belongs to a tenant: to others it is not there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from serving.api.errors import ApiError

STATES: Final = ("queued", "running", "done", "failed", "cancelled")
UNFINISHED: Final = ("queued", "running")
RECORD_FILE: Final = "job.json"
_ID: Final = re.compile(r"job-\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What is known of a job apart from its progress; moments are ISO 8601 in UTC."""

    id: str
    tenant: str
    status: str
    created_at: str
    input_file: str
    input_bytes: int
    input_sha256: str
    out: str  # the result's suffix, e.g. jsonl
    text_column: str | None = None
    idempotency_key: str | None = None
    finished_at: str | None = None
    attempts: int = 0
    error: str | None = None

    @property
    def result_file(self) -> str:
        """The name of the finished file."""
        return f"result.{self.out}"

    def same_upload(self, other: JobRecord) -> bool:
        """Whether both came with the same content and parameters."""
        names = ("input_sha256", "input_bytes", "input_file", "out", "text_column")
        return all(getattr(self, name) == getattr(other, name) for name in names)


def new_job_id() -> str:
    """An id that sorts by time and cannot be guessed."""
    return f"job-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(6)}"


class JobShelf:
    """The jobs on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.RLock()

    def folder(self, job_id: str) -> Path:
        """Where a job lies."""
        return self.root / job_id

    def draft(self, job_id: str) -> Path:
        """A fresh folder for an upload; no job yet."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f".{job_id}"
        path.mkdir(mode=0o700)
        return path

    def add(self, record: JobRecord, draft: Path, *, most_waiting: int) -> tuple[JobRecord, bool]:
        """Makes a job of an uploaded draft, or gives the one that its idempotency key stands for.

        The second of the pair tells whether it is new. Raises ApiError: 409 when the key came with
        another upload, 429 when the tenant has too many unfinished jobs.
        """
        with self._lock:
            own = list(self.of_tenant(record.tenant))
            for old in own:
                if record.idempotency_key and old.idempotency_key == record.idempotency_key:
                    if not old.same_upload(record):
                        raise ApiError(
                            409,
                            "conflict",
                            "expected the same upload with this Idempotency-Key, found another",
                            "use a new Idempotency-Key",
                        )
                    return old, False
            if sum(job.status in UNFINISHED for job in own) >= most_waiting:
                raise ApiError(
                    429,
                    "too_many_jobs",
                    f"expected at most {most_waiting} unfinished jobs, found as many",
                    "wait until one is done, or cancel one",
                    retry_after_s=30,
                )
            _write(draft / RECORD_FILE, asdict(record))
            draft.rename(self.folder(record.id))
            return record, True

    def get(self, tenant: str, job_id: str) -> JobRecord:
        """A tenant's job. Raises ApiError (404)."""
        record = self._read(job_id) if _ID.fullmatch(job_id) else None
        if record is None or record.tenant != tenant:
            raise ApiError(
                404, "not_found", "expected the id of a job, found none such", "see GET /v1/jobs"
            )
        return record

    def of_tenant(self, tenant: str) -> Iterator[JobRecord]:
        """A tenant's jobs, newest first."""
        return (job for job in self.all() if job.tenant == tenant)

    def all(self) -> Iterator[JobRecord]:
        """Every job, newest first."""
        names = sorted((p.name for p in self.root.glob("job-*")), reverse=True)
        return (record for name in names if (record := self._read(name)) is not None)

    def update(self, job_id: str, **values: Any) -> JobRecord | None:
        """Changes a record; None when the job is gone."""
        with self._lock:
            record = self._read(job_id)
            if record is None:
                return None
            changed = replace(record, **values)
            _write(self.folder(job_id) / RECORD_FILE, asdict(changed))
            return changed

    def remove(self, job_id: str) -> None:
        """Deletes a job and its files."""
        with self._lock:
            shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def progress(self, job_id: str) -> dict[str, Any]:
        """Rows done and in all, and, of a finished job, what became of them."""
        known: dict[str, Any] = {"rows_done": 0, "rows_total": None, "summary": None}
        for name in ("progress.json", "summary.json"):
            known |= read_json(self.folder(job_id) / name) or {}
        return known

    def tidy(self, keep: timedelta) -> None:
        """Drops what an upload left behind and jobs that were finished long ago."""
        for path in self.root.glob(".job-*"):
            shutil.rmtree(path, ignore_errors=True)
        self.expire(keep)

    def expire(self, keep: timedelta) -> None:
        """Drops jobs that were finished longer ago than ``keep``."""
        limit = datetime.now(UTC) - keep
        for job in self.all():
            if job.finished_at and datetime.fromisoformat(job.finished_at) < limit:
                self.remove(job.id)

    def _read(self, job_id: str) -> JobRecord | None:
        values = read_json(self.folder(job_id) / RECORD_FILE)
        return JobRecord(**values) if values else None


def iso_now() -> str:
    """This moment."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write(path: Path, value: dict[str, Any]) -> None:
    draft = path.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None when there is none, or something else."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
