"""Physical lines of a text stream, numbered from 1, each decoded on its own.

A line that is too long or not valid in the encoding comes with a ``fault`` (and what can be shown
of it) instead of ending the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from data.readers import limits


class Line(NamedTuple):
    """One line without its end; ``end`` is empty only on a last line that has none."""

    number: int
    text: str
    end: str
    fault: str | None


def sample_lines(stream: IO[bytes], codec: str, newline: str, most: int) -> list[str]:
    """The first lines that hold anything, at most so many and no more than a megabyte or so."""
    texts: list[str] = []
    size = 0
    for line in read_lines(stream, codec, newline):
        if line.text.strip():
            texts.append(line.text)
        size += len(line.text)
        if len(texts) == most or size > limits.CHUNK_BYTES:
            break
    return texts


def read_lines(
    stream: IO[bytes], codec: str, newline: str = "\n", *, number: int = 0, offset: int = 0
) -> Iterator[Line]:
    """Every line of the stream; ``newline`` is what a bare ``\\n`` stands for in the file.

    ``number`` and ``offset`` are the lines and bytes that come before the stream.
    """
    limit = limits.MAX_ROW_BYTES
    while raw := stream.readline(limit + 2):
        number += 1
        if len(raw) > limit and not raw.endswith(b"\n"):
            size, ended = _skip_line(stream, len(raw))
            yield _too_large(number, raw, codec, size, newline if ended else "")
        else:
            size = len(raw)
            text, fault = _decode(raw, codec, offset)
            if text.endswith("\r\n"):
                yield Line(number, text[:-2], "\r\n", fault)
            elif text.endswith("\n"):
                yield Line(number, text[:-1], newline, fault)
            else:
                yield Line(number, text, "", fault)
        offset += size


def _skip_line(stream: IO[bytes], size: int) -> tuple[int, bool]:
    while block := stream.readline(limits.CHUNK_BYTES):
        size += len(block)
        if block.endswith(b"\n"):
            return size, True
    return size, False


def _too_large(number: int, raw: bytes, codec: str, size: int, end: str) -> Line:
    shown = raw[: limits.MAX_RAW_CHARS].decode(codec, "replace")
    fault = f"row_too_large: {size:,} bytes in one line, the limit is {limits.MAX_ROW_BYTES:,}"
    return Line(number, shown, end, fault)


def _decode(raw: bytes, codec: str, offset: int) -> tuple[str, str | None]:
    try:
        return raw.decode(codec), None
    except UnicodeDecodeError as error:
        byte, place = raw[error.start], offset + error.start
    fault = f"invalid_bytes: byte 0x{byte:02X} at offset {place} is not valid {codec}"
    return raw.decode(codec, "replace"), fault
