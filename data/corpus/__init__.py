"""The written corpus: our own comments with labels for every head, one JSON object per line.

Fields: ``text``, ``sentiment``, ``emotion``, ``interests``, ``flags``, ``risks``, ``aspects``; keys
as in ``data.labels``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def read_corpus() -> list[dict[str, Any]]:
    """Every comment of every file, in file-name order; a text that stands twice is given once."""
    rows: dict[str, dict[str, Any]] = {}
    folder = files("data.corpus")
    for name in sorted(f.name for f in folder.iterdir() if f.name.endswith(".jsonl")):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows.setdefault(row["text"], row)
    return list(rows.values())
