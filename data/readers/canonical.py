"""Input columns to the canonical columns: one function per sort of field, applied column by column.

The text is exactly the source's. Everything else is read, repaired or null, and what was repaired
is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from data.columns import COMMENTS, CONTENTS, TIMESTAMP
from data.labels import PLATFORMS
from data.readers.binding import Binding
from data.readers.counts import parse_counts
from data.readers.duplicates import DuplicateSearch
from data.readers.ids import clean_ids, clean_name, clean_names, is_damaged, is_null_word
from data.readers.infer import as_text, to_array
from data.readers.names import platform_in
from data.readers.report import RepairReport
from data.readers.rows import Chunk
from data.readers.times import parse_time, settle_shift

_ROOT_PARENTS: Final = frozenset({"0", ""})
_REGION_PREFIX: Final = re.compile(r"^\s*(?:IP属地\s*[：:]?|来自|发布于)\s*")
_SHORT: Final = 12  # a word for nothing and blanks around it
_TEXTS: Final = ("text", "title")


class Canonicaliser:
    """Turns chunks into canonical batches for one pass over one dump."""

    def __init__(self, binding: Binding, label: str, report: RepairReport) -> None:
        self._binding = binding
        self._label = label
        self._report = report
        self._duplicates = DuplicateSearch()
        self.schema = COMMENTS if binding.kind == "comments" else CONTENTS
        self._key = "comment_id" if binding.kind == "comments" else "content_id"

    def convert(self, chunk: Chunk) -> pa.RecordBatch:
        """The chunk's rows under the canonical names, same order."""
        columns = {field.name: self._column(field, chunk) for field in self.schema}
        if "parent_id" in columns:
            columns["parent_id"] = _without_roots(columns["parent_id"], columns["comment_id"])
        rows = list(zip(*columns.values(), strict=True))
        keys = columns[self._key]
        usable = [None if key is None or is_damaged(key) else key for key in keys]
        self._duplicates.see(usable, columns["text"], rows)
        columns[self._key] = self._named(usable, chunk.row_numbers)
        arrays = [_to_arrow(columns[field.name], field) for field in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def finish(self) -> None:
        """Add the counts that need the whole file."""
        self._duplicates.finish(self._report)

    def _column(self, field: pa.Field, chunk: Chunk) -> list[Any]:
        at = self._binding.fields.get(field.name)
        if at is None:
            fallback = self._binding.platform if field.name == "platform" else None
            return [fallback] * len(chunk.row_numbers)
        columns = [self._read(field, chunk.values(index)) for index in at]
        if field.type == TIMESTAMP and self._binding.time_text is not None:
            return self._settle(columns[0], chunk.values(self._binding.time_text))
        return columns[0] if len(columns) == 1 else _coalesce(columns, field.name)

    def _read(self, field: pa.Field, values: Sequence[Any]) -> list[Any]:
        """The cells of one input column, read as this field."""
        report, unit = self._report, self._binding.time_unit
        if field.name in _TEXTS:
            return self._read_texts(values)
        if field.name == "platform":
            return [self._read_platform(value) for value in values]
        if field.type == TIMESTAMP:
            return [parse_time(value, unit, report) for value in values]
        if field.type == pa.int64():
            return parse_counts(values, report)
        if field.name.endswith("_id"):
            return clean_ids(values, report, zeroed=field.name in self._binding.zeroed)
        names = clean_names(values, report)
        return self._without_prefixes(names) if field.name == "region" else names

    def _read_texts(self, values: Sequence[Any]) -> list[str | None]:
        texts = [as_text(value) for value in values]
        words = sum(
            1 for text in texts if text and len(text) < _SHORT and is_null_word(text.strip())
        )
        if words:
            self._report.add("text_null_words", words)
        return texts

    def _without_prefixes(self, regions: list[str | None]) -> list[str | None]:
        bare = [region and _REGION_PREFIX.sub("", region).strip() for region in regions]
        changed = sum(before != after for before, after in zip(regions, bare, strict=True))
        if changed:
            self._report.add("region_prefixes", changed)
        return [region or None for region in bare]

    def _read_platform(self, value: Any) -> str | None:
        name = clean_name(value, self._report)
        if name is None or name in PLATFORMS:
            return name
        known = platform_in(name)
        if known is None:
            self._report.add("unknown_platforms")
        return known or "other"

    def _settle(self, stamps: list[int | None], texts: Sequence[Any]) -> list[int | None]:
        report = self._report
        return [
            settle_shift(stamp, parse_time(text, None, report), report)
            for stamp, text in zip(stamps, texts, strict=True)
        ]

    def _named(self, keys: list[str | None], numbers: list[int]) -> list[str]:
        missing = keys.count(None)
        if not missing:
            return [key for key in keys if key is not None]
        self._report.add("missing_ids", missing)
        return [
            f"{self._label}#{number}" if key is None else key
            for key, number in zip(keys, numbers, strict=True)
        ]


def _coalesce(columns: list[list[Any]], field: str) -> list[Any]:
    """By row, the first value that says something; a parent of 0 says nothing."""
    nothing = _ROOT_PARENTS | {None} if field == "parent_id" else {None}
    return [
        next((value for value in row if value not in nothing), None)
        for row in zip(*columns, strict=True)
    ]


def _without_roots(parents: list[str | None], ids: list[str | None]) -> list[str | None]:
    """Null for the parent of a root comment: none, 0, or (Weibo) the comment itself."""
    return [
        None if parent is None or parent in _ROOT_PARENTS or parent == own else parent
        for parent, own in zip(parents, ids, strict=True)
    ]


def _to_arrow(values: list[Any], field: pa.Field) -> pa.Array:
    if field.type == TIMESTAMP:
        return pa.array(values, pa.int64()).cast(TIMESTAMP)
    return to_array(values, field.type, None)
