"""A dump in, one scored row per kept input row out, in input order.

Rows in = scored + empty + rejected. Works window by window, so memory does not grow with the input.
Every window is saved before it is written; the output is written along and moved into place at the
end. Where the windows are scored is an engine's matter: this machine (``serving.batch.local``) or a
Spark cluster (``serving.batch.spark``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from data.readers import Dump
from nlp.analyzer import Analyzer
from serving.batch import cache
from serving.batch.files import DiskFullError, is_full
from serving.batch.job import Job, Saved, file_identity
from serving.batch.labels import check_labels, with_chinese_labels
from serving.batch.local import FindSaved, LocalEngine, ScoredWindow
from serving.batch.rejects import RejectsWriter
from serving.batch.schema import OutputColumns
from serving.batch.stages import StageTimes
from serving.batch.summary import ScoreSummary
from serving.batch.windows import MAX_WINDOW_BYTES, Window, read_windows
from serving.batch.writers import TableWriter, check_output, check_rows
from serving.errors import ServingError, UsageError

WINDOW_ROWS: Final = 16_384
SPACE_POLL_S: Final = 1.0

Progress = Callable[[int], None]
Tell = Callable[[str], None]


class Engine(Protocol):
    """Scores windows, in order; ``stages`` tells afterwards where the time went."""

    @property
    def stages(self) -> list[StageTimes]:
        """What every stage did, in order."""
        ...

    def run(
        self, windows: Iterable[Window], find_saved: FindSaved
    ) -> Generator[ScoredWindow, None, None]:
        """The windows with their scores, or as an earlier run saved them."""
        ...


def score_dumps(
    dumps: Sequence[Dump],
    out: Path,
    analyzer: Analyzer,
    *,
    resume: bool = True,
    labels: str = "keys",
    progress: Progress = lambda _: None,
    tell: Tell = lambda _: None,
    wait_for_space_s: float = 0.0,
    make_engine: Callable[[Analyzer], Engine] = LocalEngine,
) -> ScoreSummary:
    """Scores the dumps into one file and ``<out>.rejects.jsonl``.

    ``labels`` is ``keys``, or ``zh`` for Chinese label names in a CSV or XLSX file. Without room on
    the disk the run fails at once, or goes on by itself when there is room again within
    ``wait_for_space_s``. ``tell`` hears what a person should know meanwhile.

    Raises:
        ServingError: the output cannot be written, a dump holds no comments, an input changed, or
            another run is at work on it.
        DiskFullError: no room; finished windows are kept for the next run.
    """
    check_output(out)
    check_labels(out, labels)
    check_rows(out, sum(dump.rows for dump in dumps))
    _check_dumps(dumps, out)
    start, inference_before_s = time.perf_counter(), analyzer.inference_s
    deadline_s = time.monotonic() + wait_for_space_s
    while True:
        run = _Run(dumps, out, analyzer, labels, make_engine)
        try:
            run.to_the_end(resume, progress, tell)
            break
        except OSError as error:
            if not is_full(error):
                raise
            if time.monotonic() >= deadline_s:
                raise run.disk_full(error) from error
            tell(f"paused: no space left for {out}; going on when there is some")
            time.sleep(SPACE_POLL_S)
            resume = True
    seconds = time.perf_counter() - start
    run.summary.finish(dumps, run.stages, seconds, analyzer.inference_s - inference_before_s)
    return run.summary


class _Run:
    """One attempt at one output."""

    def __init__(
        self,
        dumps: Sequence[Dump],
        out: Path,
        analyzer: Analyzer,
        labels: str,
        make_engine: Callable[[Analyzer], Engine],
    ) -> None:
        self._dumps, self._out, self._labels = dumps, out, labels
        self._columns = OutputColumns([dump.input_schema for dump in dumps])
        self._engine = make_engine(analyzer)
        self._identity = _identity(dumps, analyzer)
        self._write = StageTimes(name="write")
        self.summary = ScoreSummary(model_version=analyzer.scorer.model_version)

    @property
    def stages(self) -> list[StageTimes]:
        """Where the time went."""
        return [*self._engine.stages, self._write]

    def to_the_end(self, resume: bool, progress: Progress, tell: Tell) -> None:
        """Output and rejects appear when all is done; finished windows stay if it breaks off."""
        with Job(self._out, self._identity, resume=resume, tell=tell) as job:
            schema = self._columns.schema
            with TableWriter(self._out, schema) as writer, RejectsWriter(self._out) as rejects:
                results = self._engine.run(
                    read_windows(self._dumps, WINDOW_ROWS), lambda w: job.find(w.number, w.kept)
                )
                try:
                    for scored in results:
                        start = time.perf_counter()
                        self._one_window(scored, job, writer, rejects)
                        self._write.busy_s += time.perf_counter() - start
                        progress(self._write_count(scored))
                finally:
                    results.close()
                self._check_unchanged()
            job.remove()

    def _one_window(
        self, scored: ScoredWindow, job: Job, writer: TableWriter, rejects: RejectsWriter
    ) -> None:
        window, saved = scored.window, scored.saved
        if saved is None:
            saved = self._save(scored, job)
        else:
            self.summary.resumed += saved.table.num_rows
        if saved.table.num_rows:
            table = saved.table
            writer.write(with_chinese_labels(table) if self._labels == "zh" else table)
        rejected = window.rejects(saved.failed)
        rejects.write(rejected)
        self.summary.count(saved.table, len(rejected))

    def _save(self, scored: ScoredWindow, job: Job) -> Saved:
        """The window as it stands in the job, so that a resumed run writes the same bytes."""
        window = scored.window
        if not window.kept or scored.scores is None:
            return Saved(table=self._columns.schema.empty_table(), failed={})
        table = window.joined(self._columns, scored.scores)
        if scored.failed:
            kept = [row not in scored.failed for row in range(table.num_rows)]
            table = table.filter(pa.array(kept))
        job.save(window.number, table.combine_chunks(), scored.failed)
        return Saved(table=job.load(window.number), failed=scored.failed)

    def _write_count(self, scored: ScoredWindow) -> int:
        self._write.rows += scored.window.kept
        return scored.window.kept + sum(len(batch.rejects) for _, batch in scored.window.batches)

    def _check_unchanged(self) -> None:
        for dump, before in zip(self._dumps, self._identity["inputs"], strict=True):
            if any(before[key] != value for key, value in file_identity(dump.path).items()):
                raise ServingError(
                    f"{dump.path}: expected the file as it was scanned, found input changed; "
                    "run it again when its writer is done"
                )

    def disk_full(self, error: OSError) -> DiskFullError:
        """What a person needs to know about it."""
        folder = self._out.with_name(self._out.name + ".job")
        windows = sum(1 for _ in folder.glob("*.parquet"))
        return DiskFullError(
            f"[Errno {error.errno}] {error.strerror or error}: expected room for the next rows "
            f"of {self._out}, found none; {windows:,} finished windows are kept in {folder}; "
            "check the path, the rights and the space left: free some space and run the same "
            "command again"
        )


def _check_dumps(dumps: Sequence[Dump], out: Path) -> None:
    for dump in dumps:
        if dump.kind != "comments":
            raise ServingError(
                f"{dump.path}: expected comments, found {dump.kind} ({dump.format}); to score it "
                "all the same, add --format columns --text-column NAME"
            )
        if dump.path.resolve() == out.resolve():
            raise UsageError(
                f"--out: expected another file than the inputs, found {out}; rename it"
            )


def _identity(dumps: Sequence[Dump], analyzer: Analyzer) -> dict[str, Any]:
    """All that a window's bytes depend on; a run that differs in any of it starts anew."""
    return {
        "tingfeng": version("tingfeng"),
        "inputs": [_input_identity(dump) for dump in dumps],
        "model_version": analyzer.scorer.model_version,
        "numerics": analyzer.scorer.numerics,
        "extras": analyzer.extras,
        "window_rows": WINDOW_ROWS,
        "window_bytes": MAX_WINDOW_BYTES,
        "cache_bytes": cache.LIMIT_BYTES,
    }


def _input_identity(dump: Dump) -> dict[str, Any]:
    """The file, which table of it, and how its columns are read (``why`` names mapped columns)."""
    reading = {"table": dump.label, "format": dump.format, "why": dump.why}
    return file_identity(dump.path) | reading
