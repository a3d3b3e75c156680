"""One CSV record from physical lines, with recovery that ``csv.reader`` does not have.

``csv.reader`` lets one unclosed quote swallow the rest of the file. Here a quoted cell that runs
over lines counts only when its closing quote stands before a delimiter or line end and the
swallowed lines are no records themselves; otherwise the first line is at fault and reading goes on
with the next one. On well-formed input the result equals ``csv.reader``'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from data.readers import limits
from data.readers.lines import Line


class LineQueue:
    """Lines that can be pushed back."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting: deque[Line] = deque()

    def take(self) -> Line | None:
        """The next line, or null at the end."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    @property
    def is_empty(self) -> bool:
        """True when no line was pushed back."""
        return not self._waiting

    def push_back(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))


class Split(NamedTuple):
    """Fields of a text; ``open_at`` is where an unclosed quote begins, or -1; ``clean`` is false
    when text follows a closing quote.
    """

    fields: list[str]
    open_at: int
    clean: bool


def split_fields(text: str, delimiter: str) -> Split:
    """The fields of one record; a quote is special only at the start of a field."""
    if '"' not in text:
        return Split(text.split(delimiter), -1, True)
    fields: list[str] = []
    clean, start = True, 0
    while True:
        close = _closing_quote(text, start) if text[start : start + 1] == '"' else start
        if close < 0:
            return Split(fields, start, clean)
        end = text.find(delimiter, close)
        stop = len(text) if end < 0 else end
        field = text[start:stop]
        if close > start and not text[close + 1 : stop].strip():
            field = text[start + 1 : close].replace('""', '"')
        elif close > start:
            clean = False
        fields.append(field)
        if end < 0:
            return Split(fields, -1, clean)
        start = end + len(delimiter)


def _closing_quote(text: str, start: int) -> int:
    position = text.find('"', start + 1)
    while position >= 0 and text[position + 1 : position + 2] == '"':
        position = text.find('"', position + 2)
    return position


class Record(NamedTuple):
    """The fields of one record, or the fault (a reject's reason) that its lines have."""

    fields: list[str]
    fault: str | None


def read_record(first: Line, queue: LineQueue, delimiter: str, width: int | None) -> Record:
    """The record that starts on ``first``, ``width`` fields expected.

    Takes further lines from the queue only when they belong to the record.
    """
    if first.fault and first.fault.startswith("row_too_large"):
        return Record([], first.fault)
    split = split_fields(first.text, delimiter)
    if split.open_at < 0:
        return Record(split.fields, first.fault)
    fields, taken = _close_quote(first, queue, delimiter)
    if fields is None or _swallowed(fields, taken, delimiter, width):
        queue.push_back(taken)
        return Record([], first.fault or "unclosed_quote: a quoted cell begins here and never ends")
    return Record(fields, first.fault or next((line.fault for line in taken if line.fault), None))


def _close_quote(
    first: Line, queue: LineQueue, delimiter: str
) -> tuple[list[str] | None, list[Line]]:
    """The fields once the quote is closed, or null, and the lines taken."""
    taken: list[Line] = []
    parts, size = [first.text, first.end], len(first.text)
    while len(taken) < limits.MAX_QUOTED_LINES and size <= limits.MAX_ROW_BYTES:
        line = queue.take()
        if line is None:
            break
        taken.append(line)
        size += len(line.text)
        parts += [line.text, line.end]
        if '"' not in line.text:
            continue
        split = split_fields("".join(parts[:-1]), delimiter)
        if not split.clean:
            break
        if split.open_at < 0:
            return split.fields, taken
    return None, taken


def _swallowed(fields: list[str], taken: list[Line], delimiter: str, width: int | None) -> bool:
    """True when the count of fields is wrong while a line inside is a whole record of its own."""
    if width is None or len(fields) == width:
        return False
    return any(len(split_fields(line.text, delimiter).fields) == width for line in taken)
