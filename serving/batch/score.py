"""A dump in, one scored row per kept input row out, in input order: rows in = scored + empty + rejected.

Works window by window, so memory does not grow with the input. Every window is saved before the next begins; the
output is put together from the windows at the end and moved into place.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import SCORES
from data.readers import Dump, Reject
from nlp.analyzer import Analyzer
from serving.batch.job import Job, file_identity
from serving.batch.writers import TableWriter, check_output
from serving.errors import ServingError

WINDOW_ROWS: Final = 16_384
INPUT_PREFIX: Final = "input_"  # an input column that bears the name of a score column is kept under this prefix


@dataclass(kw_only=True)
class ScoreSummary:
    """What became of every row, and how fast. ``inference_share`` is the part of ``seconds`` in the network."""

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
    progress: Progress = lambda rows: None,
) -> ScoreSummary:
    """Scores the dumps into one file and ``<out>.rejects.jsonl``.

    Raises:
        ServingError: the output cannot be written, a dump holds no comments, or another run is at work on it.
    """
    check_output(out)
    for dump in dumps:
        if dump.kind != "comments":
            raise ServingError(
                f"{dump.path}: expected comments, found {dump.kind} ({dump.format}); "
                "name the text column with --text-column to score it all the same"
            )
    start = time.perf_counter()
    summary = ScoreSummary(model_version=analyzer.scorer.model_version)
    schema = output_schema([d.input_schema for d in dumps])
    with Job(out, _identity(dumps, analyzer), resume=resume) as job:
        windows = _score_windows(dumps, schema, analyzer, job, summary, progress)
        _assemble(out, schema, job, windows)
        job.remove()
    for dump in dumps:
        summary.formats[str(dump.path)] = dump.format
        for key, count in dump.repairs.counts.items():
            summary.repairs[key] = summary.repairs.get(key, 0) + count
    summary.seconds = time.perf_counter() - start
    fresh = summary.rows_in - summary.resumed
    summary.comments_per_s = fresh / summary.seconds
    summary.inference_share = min(1.0, analyzer.inference_s / summary.seconds)
    return summary


def output_schema(inputs: Sequence[pa.Schema]) -> pa.Schema:
    """The input columns of all dumps, then ``comment_id`` if new, then the score columns."""
    columns: dict[str, pa.DataType] = {}
    for schema in inputs:
        for column in schema:
            name = output_name(column.name)
            old = columns.get(name, column.type)
            columns[name] = column.type if old == column.type else pa.string()
    columns["comment_id"] = pa.string()
    fields = [pa.field(name, kind) for name, kind in columns.items()]
    return pa.schema([*fields, *SCORES])


def output_name(input_column: str) -> str:
    """The name under which an input column is kept."""
    return INPUT_PREFIX + input_column if input_column in SCORES.names else input_column


def _identity(dumps: Sequence[Dump], analyzer: Analyzer) -> dict[str, Any]:
    return {
        "inputs": [file_identity(Path(d.path)) | {"format": d.format} for d in dumps],
        "model_version": analyzer.scorer.model_version,
        "extras": analyzer.extras,
        "window_rows": WINDOW_ROWS,
    }


def _score_windows(
    dumps: Sequence[Dump],
    schema: pa.Schema,
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
                _one_window(number, batch, schema, analyzer, job, summary)
            summary.rejected += len(batch.rejects)
            summary.rows_in += batch.original.num_rows + len(batch.rejects)
            progress(batch.original.num_rows + len(batch.rejects))
            yield number, batch.rejects
            number += 1


def _one_window(
    number: int, batch: Any, schema: pa.Schema, analyzer: Analyzer, job: Job, summary: ScoreSummary
) -> None:
    if job.done(number):
        table = job.load(number)
        summary.resumed += table.num_rows
    else:
        scores = analyzer.score(batch.records["text"].to_pylist())
        table = _join(batch.original, batch.records, scores, schema)
        job.save(number, table)
    empty = table["sentiment"].null_count
    summary.empty += empty
    summary.scored += table.num_rows - empty
    for item in pc.value_counts(table["sentiment"].drop_null()).to_pylist():
        name = item["values"]
        summary.sentiments[name] = summary.sentiments.get(name, 0) + item["counts"]


def _join(
    original: pa.RecordBatch, records: pa.RecordBatch, scores: pa.Table, schema: pa.Schema
) -> pa.Table:
    columns: dict[str, Any] = {
        output_name(name): original.column(i) for i, name in enumerate(original.schema.names)
    }
    own = columns.get("comment_id")
    ids = records["comment_id"]
    columns["comment_id"] = ids if own is None else pc.coalesce(own.cast(pa.string()), ids)
    columns |= {name: scores[name] for name in SCORES.names}
    rows = original.num_rows
    arrays = [_as_type(columns.get(f.name), f.type, rows) for f in schema]
    return pa.table(arrays, schema=schema)


def _as_type(column: Any, kind: pa.DataType, rows: int) -> Any:
    if column is None:
        return pa.nulls(rows, kind)
    return column if column.type == kind else column.cast(kind)


def _assemble(
    out: Path, schema: pa.Schema, job: Job, windows: Iterator[tuple[int, list[Reject]]]
) -> None:
    """Writes the output and the rejects while windows become ready; both appear only when all is done."""
    rejects_path = out.with_name(out.name + ".rejects.jsonl")
    part = rejects_path.with_name(rejects_path.name + ".part")
    count = 0
    with TableWriter(out, schema) as writer, part.open("w", encoding="utf-8") as rejects_file:
        for number, rejects in windows:
            if job.done(number):
                writer.write(job.load(number))
            for reject in rejects:
                count += 1
                rejects_file.write(_reject_line(reject))
        rejects_file.flush()
        os.fsync(rejects_file.fileno())
    if count:
        part.replace(rejects_path)
    else:
        part.unlink()
        rejects_path.unlink(missing_ok=True)


def _reject_line(reject: Reject) -> str:
    record = {"file": str(reject.file), "line": reject.line, "reason": reject.reason, "raw": reject.raw}
    return json.dumps(record, ensure_ascii=False) + "\n"
