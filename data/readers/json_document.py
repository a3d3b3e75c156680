"""JSON that is not one object a line: an array, pretty-printed or not, or objects one after
another.

Read as a stream with constant memory: a buffer holds one value at a time. After a value that cannot
be read, reading goes on at the next text that begins like the last good value (same first key, same
indentation).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

from data.readers import limits
from data.readers.json_parse import Fault, JsonParser, describe, expand

_SEPARATORS: Final = re.compile(r"[\s,\ufeff]*")
_FIRST_KEY: Final = re.compile(r'\{\s*"[^"\\]{0,200}"\s*:')
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_NEAR_END: Final = 16  # characters; an escape or a word cut off by the buffer's end


class Placed(NamedTuple):
    """A row or a fault with the physical line on which its value begins."""

    line: int
    value: dict[str, Any] | Fault
    size: int


class DocumentReader:
    """Values of one stream, in order."""

    def __init__(self, stream: IO[bytes], codec: str, parser: JsonParser) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        self._parser = parser
        self._buffer = ""
        self._position = 0
        self._line = 1
        self._ended = False
        self._inside = False  # of the outer array
        self._prefix: str | None = None  # how the last good value begins

    def __iter__(self) -> Iterator[Placed]:
        while self._skip_separators():
            line = self._line
            start = self._position
            try:
                value, end = self._parse_growing()
            except (ValueError, RecursionError) as error:
                reason = self._reason(error)
                yield Placed(line, Fault(reason, self._resync()), 0)
                continue
            start = self._position
            raw = self._buffer[start:end]
            self._advance(end)
            yield from self._place(line, value, raw)

    def _place(self, line: int, value: Any, raw: str) -> Iterator[Placed]:
        found = _FIRST_KEY.match(raw)
        self._prefix = found[0] if found else self._prefix
        if _UNDECODED.search(raw):
            yield Placed(
                line, Fault("invalid_bytes: in the value that begins on this line", raw), 0
            )
            return
        for item in expand(value, raw):
            yield Placed(line, item, len(raw))

    def _reason(self, error: Exception) -> str:
        if len(self._buffer) - self._position > limits.MAX_ROW_BYTES:
            return f"row_too_large: the limit is {limits.MAX_ROW_BYTES:,} bytes"
        if self._ended and isinstance(error, json.JSONDecodeError) and self._cut_off(error):
            return "truncated_line: the file ends inside this value"
        return describe(error)

    def _fill(self, size: int) -> bool:
        """Read on; false at the end of the file."""
        if self._ended:
            return False
        block = self._stream.read(size)
        self._ended = not block
        self._buffer = self._buffer[self._position :] + self._decoder.decode(block, self._ended)
        self._position = 0
        return True

    def _advance(self, position: int) -> None:
        self._line += self._buffer.count("\n", self._position, position)
        self._position = position

    def _skip_separators(self) -> bool:
        """Move to the next value; false at the end of the file."""
        while True:
            found = _SEPARATORS.match(self._buffer, self._position)
            self._advance(found.end() if found else self._position)
            if self._position == len(self._buffer):
                if not self._fill(limits.CHUNK_BYTES):
                    return False
                continue
            mark = self._buffer[self._position]
            if mark not in "[]" or (mark == "[" and self._inside):
                return True
            self._inside = mark == "["
            self._advance(self._position + 1)

    def _parse_growing(self) -> tuple[Any, int]:
        """The value at the position, reading on while it is incomplete."""
        size = limits.CHUNK_BYTES
        while True:
            try:
                value, end = self._parser.parse(self._buffer, self._position)
            except json.JSONDecodeError as error:
                small = len(self._buffer) - self._position <= limits.MAX_ROW_BYTES
                if small and self._cut_off(error) and self._fill(size):
                    size *= 2
                    continue
                raise
            if end < len(self._buffer) or isinstance(value, (dict, list)) or not self._fill(size):
                return value, end

    def _cut_off(self, error: json.JSONDecodeError) -> bool:
        """True when the value may go on behind the buffer's end."""
        return error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - _NEAR_END

    def _resync(self) -> str:
        """Move to the next value that begins like the last good one; returns the start of what was
        skipped.
        """
        raw = self._buffer[self._position : self._position + limits.MAX_RAW_CHARS]
        found = _FIRST_KEY.match(self._buffer, self._position)
        prefix = self._prefix or (found[0] if found else None)
        self._advance(min(self._position + 1, len(self._buffer)))
        while prefix:
            start = self._buffer.find(prefix, self._position)
            if start >= 0:
                self._advance(start)
                return raw
            self._advance(max(self._position, len(self._buffer) - len(prefix)))
            if not self._fill(limits.CHUNK_BYTES):
                break
        self._advance(len(self._buffer))
        while self._fill(limits.CHUNK_BYTES):
            self._advance(len(self._buffer))
        return raw
