"""How a file would be read, before anything is written: the source recognised and why, which
column fills what, the first rows in canonical form, repairs, and rejects with their reasons.

Nothing is scored and no store is opened; the whole file is read once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data.readers import Dump, Reject

_SHOWN_RAW = 120  # characters of a rejected row


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What one file is and what its rows become; ``first`` and ``rejects`` are the first few."""

    path: str
    kind: str
    source: str
    why: str
    encoding: str
    columns: Mapping[str, list[str]]  # input columns by the canonical column they fill
    platform: str | None  # of every row, where the source says it
    unused: list[str]
    rows_in: int
    rows_read: int
    first: list[dict[str, Any]]
    rejects: list[Reject]
    reasons: Mapping[str, int]
    repairs: list[str]


def preview_dump(dump: Dump, *, rows: int = 5, rejects: int = 10) -> Preview:
    """The preview of an opened dump, with its first ``rows`` and ``rejects``."""
    first: list[dict[str, Any]] = []
    shown: list[Reject] = []
    reasons: Counter[str] = Counter()
    read = 0
    for batch in dump.batches():
        read += batch.records.num_rows
        first += batch.records.slice(0, rows - len(first)).to_pylist()
        shown += batch.rejects[: rejects - len(shown)]
        reasons.update(reject.key for reject in batch.rejects)
    used = {name for names in dump.columns.values() for name in names}
    return Preview(
        path=str(dump.path),
        kind=dump.kind,
        source=dump.format,
        why=dump.why,
        encoding=dump.encoding,
        columns=dump.columns,
        platform=dump.platform,
        unused=[name for name in dump.input_schema.names if name not in used],
        rows_in=dump.rows,
        rows_read=read,
        first=first,
        rejects=shown,
        reasons=dict(reasons.most_common()),
        repairs=dump.repairs.lines(),
    )


def preview_lines(found: Preview) -> Iterator[str]:
    """The preview as lines for a terminal."""
    yield f"{found.path}: {found.kind} as {found.source}, {found.encoding}"
    yield f"  because: {found.why}"
    yield "  columns:"
    for field, names in found.columns.items():
        yield f"    {field} <- {', else '.join(names)}"
    if found.platform and "platform" not in found.columns:
        yield f"    platform <- always {found.platform}"
    if found.unused:
        yield f"  columns not taken: {', '.join(found.unused)}"
    rejected = sum(found.reasons.values())
    yield f"  {found.rows_in:,} rows in = {found.rows_read:,} read + {rejected:,} rejected"
    yield from _section("first rows", [_row(row) for row in found.first])
    yield from _section("repairs", found.repairs)
    yield from _section(
        "reasons of rejects", [f"{key}: {number:,}" for key, number in found.reasons.items()]
    )
    yield from _section("first rejects", [_reject(reject) for reject in found.rejects])
    yield "  nothing was written"


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}" for line in lines)


def _row(row: dict[str, Any]) -> str:
    filled = {name: value for name, value in row.items() if value is not None}
    return json.dumps(filled, ensure_ascii=False, default=str)


def _reject(reject: Reject) -> str:
    raw = " ".join(reject.raw[:_SHOWN_RAW].split())
    return f"line {reject.line}: {reject.reason} | {raw}"
