"""What the readers repaired or noticed in one pass over a dump, as stable keys with counts.

A key appears only when it happened. ``SENTENCES`` is the single list of keys; counting an unknown
key is a programming error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "blank_lines": "{n} blank lines skipped (they are not rows)",
        "rows_above_header": "{n} rows above the header (a title, or blank) are not rows",
        "duplicate_keys": "{n} JSON keys given twice in one object, the last one kept",
        "trailing_commas": "{n} commas after a JSON object ignored",
        "lone_surrogates": "{n} cells with half an emoji (lone surrogate), replaced by U+FFFD",
        "renamed_columns": "{n} unnamed or repeated column names numbered (name_2, column_3)",
        "extra_empty_cells": "{n} rows with empty cells after the last column, those cells dropped",
        "null_words": "{n} cells with a word for nothing (None, nan, null, \\N, -) read as missing",
        "text_null_words": "{n} texts that are just None, nan, null, \\N or -, kept as they are",
        "time_unit_by_size": "{n} times whose size contradicts the unit, read by their size",
        "time_spreadsheet_days": "{n} times as a spreadsheet's day number (45292.5), read as dates",
        "time_out_of_range": "{n} times outside 2005-2035 read as missing",
        "time_unreadable": "{n} times that could not be read, left missing",
        "weibo_shift_8h": "{n} Weibo times 8 hours late against their own text, the text used",
        "time_disagreements": "{n} times that differ from the row's own text time, the text used",
        "counts_expanded": "{n} counts such as 1.2万, 10w+ or 1,234 written out",
        "counts_unreadable": "{n} counts that could not be read, left missing",
        "money_cleaned": "{n} amounts freed from signs and separators (￥1,234.50)",
        "duplicate_lines": "{n} order lines given twice, counted once",
        "refunds_subtracted": "{n} amounts reduced by what was refunded",
        "ids_unwrapped": "{n} ids freed from a spreadsheet's protection (a leading ' or =\"...\")",
        "ids_point_zero": "{n} short ids with a trailing .0, cut",
        "ids_damaged": "{n} ids whose digits a spreadsheet destroyed, not used as keys",
        "missing_ids": "{n} rows without a usable id, named by file and row number",
        "region_prefixes": "{n} regions freed from their prefix (IP属地, 来自)",
        "unknown_platforms": "{n} platform names that are not known, read as other",
        "duplicate_rows": "{n} rows that repeat an earlier row, kept",
        "recrawled_rows": "{n} rows that repeat an earlier id and text with other counts, kept",
        "duplicate_ids": "{n} rows with the id of an earlier row but another text, kept",
        "duplicates_unchecked": "{n} rows beyond the bound of the duplicate search, not checked",
    }
)


class RepairReport:
    """Counts of one pass; complete once that pass is exhausted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """Count by key, in the order of ``SENTENCES``; only what happened."""
        return {key: self._counts[key] for key in SENTENCES if self._counts[key]}

    def add(self, key: str, number: int = 1) -> None:
        if key not in SENTENCES:
            raise KeyError(key)
        self._counts[key] += number

    def lines(self) -> list[str]:
        """One readable sentence per key that happened."""
        return [SENTENCES[key].format(n=f"{number:,}") for key, number in self.counts.items()]
