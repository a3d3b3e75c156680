"""Labels of real comments, read by people; the texts themselves are not kept here.

Each line holds ``key``, the start of the SHA-256 of the comment's text, and the labels as in the
written corpus. ``train`` is for training, ``dev`` for choosing thresholds, ``agreed`` for judging:
500 comments that two readers labelled apart (``first``, ``second``) and that were then settled.
``docs/annotation.md`` is what the readers followed.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import Any, Final

PARTS: Final = ("train", "dev", "agreed", "first", "second")


def comment_key(text: str) -> str:
    """What stands for a comment's text: 16 hexadecimal digits."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def read_annotations(part: str) -> dict[str, dict[str, Any]]:
    """Labels by ``comment_key``, in file order."""
    content = (files("data.annotations") / f"{part}.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in content.splitlines()]
    return {row["key"]: row for row in rows}
