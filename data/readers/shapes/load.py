"""Shapes from YAML: those that ship here, and those of a user's file or folder.

A file is a mapping with one key, ``sources``, a list of shapes. Every fault of a file is named in
one error. Nothing is read on import.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data.lexicons.source import LexiconError, parse_yaml
from data.readers.errors import DumpError, fail
from data.readers.shapes.shape import Shape

_KEY = "sources"


@cache
def shipped_shapes() -> tuple[Shape, ...]:
    """The shapes that ship with the package, in order of file name and then of entry."""
    files = sorted(
        (file for file in resources.files(__package__).iterdir() if file.name.endswith(".yaml")),
        key=lambda file: file.name,
    )
    return tuple(
        shape
        for file in files
        for shape in _parse(Path(file.name), file.read_text(encoding="utf-8"))
    )


def load_shapes(path: Path) -> tuple[Shape, ...]:
    """The shapes of one YAML file. Raises: DumpError with every fault of the file."""
    try:
        return _parse(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise fail(path, "a UTF-8 YAML file of sources", found, "check the path") from error


def load_folder(folder: Path) -> tuple[Shape, ...]:
    """The shapes of every ``*.yaml`` in a folder. Raises: DumpError with the faults of all."""
    if not folder.is_dir():
        raise fail(folder, "a folder of YAML files", "none", "correct TINGFENG_SOURCES_DIR")
    shapes: list[Shape] = []
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            shapes += load_shapes(path)
        except DumpError as error:
            faults.append(str(error))
    if faults:
        raise DumpError("; ".join(faults))
    return tuple(shapes)


def _parse(path: Path, text: str) -> tuple[Shape, ...]:
    try:
        found = parse_yaml(text, path.name)
    except LexiconError as error:
        raise DumpError(" ".join(str(error).split())) from error
    entries = found.get(_KEY)
    if set(found) != {_KEY} or not isinstance(entries, list) or not entries:
        keys = ", ".join(map(str, found)) or "nothing"
        raise fail(path, f"one key {_KEY} with a list of sources", keys, "see docs/sources.md")
    shapes: list[Shape] = []
    faults: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            shapes.append(Shape.model_validate(entry))
        except ValidationError as error:
            faults += _faults(number, entry, error)
    if faults:
        found_faults = f"{len(faults)} fault(s): {'; '.join(faults)}"
        raise fail(path, "sources as docs/sources.md has them", found_faults, "correct the file")
    return tuple(shapes)


def _faults(number: int, entry: Any, error: ValidationError) -> list[str]:
    name = entry.get("name") if isinstance(entry, dict) else None
    where = f"source {number}" + (f" ({name})" if name else "")
    return [
        ": ".join([where, *([".".join(map(str, each["loc"]))] if each["loc"] else []), each["msg"]])
        for each in error.errors()
    ]
