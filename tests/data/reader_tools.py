"""What the reader tests share: read a whole dump and check what must hold for every one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.columns import COMMENTS, CONTENTS
from data.readers import Dump, Reject, open_dump


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A dump read to its end."""

    dump: Dump
    records: list[dict[str, Any]]
    originals: list[dict[str, Any]]
    row_numbers: list[int]
    lines: list[int]
    rejects: list[Reject]

    @property
    def texts(self) -> list[str | None]:
        return [record["text"] for record in self.records]

    @property
    def reasons(self) -> list[str]:
        return [reject.key for reject in self.rejects]

    @property
    def counts(self) -> dict[str, int]:
        return self.dump.repairs.counts


def read(path: Path | str, rows: int = 8192, **options: Any) -> Whole:
    """The whole dump; fails unless each row is kept or rejected, once, under constant schemas."""
    return read_all(open_dump(path, **options), rows)


def read_all(dump: Dump, rows: int = 8192) -> Whole:
    batches = list(dump.batches(rows=rows))
    schema = {"comments": COMMENTS, "contents": CONTENTS, "table": dump.input_schema}[dump.kind]
    for batch in batches:
        assert batch.original.schema == dump.input_schema
        assert batch.records.schema == schema
        assert batch.original.num_rows == batch.records.num_rows <= rows
        assert len(batch.row_numbers) == len(batch.lines) == batch.original.num_rows
        batch.records.validate(full=True)
        batch.original.validate(full=True)
    whole = Whole(
        dump=dump,
        records=[record for batch in batches for record in batch.records.to_pylist()],
        originals=[record for batch in batches for record in batch.original.to_pylist()],
        row_numbers=[number for batch in batches for number in batch.row_numbers],
        lines=[line for batch in batches for line in batch.lines],
        rejects=[reject for batch in batches for reject in batch.rejects],
    )
    numbers = whole.row_numbers + [reject.row for reject in whole.rejects]
    assert sorted(numbers) == list(range(1, dump.rows + 1))
    assert whole.row_numbers == sorted(whole.row_numbers)
    return whole


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file in the folder; text as UTF-8 with its line ends as they are."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
