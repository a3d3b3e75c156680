"""Windows: the rows of all inputs in order, cut into pieces that are scored and saved as a whole.

A window holds about ``rows`` rows of one input, or of several when they are small, so that many
small files cost no more than one large one. The cut depends on the inputs alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from data.readers import Batch, Dump, Reject
from data.readers.rows import cut
from serving.batch.schema import OutputColumns

MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024  # of wide rows; some twelve windows live at a time


@dataclass(frozen=True, kw_only=True)
class Window:
    """Batches that are scored together, each with the name that its rows bear in rejects."""

    number: int
    batches: list[tuple[str, Batch]]

    @property
    def kept(self) -> int:
        """Rows that the readers kept."""
        return sum(batch.original.num_rows for _, batch in self.batches)

    @property
    def texts(self) -> list[str | None]:
        """The comments of the kept rows."""
        return [t for _, batch in self.batches for t in batch.records["text"].to_pylist()]

    def joined(self, columns: OutputColumns, scores: pa.Table) -> pa.Table:
        """Input columns, ids and scores of the kept rows, in order."""
        parts, start = [], 0
        for _, batch in self.batches:
            rows = batch.original.num_rows
            part = scores.slice(start, rows)
            parts.append(columns.join(batch.original, batch.records, part))
            start += rows
        return pa.concat_tables(parts) if parts else columns.schema.empty_table()

    def rejects(self, failed: dict[int, str]) -> list[Reject]:
        """Rows that the readers rejected, and those that could not be scored (reasons by kept row),
        in input order.
        """
        found: list[Reject] = []
        start = 0
        for label, batch in self.batches:
            rows = batch.original.num_rows
            unscored = [
                Reject(
                    file=label,
                    line=batch.lines[row - start],
                    row=batch.row_numbers[row - start],
                    reason=reason,
                    raw=cut(batch.records["text"][row - start].as_py() or ""),
                )
                for row, reason in failed.items()
                if start <= row < start + rows
            ]
            merged = [*batch.rejects, *unscored]
            found += sorted(merged, key=lambda reject: reject.row) if unscored else merged
            start += rows
        return found


@dataclass(kw_only=True)
class _Group:
    batches: list[tuple[str, Batch]] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def add(self, label: str, batch: Batch) -> None:
        self.batches.append((label, batch))
        self.rows += batch.original.num_rows + len(batch.rejects)
        self.size += batch.original.nbytes

    def holds(self, batch: Batch, rows: int) -> bool:
        more = batch.original.num_rows + len(batch.rejects)
        fits = self.size + batch.original.nbytes <= MAX_WINDOW_BYTES
        return not self.batches or (self.rows + more <= rows and fits)


def read_windows(dumps: Sequence[Dump], rows: int) -> Iterator[Window]:
    """The windows of all dumps in order."""
    number, group = 0, _Group()
    for label, batch in _batches(dumps, rows):
        if not group.holds(batch, rows):
            yield Window(number=number, batches=group.batches)
            number, group = number + 1, _Group()
        group.add(label, batch)
    if group.batches:
        yield Window(number=number, batches=group.batches)


def _batches(dumps: Iterable[Dump], rows: int) -> Iterator[tuple[str, Batch]]:
    for dump in dumps:
        for batch in dump.batches(rows=rows):
            yield dump.label, batch
