"""The inputs of ``tingfeng score``: files, globs, folders and datasets, opened and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.cli.common import open_dumps, say

if TYPE_CHECKING:
    from data.readers import Dump

MANY = 20  # from here on files are told in sums


def open_inputs(inputs: Sequence[str], out: Path, **options: Any) -> list[Dump]:
    """Every dump in order; ``options`` are those of ``open_dumps``. What a folder holds beside
    comments, and what this program wrote there, is passed over and told.

    Raises: DumpError with the faults of every input.
    """
    from data.readers import DumpError, expand_inputs

    files, notes = expand_inputs(inputs, without=[out])
    for note in notes:
        say(note)
    dumps: list[Dump] = []
    faults: list[DumpError] = []
    many = len(files) > MANY
    for file in files:
        wanted: dict[str, Any] = {"label": file.label, "partitions": file.partitions}
        try:
            (dump,) = open_dumps([file.path], quiet=many, **options, **wanted)
        except DumpError as error:
            faults.append(error)
            continue
        if file.label is not None and dump.kind != "comments":
            say(f"{file.path}: passed over, it holds {dump.kind} and not comments")
            continue
        dumps.append(dump)
    if faults:
        raise DumpError("; ".join(map(str, faults[:MANY])) + _more(faults)) from faults[0]
    if many:
        _say_sums(dumps)
    return dumps


def _more(faults: Sequence[Exception]) -> str:
    return f"; and {len(faults) - MANY:,} more" if len(faults) > MANY else ""


def _say_sums(dumps: Sequence[Dump]) -> None:
    formats = Counter(dump.format for dump in dumps).most_common()
    told = ", ".join(f"{name} {count:,}" for name, count in formats)
    say(f"{len(dumps):,} files, {sum(dump.rows for dump in dumps):,} rows ({told})")
