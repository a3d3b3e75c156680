"""What passes between the parts of a reader: rows, rejects, chunks and batches.

Row numbers count data rows from 1, rejected ones included; lines count physical lines from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from data.readers import limits


class Row(NamedTuple):
    """One kept row; its cells in whatever form its source gives them."""

    number: int
    line: int
    cells: Any
    size: int  # bytes or characters, only to bound a batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """One row that could not be read; ``reason`` is a stable key, a colon and the detail."""

    file: str
    line: int
    row: int
    reason: str
    raw: str

    @property
    def key(self) -> str:
        """The stable part of the reason, e.g. ``too_few_fields``."""
        return self.reason.partition(":")[0]


def cut(raw: str) -> str:
    """The part of a rejected row that is kept, safe to write as UTF-8."""
    return raw[: limits.MAX_RAW_CHARS].encode("utf-8", "replace").decode("utf-8")


class Columns(Protocol):
    """Python values by position of the input column."""

    def __call__(self, index: int) -> Sequence[Any]: ...


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Kept rows as they came, and the rejects among them."""

    original: pa.RecordBatch
    values: Columns
    row_numbers: list[int]
    lines: list[int]
    rejects: list[Reject]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Kept rows in input order: as they came, and under the canonical names.

    For a dump of kind ``table`` there are no canonical names and ``records`` is ``original``.
    """

    original: pa.RecordBatch
    records: pa.RecordBatch
    row_numbers: list[int]
    lines: list[int]
    rejects: list[Reject]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What the scan pass learned: input columns, number of rows, first rows by column position,
    and why the first rejected row was rejected."""

    schema: pa.Schema
    rows: int
    head: list[list[Any]]
    first_reason: str | None = None
