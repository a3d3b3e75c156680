"""One text's result as JSON: made once, cached as bytes, put into answers by joining.

Members are ``status`` and the score columns, rounded to six decimals as in files. ``status`` is
``ok``; ``empty`` where there is nothing to judge; ``error`` where this text cannot be scored.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import pyarrow as pa

from data.columns import SCORES
from serving.batch.cells import SCORE_DECIMALS

FEATURES: Final[dict[str, tuple[str, ...]]] = {
    "sentiment": ("sentiment", "sentiment_score", "p_negative", "p_neutral", "p_positive"),
    "emotion": ("emotion",),
    "interests": ("interest", "interests"),
    "keywords": ("keywords",),
    "aspects": ("aspects",),
    "flags": ("flags",),
    "risks": ("risks",),
}
ALWAYS: Final = ("id", "status", "truncated", "model_version")
_LISTS: Final = tuple(f.name for f in SCORES if pa.types.is_list(f.type))
_FALSE, _TRUE = b'"truncated":false', b'"truncated":true'


def results_json(rows: Iterable[dict[str, Any]]) -> list[bytes]:
    """One JSON object per row of scores, in order."""
    return [to_bytes({"status": "ok"} | _rounded(row)) for row in rows]


def blank_json(status: str, model_version: str) -> bytes:
    """The result of a text without scores."""
    row: dict[str, Any] = {name: [] if name in _LISTS else None for name in SCORES.names}
    return to_bytes({"status": status} | row | {"truncated": False, "model_version": model_version})


def marked_cut(result: bytes) -> bytes:
    """The result of a text of which only a part was read; quotes in a value are escaped, so the
    member is found for certain.
    """
    return result.replace(_FALSE, _TRUE, 1)


def with_id(result: bytes, comment_id: str | int) -> bytes:
    """The result with the comment's id in front."""
    return b'{"id":' + to_bytes(comment_id) + b"," + result[1:]


def only(result: bytes, features: Collection[str]) -> bytes:
    """The members of some features."""
    kept = {*ALWAYS, *(name for feature in features for name in FEATURES[feature])}
    return to_bytes({k: v for k, v in json.loads(result).items() if k in kept})


def answer(model_version: str, results: Sequence[bytes], **more: Any) -> bytes:
    """The body of an answer."""
    rest = "".join(f",{json.dumps(k)}:{json.dumps(v, ensure_ascii=False)}" for k, v in more.items())
    head = b'{"model_version":' + to_bytes(model_version) + b',"results":['
    return head + b",".join(results) + b"]" + rest.encode() + b"}"


def to_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, float):
            row[name] = round(value, SCORE_DECIMALS)
    for name in ("interests", "aspects"):
        for item in row[name]:
            item["score"] = round(item["score"], SCORE_DECIMALS)
    return row
