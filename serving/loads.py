"""Batches of a dump put together to loads: an engine takes many rows at once as fast as a few.

A reader's batches are some megabytes, so that reading a file takes little memory. A load costs a
look at every stored key and a write to disk, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from data.readers import Batch

MAX_LOAD_BYTES: Final = 128 * 1024 * 1024  # of rows as read and as loaded; wide rows end it early


@dataclass(frozen=True, kw_only=True)
class Load:
    """The rows of ``batches``, in their order, under the columns that are loaded."""

    table: pa.Table
    batches: tuple[Batch, ...]

    def place(self, at: int) -> tuple[Batch, int]:
        """The batch that a row came in, and its position there."""
        for batch in self.batches:
            if at < batch.original.num_rows:
                return batch, at
            at -= batch.original.num_rows
        raise IndexError(f"expected a row of {self.table.num_rows:,}, found {at:,} beyond them")


def loads_of(read: Iterable[tuple[Batch, pa.Table]], rows: int) -> Iterator[Load]:
    """Loads of at most ``rows`` rows, of batches with the same columns each; a full one is given
    before the next batch is read. A batch of more rows is a load of its own.
    """
    kept: list[tuple[Batch, pa.Table]] = []
    n = size = 0
    for batch, table in read:
        if kept and (n + table.num_rows > rows or table.schema != kept[0][1].schema):
            yield _load(kept)
            kept, n, size = [], 0, 0
        kept.append((batch, table))
        n, size = n + table.num_rows, size + table.nbytes + batch.original.nbytes
        if n >= rows or size > MAX_LOAD_BYTES:
            yield _load(kept)
            kept, n, size = [], 0, 0
    if kept:
        yield _load(kept)


def _load(kept: Sequence[tuple[Batch, pa.Table]]) -> Load:
    batches, tables = zip(*kept, strict=True)
    return Load(table=pa.concat_tables(tables), batches=batches)
