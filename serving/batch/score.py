"""A dump in, one scored row per kept input row out, in input order.

Rows in = scored + empty + rejected. Works window by window, so memory does not grow with the input.
Every window is saved before the next begins; the output is written along and moved into place at
the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.readers import Batch, Dump, Reject
from nlp.analyzer import Analyzer
from serving.batch.job import Job, file_identity
from serving.batch.labels import check_labels, with_chinese_labels
from serving.batch.rejects import RejectsWriter
from serving.batch.schema import OutputColumns
from serving.batch.writers import TableWriter, check_output, check_rows
from serving.errors import ServingError, UsageError

WINDOW_ROWS: Final = 16_384


@dataclass(kw_only=True)
class ScoreSummary:
    """What became of every row, and how fast; ``inference_share`` is the network's part of it."""

    rows_in: int = 0
    scored: int = 0
    empty: int = 0
    rejected: int = 0
    resumed: int = 0  # rows taken over from an earlier, broken run; they count in the others too
    repairs: dict[str, int] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    sentiments: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    comments_per_s: float = 0.0
    inference_share: float = 0.0
    model_version: str = ""


Progress = Callable[[int], None]


def score_dumps(
    dumps: Sequence[Dump],
    out: Path,
    analyzer: Analyzer,
    *,
    resume: bool = True,
    labels: str = "keys",
    progress: Progress = lambda _: None,
) -> ScoreSummary:
    """Scores the dumps into one file and ``<out>.rejects.jsonl``.

    ``labels`` is ``keys``, or ``zh`` for Chinese label names in a CSV or XLSX file.

    Raises:
        ServingError: the output cannot be written, a dump holds no comments, or another run is at
            work on it.
    """
    check_output(out)
    check_labels(out, labels)
    check_rows(out, sum(dump.rows for dump in dumps))
    _check_dumps(dumps, out)
    start, inference_before_s = time.perf_counter(), analyzer.inference_s
    summary = ScoreSummary(model_version=analyzer.scorer.model_version)
    columns = OutputColumns([dump.input_schema for dump in dumps])
    with Job(out, _identity(dumps, analyzer), resume=resume) as job:
        windows = _score_windows(dumps, columns, analyzer, job, summary, progress)
        _assemble(out, columns.schema, job, windows, labels)
        job.remove()
    _count_repairs(dumps, summary)
    summary.seconds = time.perf_counter() - start
    summary.comments_per_s = (summary.rows_in - summary.resumed) / summary.seconds
    inference_s = analyzer.inference_s - inference_before_s
    summary.inference_share = min(1.0, inference_s / summary.seconds)
    return summary


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


def _count_repairs(dumps: Sequence[Dump], summary: ScoreSummary) -> None:
    for dump in dumps:
        summary.formats[str(dump.path)] = dump.format
        for key, count in dump.repairs.counts.items():
            summary.repairs[key] = summary.repairs.get(key, 0) + count


def _identity(dumps: Sequence[Dump], analyzer: Analyzer) -> dict[str, Any]:
    """All that a window's bytes depend on; a run that differs in any of it starts anew."""
    return {
        "tingfeng": version("tingfeng"),
        "inputs": [_input_identity(dump) for dump in dumps],
        "model_version": analyzer.scorer.model_version,
        "numerics": analyzer.scorer.numerics,
        "extras": analyzer.extras,
        "window_rows": WINDOW_ROWS,
    }


def _input_identity(dump: Dump) -> dict[str, Any]:
    """The file, which table of it, and how its columns are read (``why`` names mapped columns)."""
    reading = {"table": dump.label, "format": dump.format, "why": dump.why}
    return file_identity(dump.path) | reading


def _score_windows(
    dumps: Sequence[Dump],
    columns: OutputColumns,
    analyzer: Analyzer,
    job: Job,
    summary: ScoreSummary,
    progress: Progress,
) -> Iterator[tuple[int, list[Reject]]]:
    """Scores or takes over each window; yields its number and its rejects."""
    number = 0
    for dump in dumps:
        for batch in dump.batches(rows=WINDOW_ROWS):
            if batch.original.num_rows:
                _one_window(number, batch, columns, analyzer, job, summary)
            rows = batch.original.num_rows + len(batch.rejects)
            summary.rejected += len(batch.rejects)
            summary.rows_in += rows
            progress(rows)
            yield number, batch.rejects
            number += 1


def _one_window(
    number: int,
    batch: Batch,
    columns: OutputColumns,
    analyzer: Analyzer,
    job: Job,
    summary: ScoreSummary,
) -> None:
    if job.done(number):
        table = job.load(number)
        summary.resumed += table.num_rows
    else:
        scores = analyzer.score(batch.records["text"].to_pylist())
        table = columns.join(batch.original, batch.records, scores)
        job.save(number, table)
    empty = table["sentiment"].null_count
    summary.empty += empty
    summary.scored += table.num_rows - empty
    for item in pc.value_counts(table["sentiment"].drop_null()).to_pylist():
        name = item["values"]
        summary.sentiments[name] = summary.sentiments.get(name, 0) + item["counts"]


def _assemble(
    out: Path,
    schema: pa.Schema,
    job: Job,
    windows: Iterator[tuple[int, list[Reject]]],
    labels: str,
) -> None:
    """Writes output and rejects as windows become ready; both appear only when all is done."""
    with TableWriter(out, schema) as writer, RejectsWriter(out) as rejects_writer:
        for number, rejects in windows:
            if job.done(number):
                table = job.load(number)
                writer.write(with_chinese_labels(table) if labels == "zh" else table)
            rejects_writer.write(rejects)
