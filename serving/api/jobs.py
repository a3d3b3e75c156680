"""Scores queued jobs one after the other, each in a process of its own, oldest first.

A job's process is nice to the service; a killed one goes on at its last finished window, also after
a restart of the service.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

from serving.api.job_process import JobProcess
from serving.api.job_shelf import STATES, UNFINISHED, JobRecord, JobShelf, iso_now, read_json
from serving.api.metrics import Metrics
from serving.settings import Settings

ATTEMPTS: Final = 3  # of a job whose process dies; the input may be what kills it


class JobRunner:
    """Scores queued jobs one after the other, each in a process of its own."""

    def __init__(self, shelf: JobShelf, settings: Settings, metrics: Metrics) -> None:
        self._shelf, self._settings, self._metrics = shelf, settings, metrics
        self._wake, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._running: tuple[str, JobProcess] | None = None

    def start(self) -> None:
        """Takes up what an earlier run left, where there is any."""
        if not self._shelf.root.is_dir():
            return
        self._shelf.tidy(timedelta(days=self._settings.job_keep_days))
        for job in self._shelf.all():
            if job.status == "running":
                self._shelf.update(job.id, status="queued")
        self.wake()

    def wake(self) -> None:
        """Looks for queued jobs."""
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
                self._thread.start()
        self._wake.set()

    def cancel(self, job_id: str) -> JobRecord | None:
        """Ends an unfinished job; a finished one stays as it is."""
        with self._lock:
            job = self._shelf.update(job_id)
            if job is None or job.status not in UNFINISHED:
                return job
            job = self._shelf.update(job_id, status="cancelled", finished_at=iso_now())
            if self._running is not None and self._running[0] == job_id:
                self._running[1].stop()
        return job

    def close(self) -> None:
        """Stops the process at work; its job goes on at the next start."""
        with self._lock:
            self._closing = True
            if self._running is not None:
                self._running[1].stop()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _loop(self) -> None:
        while not self._closing:
            job = self._next()
            self._count()
            if job is None:
                self._wake.wait(3600)
                self._wake.clear()
                self._shelf.expire(timedelta(days=self._settings.job_keep_days))
            else:
                self._run(job)

    def _next(self) -> JobRecord | None:
        queued = [job for job in self._shelf.all() if job.status == "queued"]
        return queued[-1] if queued else None

    def _run(self, job: JobRecord) -> None:
        with self._lock:
            current = self._shelf.update(job.id, status="running")
            if self._closing or current is None:
                return
            process = JobProcess(
                self._shelf.folder(job.id),
                input_file=job.input_file,
                result_file=job.result_file,
                text_column=job.text_column,
                settings=self._settings,
            )
            self._running = (job.id, process)
        self._count()
        code = process.wait()
        with self._lock:
            self._running = None
            self._finish(job, code)

    def _finish(self, job: JobRecord, code: int) -> None:
        now = self._shelf.update(job.id)
        if now is None or now.status == "cancelled":
            return
        if self._closing and code != 0:
            self._shelf.update(job.id, status="queued")
        elif code == 0:
            self._shelf.update(job.id, status="done", finished_at=iso_now(), error=None)
            (self._shelf.folder(job.id) / job.input_file).unlink(missing_ok=True)
            summary = self._shelf.progress(job.id)["summary"] or {}
            for status in ("scored", "empty", "rejected"):
                self._metrics.job_rows.labels(status).inc(summary.get(status, 0))
        elif code > 0 or job.attempts + 1 >= ATTEMPTS:
            told = read_json(self._shelf.folder(job.id) / "error.json") or {}
            message = (
                told.get("message") or "the process that scored it died; see the service's log"
            )
            self._shelf.update(job.id, status="failed", finished_at=iso_now(), error=message)
        else:
            self._shelf.update(job.id, status="queued", attempts=job.attempts + 1)

    def _count(self) -> None:
        count = dict.fromkeys(STATES, 0)
        for job in self._shelf.all():
            count[job.status] += 1
        for state, n in count.items():
            self._metrics.jobs.labels(state).set(n)
