"""What a user names as input, as a list of files: files, globs, folders, partitioned datasets.

A folder named ``key=value`` on the way to a file (Hive's way to partition) becomes a column of it.
The order is that of the arguments, and within one by path, so that it is the same on every machine.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from data.readers.errors import fail
from data.readers.packed import SUFFIXES as PACKED

SUFFIXES: Final = frozenset(
    {".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".sqlite", ".db"}
)
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"  # Hive's name for a partition without a value
_MADE: Final = (".rejects.jsonl", ".part")  # beside an output, by this program


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file, ``FILE::TABLE`` included; ``label`` names it in rejects when it came by a folder
    or a glob, where several files may bear the same name.
    """

    path: str
    label: str | None = None
    partitions: Mapping[str, str | None] = field(default_factory=dict)


def expand_inputs(
    inputs: Iterable[str], *, without: Sequence[Path] = ()
) -> tuple[list[InputFile], list[str]]:
    """The files, each once, and a sentence for each that was passed over.

    ``without`` are files that are no input although they lie there, such as the output. Raises:
    DumpError when a folder or glob holds no dump.
    """
    skipped = {os.path.realpath(path) for path in without}
    found: list[InputFile] = []
    notes: list[str] = []
    seen: set[str] = set()
    for text in inputs:
        for file in _files(text, skipped, notes):
            real = os.path.realpath(file.path)
            if real in seen:
                notes.append(f"{file.path}: named twice, read once")
                continue
            seen.add(real)
            found.append(file)
    return found, notes


def _files(text: str, skipped: set[str], notes: list[str]) -> Iterator[InputFile]:
    path = Path(text)
    if path.is_dir():
        root, paths = path, sorted(_walk(path))
    elif not os.path.lexists(text) and glob.has_magic(text):
        matches = [Path(match) for match in glob.glob(text, recursive=True)]
        paths = sorted(
            {p for match in matches for p in (_walk(match) if match.is_dir() else [match])}
        )
        root = _fixed_part(text)
    else:
        yield InputFile(path=text)
        return
    dumps = [p for p in paths if os.path.realpath(p) not in skipped and not _is_made(p)]
    for empty in (p for p in dumps if p.stat().st_size == 0):
        notes.append(f"{empty}: empty, passed over")
    dumps = [p for p in dumps if p.stat().st_size]
    if not dumps:
        kinds = " ".join(sorted(SUFFIXES))
        raise fail(path, f"dumps ({kinds}, also packed)", "none there", "check the path")
    for dump in dumps:
        label = os.path.relpath(dump, root)
        yield InputFile(path=os.fspath(dump), label=label, partitions=_partitions(dump))


def _walk(folder: Path) -> Iterator[Path]:
    """Dumps below a folder, but for hidden ones (``.x``, ``_SUCCESS``) and a job's own."""
    for base, folders, names in os.walk(folder):
        folders[:] = [n for n in folders if not n.startswith((".", "_")) and not n.endswith(".job")]
        for name in names:
            if not name.startswith((".", "_")) and _is_dump(Path(name)):
                yield Path(base, name)


def _is_dump(name: Path) -> bool:
    suffixes = [suffix.lower() for suffix in name.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        return suffixes[-1] == ".zip" or suffixes[-2:-1] == [] or suffixes[-2] in SUFFIXES
    return bool(suffixes) and suffixes[-1] in SUFFIXES


def _is_made(path: Path) -> bool:
    return path.name.endswith(_MADE) or any(part.endswith(".job") for part in path.parts[:-1])


def _fixed_part(pattern: str) -> Path:
    """The folders of a glob before the first that is one."""
    parts = Path(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])


def _partitions(path: Path) -> dict[str, str | None]:
    pairs = (part.partition("=") for part in path.parts[:-1])
    return {
        unquote(key): None if value == _NULL else unquote(value)
        for key, mark, value in pairs
        if mark and key and value
    }
