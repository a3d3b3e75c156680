"""Search for ids given twice, by 64-bit hashes, in memory that is bounded.

Rows are never dropped: the counts say whether an earlier row came again unchanged, with other
counts or times (crawled again), or with another text. Rows beyond the bound are not looked at, and
counted as such.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data.readers import limits
from data.readers.report import RepairReport


class DuplicateSearch:
    """Collects hashes of (id, text, row); ``finish`` counts."""

    def __init__(self) -> None:
        self._columns: tuple[array[int], ...] = (array("q"), array("q"), array("q"))
        self._unchecked = 0

    def see(
        self, ids: Sequence[str | None], texts: Sequence[object], rows: Sequence[object]
    ) -> None:
        """Rows in order; a row whose id is null is not looked at."""
        hashes = [
            (hash(identifier), hash(text), hash(row))
            for identifier, text, row in zip(ids, texts, rows, strict=True)
            if identifier is not None
        ]
        room = max(0, limits.MAX_DUPLICATE_KEYS - len(self._columns[0]))
        self._unchecked += max(0, len(hashes) - room)
        for position, column in enumerate(self._columns):
            column.extend([row[position] for row in hashes[:room]])

    def finish(self, report: RepairReport) -> None:
        """Add the counts of what came twice."""
        if self._unchecked:
            report.add("duplicates_unchecked", self._unchecked)
        ids, texts, rows = (np.frombuffer(column, dtype=np.int64) for column in self._columns)
        ordered = np.sort(ids)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if len(repeated) == 0:
            return
        del ordered
        places = np.minimum(np.searchsorted(repeated, ids), len(repeated) - 1)
        wanted = repeated[places] == ids
        table = pa.table({"id": ids[wanted], "text": texts[wanted], "row": rows[wanted]})
        _count(table, len(repeated), report)


def _count(table: pa.Table, ids: int, report: RepairReport) -> None:
    texts = len(table.group_by(["id", "text"]).aggregate([]))
    rows = len(table.group_by(["id", "text", "row"]).aggregate([]))
    for key, number in (
        ("duplicate_rows", len(table) - rows),
        ("recrawled_rows", rows - texts),
        ("duplicate_ids", texts - ids),
    ):
        if number:
            report.add(key, number)
