"""Writes rows as crawlers and shops leave them: CSV with a byte-order mark, JSONL without."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

Row = dict[str, object]


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    """The rows as CSV, headed by the first row's keys."""
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: Sequence[Row]) -> Path:
    """The rows as one JSON object a line, Chinese as it is."""
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path
