"""Plain stretches of a CSV file, parsed by compiled code; everything else goes line by line.

A block is some megabytes of whole lines. It is plain when each of its lines is one record of the
table's width, its quotes stand around whole cells, its bytes are UTF-8 and none of its lines
repeats the header. Then pyarrow gives the cells that ``csv_split`` would give, fifty times as fast.
A block that is not plain is read line by line, so that repairs, rejects and their reasons have one
source.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from typing import IO, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from data.readers import limits
from data.readers.lines import Line, read_lines
from data.readers.rows import Chunk

BLOCK_BYTES = 4 * 1024 * 1024
_QUOTE: Final = b'"'


class Block(NamedTuple):
    """Rows without repair or fault; row and line of its first one, the others following."""

    number: int
    line: int
    table: pa.Table


class BlockLines(Iterator[Line]):
    """The lines of a stream, of which blocks can be taken between two lines."""

    def __init__(self, stream: IO[bytes], codec: str, newline: str) -> None:
        self._stream, self._codec, self._newline = stream, codec, newline
        self._pending = io.BytesIO()
        self._left = 0  # bytes of a block that was not plain
        self._number = self._offset = 0
        self._lines = self._from_here()

    def __next__(self) -> Line:
        line = next(self._lines)
        self._number = line.number
        return line

    def readline(self, size: int = -1, /) -> bytes:
        """The next line of the stream, or a part of it; for ``read_lines``."""
        line = self._pending.readline(size) if self._left else b""
        self._left -= len(line)
        if not line.endswith(b"\n") and (size < 0 or len(line) < size):
            line += self._stream.readline(size - len(line) if size >= 0 else -1)
        self._offset += len(line)
        return line

    def take(self, names: Sequence[str], header: Sequence[str], delimiter: str) -> Block | None:
        """The next block, if it is plain; one that is not is left to be read by lines."""
        if self._codec != "utf-8" or self._left:
            return None
        data = self._stream.read(BLOCK_BYTES)
        if data and not data.endswith(b"\n"):
            data += self._stream.readline(limits.MAX_ROW_BYTES + 2)
        table = plain_table(data, names, header, delimiter) if data else None
        if table is None:
            self._pending, self._left = io.BytesIO(data), len(data)
            return None
        block = Block(0, self._number + 1, table)
        self._number += table.num_rows
        self._offset += len(data)
        self._lines = self._from_here()
        return block

    def _from_here(self) -> Iterator[Line]:
        return read_lines(
            self,  # type: ignore[arg-type]  # nothing but readline is asked of it
            self._codec,
            self._newline,
            number=self._number,
            offset=self._offset,
        )


def chunks_of(blocks: Iterator[Block], most: int) -> Iterator[Chunk]:
    """Blocks without rows between them, in chunks of at most so many rows."""
    left: pa.Table | None = None
    number = line = 0
    for block in blocks:
        if left is not None and left.num_rows and block.line != line + left.num_rows:
            yield _chunk(left, number, line)  # a blank line is between them
            left = None
        if left is None or not left.num_rows:
            left, number, line = block.table, block.number, block.line
        else:
            left = pa.concat_tables([left, block.table])
        while left.num_rows >= most or left.nbytes > limits.MAX_BATCH_BYTES:
            fitting = left.num_rows * limits.MAX_BATCH_BYTES // max(1, left.nbytes)
            n = max(1, min(most, fitting))
            yield _chunk(left.slice(0, n), number, line)
            number, line, left = number + n, line + n, left.slice(n)
    if left is not None and left.num_rows:
        yield _chunk(left, number, line)


def _chunk(table: pa.Table, number: int, line: int) -> Chunk:
    (batch,) = table.combine_chunks().to_batches()
    rows = batch.num_rows
    return Chunk(
        original=batch,
        values=cache(lambda index: batch.column(index).to_pylist()),
        row_numbers=list(range(number, number + rows)),
        lines=list(range(line, line + rows)),
        rejects=[],
    )


def plain_table(
    data: bytes, names: Sequence[str], header: Sequence[str], delimiter: str
) -> pa.Table | None:
    """The cells of a plain block as text, or None; ``header`` are the cells that name columns."""
    mark = delimiter.encode()
    if len(names) < 2 or len(mark) != 1 or data.startswith(b"\xef\xbb\xbf"):
        return None
    if data.count(b"\r") != data.count(b"\r\n") or not _quotes_stand_around_cells(data, mark):
        return None
    if data.startswith((b"\n", b"\r")) or b"\n\n" in data or b"\n\r" in data:  # a blank line
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if _longest_line(data) > limits.MAX_ROW_BYTES:
        return None
    try:
        table = _parse(data, names, delimiter)
    except pa.ArrowInvalid:
        return None
    return None if table.num_rows != lines or _has_row(table, header) else table


def _quotes_stand_around_cells(data: bytes, mark: bytes) -> bool:
    """Whether as many quotes open a cell as close one, and none does anything else."""
    if _QUOTE not in data:
        return True
    cells = np.frombuffer(data, np.uint8)
    quote, end, comma = cells == ord(_QUOTE), cells == ord("\n"), cells == ord(mark)
    opens = comma | end
    closes = opens | (cells == ord("\r"))  # which comes before an end of line alone, see above
    opening = data.startswith(_QUOTE) + np.count_nonzero(quote[1:] & opens[:-1])
    closing = data.endswith(_QUOTE) + np.count_nonzero(quote[:-1] & closes[1:])
    return bool(2 * opening == 2 * closing == np.count_nonzero(quote))


def _longest_line(data: bytes) -> int:
    if len(data) <= limits.MAX_ROW_BYTES:
        return len(data)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    return int(np.diff(ends, prepend=-1, append=len(data)).max())


def _parse(data: bytes, names: Sequence[str], delimiter: str) -> pa.Table:
    text = pa.string()
    return pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(column_names=names, block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if _QUOTE in data else False,
            newlines_in_values=False,
            ignore_empty_lines=False,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, text), null_values=[], strings_can_be_null=False
        ),
    )


def _has_row(table: pa.Table, cells: Sequence[str]) -> bool:
    same = None
    for column, cell in zip(table.columns, cells, strict=True):
        equal = pc.equal(column, cell)
        same = equal if same is None else pc.and_(same, equal)
        if not pc.any(same).as_py():
            return False
    return True
