"""Text inside a packed file: gzip, zstd, or a zip archive with one file in it, unpacked as it is
read.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from data.readers import limits
from data.readers.errors import fail, printable

PLAIN, GZIP, ZSTD, ZIP = "", "gzip", "zstd", "zip"
SUFFIXES: Final = frozenset({".gz", ".zst", ".zip"})
BROKEN: Final = (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError)
_ENCRYPTED: Final = 1  # bit 0 of a zip entry's flags (APPNOTE 4.4.4)
_INSIDE: Final = (
    (b"PK\x03\x04", "a zip archive or workbook"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "a database"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)


def open_packed(path: Path, packing: str) -> IO[bytes]:
    """The bytes inside. Raises one of ``BROKEN``, here or while reading, for a damaged file."""
    if packing == GZIP:
        return cast(IO[bytes], gzip.open(path, "rb"))
    if packing == ZSTD:
        return cast(IO[bytes], io.BufferedReader(_Native(path), limits.CHUNK_BYTES))
    if packing == ZIP:
        with zipfile.ZipFile(path) as archive:  # the file stays open as long as its member
            return archive.open(only_member(path))
    return path.open("rb")


class _Native(io.RawIOBase):
    """A zstd file of any number of frames."""

    def __init__(self, path: Path) -> None:
        self._stream = pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        block = self._stream.read(len(view))
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        super().close()


def only_member(path: Path) -> str:
    """The name of the one file in a zip archive. Raises: DumpError for none, several or a password.

    Folders and what macOS adds are not counted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if _counts(entry)]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise fail(path, "a whole zip archive", str(error), "copy or pack it again") from error
    if len(entries) != 1:
        names = ", ".join(printable(entry.filename) for entry in entries[:5]) or "none"
        found = f"a zip archive with {len(entries):,} ({names})"
        raise fail(path, "one file in the archive", found, "unpack it and name the folder")
    if entries[0].flag_bits & _ENCRYPTED:
        raise fail(path, "an archive without a password", "one with", "unpack it first")
    return entries[0].filename


def _counts(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    return not entry.is_dir() and parts[0] != "__MACOSX" and not parts[-1].startswith(".")


def refuse_inner(path: Path, start: bytes) -> None:
    """Raises DumpError when the packed file holds no text but another packed or binary file."""
    for magic, name in _INSIDE:
        if start.startswith(magic):
            raise fail(path, "a CSV, JSON or JSONL text inside", name, "unpack it first")
