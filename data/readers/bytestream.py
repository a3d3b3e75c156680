"""The bytes of an input file: what it is by its first bytes, how its text is encoded, one clean
stream.

Only regular files are read. Gzip, zstd and a zip archive of one file are read through; other packed
or foreign files are refused by name. Whatever the encoding and line ends of a text file,
``open_text`` gives bytes in ``codec`` (UTF-8 or GB18030) without a byte order mark and with ``\\n``
between lines, so that lines can be cut before decoding.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from data.readers import limits
from data.readers.errors import DumpError, fail, printable
from data.readers.packed import BROKEN, GZIP, PLAIN, ZIP, ZSTD, open_packed, refuse_inner

_FOREIGN: Final = (
    (b"BZh", "a bzip2 file", "unpack it first"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old .xls or a workbook with a password",
        "save it as .xlsx without a password",
    ),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"%PDF", "a PDF", "export the table as CSV"),
)
_UTF32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_TELLING_SHARE: Final = 0.4  # of GB18030 lines with one Chinese character, 0.18 pass as UTF-8
_READABLE: Final = "a UTF-8, UTF-16 (with byte order mark) or GB18030 text file"


class Stamp(NamedTuple):
    """What must not change between the scan and the read."""

    size: int
    modified_ns: int
    inode: int


def take_stamp(path: Path) -> Stamp:
    """The file's stamp. Raises DumpError unless it is a regular, non-empty file."""
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise fail(path, "a readable file", str(reason), "check the path") from error
    if not stat.S_ISREG(info.st_mode):
        raise fail(path, "a regular file", _kind(info.st_mode), "name one dump file")
    if info.st_size == 0:
        raise fail(
            path, "a dump with at least a header", "an empty file", "crawl or export it again"
        )
    return Stamp(info.st_size, info.st_mtime_ns, info.st_ino)


def _kind(mode: int) -> str:
    kinds: tuple[tuple[Callable[[int], bool], str], ...] = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")


def sniff(path: Path) -> str:
    """The container by magic bytes: gzip, zstd, zip, parquet, sqlite or text. Raises DumpError
    for foreign files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise fail(
            path, "a readable file", error.strerror or str(error), "check its rights"
        ) from error
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        return "parquet"
    if start.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if start.startswith(b"PK\x03\x04"):
        return ZIP
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return ZSTD
    return GZIP if start.startswith(b"\x1f\x8b") else _text_or_fail(path, start)


def _text_or_fail(path: Path, start: bytes) -> str:
    for magic, name, advice in _FOREIGN:
        if start.startswith(magic):
            raise fail(path, "a CSV, JSON, JSONL, XLSX, SQLite or Parquet dump", name, advice)
    return "text"


class TextProbe(NamedTuple):
    """How a text file is written, after a look at all of it."""

    encoding: str  # utf-8, utf-8-sig, utf-16-le, utf-16-be, gb18030
    codec: str  # of the bytes that ``open_text`` gives: utf-8 or gb18030
    newline: str  # "\n", or "\r" when the file has no other
    packing: str  # of data.readers.packed


class _Transformed(io.RawIOBase):
    """A binary stream seen through a function of (bytes, at the end)."""

    def __init__(self, source: IO[bytes], transform: Callable[[bytes, bool], bytes]) -> None:
        self._source = source
        self._transform = transform
        self._pending = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        while not self._pending and not self._ended:
            block = self._source.read(limits.CHUNK_BYTES)
            self._ended = not block
            self._pending = self._transform(block, self._ended)
        size = min(len(view), len(self._pending))
        view[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size

    def close(self) -> None:
        self._source.close()
        super().close()


def open_text(path: Path, probe: TextProbe) -> IO[bytes]:
    """The file's text as bytes of ``probe.codec``, lines ended by ``\\n``."""
    stream = open_packed(path, probe.packing)
    if probe.encoding.startswith("utf-16"):
        stream.read(2)
        stream = _wrap(stream, _recoder(probe.encoding))
    elif probe.encoding == "utf-8-sig":
        stream.read(3)
    if probe.newline == "\r":
        stream = _wrap(stream, lambda block, _: block.replace(b"\r", b"\n"))
    return stream


def _wrap(stream: IO[bytes], transform: Callable[[bytes, bool], bytes]) -> IO[bytes]:
    return io.BufferedReader(_Transformed(stream, transform), limits.CHUNK_BYTES)


def _recoder(encoding: str) -> Callable[[bytes, bool], bytes]:
    """UTF-16 to UTF-8; what is no UTF-16 becomes bytes that are no UTF-8, found line by line."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")

    def recode(block: bytes, final: bool) -> bytes:
        try:
            return decoder.decode(block, final).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return b"\xff"

    return recode


def probe_text(path: Path, packing: str) -> TextProbe:
    """The encoding and line ends, by reading the whole file once.

    Raises: DumpError for binary content, an unknown encoding or a broken packed file.
    """
    try:
        with open_packed(path, packing) as stream:
            start = stream.read(4096)
        encoding = _marked_encoding(path, start)
        if encoding is None:
            if packing != PLAIN:
                refuse_inner(path, start)
            _refuse_binary(path, start)
            encoding = _measure_encoding(path, packing)
        codec = "gb18030" if encoding == "gb18030" else "utf-8"
        probe = TextProbe(encoding, codec, "\n", packing)
        return probe._replace(newline=_newline(path, probe))
    except BROKEN as error:
        what = f"a whole {packing} file" if packing else "a readable file"
        raise fail(path, what, str(error), "copy or export it again") from error


def _marked_encoding(path: Path, start: bytes) -> str | None:
    if start.startswith(_UTF32):
        raise fail(path, _READABLE, "UTF-32", "save it as UTF-8")
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if start.startswith(codecs.BOM_UTF16_BE) else None


def _refuse_binary(path: Path, start: bytes) -> None:
    """A text may hold a few NULs; a third of them is UTF-16 without a mark, or no text."""
    if start.count(0) * 3 > len(start):
        raise fail(
            path,
            _READABLE,
            "NUL bytes throughout (binary, or UTF-16 without mark)",
            "save it as UTF-8",
        )
    if start.startswith(b"\x1f\x8b"):
        raise fail(path, "one gzip layer", "gzip inside gzip", "unpack it first")


def _measure_encoding(path: Path, packing: str) -> str:
    """UTF-8 if the whole file is, or is but for a cut end or some lines; else by characters.

    The two are not alike: half of all UTF-8 lines of Chinese pass as GB18030 (and read as rubbish),
    but hardly a line of GB18030 passes as UTF-8.
    """
    try:
        _count_characters(path, packing, "utf-8", "strict")
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return "utf-8"
    if _share_of_utf8_lines(path, packing) > _TELLING_SHARE:
        return "utf-8"
    for codec in ("utf-8", "gb18030"):
        good, bad = _count_characters(path, packing, codec, "replace")
        if good > bad:
            return codec
    raise fail(path, _READABLE, "bytes that are neither", "save it as UTF-8")


def _share_of_utf8_lines(path: Path, packing: str) -> float:
    """Of the lines beyond ASCII, those that are UTF-8."""
    lines = good = 0
    with open_packed(path, packing) as stream:
        while line := stream.readline(limits.MAX_ROW_BYTES):
            if not line.isascii():
                lines += 1
                good += _reads(line, "utf-8")
    return good / max(1, lines)


def _reads(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _count_characters(path: Path, packing: str, codec: str, errors: str) -> tuple[int, int]:
    """Decoded non-ASCII characters, and faults."""
    decoder = codecs.getincrementaldecoder(codec)(errors)
    good = bad = 0
    with open_packed(path, packing) as stream:
        while block := stream.read(limits.CHUNK_BYTES):
            text = decoder.decode(block)
            if errors != "strict":
                faults = text.count("\ufffd")
                bad += faults
                good += len(text) - len(text.encode("ascii", "ignore")) - faults
    decoder.decode(b"", True)
    return good, bad


def _newline(path: Path, probe: TextProbe) -> str:
    has_return = False
    with open_text(path, probe) as stream:
        while block := stream.read(limits.CHUNK_BYTES):
            if b"\n" in block:
                return "\n"
            has_return = has_return or b"\r" in block
    return "\r" if has_return else "\n"


def check_unchanged(path: Path, stamp: Stamp) -> None:
    """Raises DumpError when the file is not the one that was scanned."""
    try:
        now = take_stamp(path)
    except DumpError:
        now = None
    if now != stamp:
        found = "input changed" if now else "input changed: it is gone"
        raise fail(path, "the file as it was scanned", found, "wait until its writer is done")


def file_label(path: Path, table: str | None) -> str:
    """The file's name as it stands in fallback ids and rejects."""
    name = printable(os.path.basename(os.fspath(path)))
    return f"{name}::{printable(table)}" if table else name
