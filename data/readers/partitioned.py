"""Any source with the columns that its place in a partitioned dataset gives to all its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.readers import limits
from data.readers.report import RepairReport
from data.readers.rows import Chunk, Scan
from data.readers.source import Source


class PartitionedSource:
    """``source`` and after its columns one text column per partition key that it does not hold."""

    def __init__(self, path: Path, source: Source, values: Mapping[str, str | None]) -> None:
        self.path, self._source, self._given = path, source, values
        self._values: dict[str, str | None] = {}
        self.container, self.encoding = source.container, source.encoding
        self.table, self.label, self.note = source.table, source.label, source.note

    def scan(self) -> Scan:
        """The source's scan with the columns added."""
        scan = self._source.scan()
        self._values = {k: v for k, v in self._given.items() if k not in scan.schema.names}
        rows = min(limits.HEAD_ROWS, len(scan.head[0]) if scan.head else 0)
        schema = scan.schema
        for name in self._values:
            schema = schema.append(pa.field(name, pa.string()))
        head = [*scan.head, *([value] * rows for value in self._values.values())]
        return replace(scan, schema=schema, head=head)

    def chunks(self, rows: int, report: RepairReport) -> Iterator[Chunk]:
        """The source's chunks with the columns added."""
        for chunk in self._source.chunks(rows, report):
            yield self._extended(chunk)

    def _extended(self, chunk: Chunk) -> Chunk:
        own, count = len(chunk.original.schema), chunk.original.num_rows
        batch = chunk.original
        for name, value in self._values.items():
            column = pa.repeat(pa.scalar(value, pa.string()), count)
            batch = batch.append_column(name, column)
        added = list(self._values.values())

        def values(index: int) -> Any:
            return chunk.values(index) if index < own else [added[index - own]] * count

        return replace(chunk, original=batch, values=values)
