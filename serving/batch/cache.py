"""Texts that were scored before in the same run: equal comments are scored once for many windows.

``TextPlan`` decides, window by window, which texts are new and where each row finds its scores;
``ScoreMemory`` holds the scores. Both forget whole windows, oldest first, once ``limit_bytes`` is
passed. The plan depends on the texts alone, so that a resumed run, which gives ``ScoreMemory`` the
scores of its finished windows again, scores exactly the texts that an unbroken one would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nlp.normalize import has_content, is_cut, normalize

LIMIT_BYTES: Final = 64 * 1024 * 1024
_TEXT_BYTES: Final = 600  # one text's scores and its entry in a dictionary, about
_CHARACTER_BYTES: Final = 6  # in the dictionary and once more in its scores' keywords, at most
_CUT: Final = "\0cut\0"  # before the key of a text of which only a part is read


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """What one window needs: its new texts, and for each row the number of its text in the run."""

    texts: list[str]  # new and normalised
    cut: npt.NDArray[np.bool_]  # (new texts,): only a part of the comment is read
    first: npt.NDArray[np.int64]  # (new texts,): the row where each stands first
    base: int  # number of the first new text
    oldest: int  # number of the oldest text that is still needed
    numbers: npt.NDArray[np.int64]  # (rows,); -1 for a row with nothing to judge


class TextPlan:
    """The texts of the last windows, by number."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._numbers: dict[str, int] = {}
        self._windows: deque[tuple[int, list[str], int]] = deque()  # first number, keys, bytes
        self._bytes = 0
        self._next = 0

    def plan(self, texts: Sequence[str | None]) -> WindowPlan:
        """The plan for the next window's comments."""
        self._forget()
        base, known = self._next, self._numbers
        numbers = np.full(len(texts), -1, dtype=np.int64)
        keys: list[str] = []
        first: list[int] = []
        for row, text in enumerate(texts):
            key = _key(text)
            number = known.get(key)
            if number is None:
                if not has_content(key.removeprefix(_CUT)):
                    continue
                number = known[key] = base + len(keys)
                keys.append(key)
                first.append(row)
            numbers[row] = number
        self._keep(base, keys)
        return WindowPlan(
            texts=[key.removeprefix(_CUT) for key in keys],
            cut=np.array([key.startswith(_CUT) for key in keys], dtype=bool),
            first=np.array(first, dtype=np.int64),
            base=base,
            oldest=self._windows[0][0],
            numbers=numbers,
        )

    def _keep(self, base: int, keys: list[str]) -> None:
        size = sum(_TEXT_BYTES + _CHARACTER_BYTES * len(key) for key in keys)
        self._windows.append((base, keys, size))
        self._bytes += size
        self._next = base + len(keys)

    def _forget(self) -> None:
        while self._windows and self._bytes > self._limit:
            _, keys, size = self._windows.popleft()
            self._bytes -= size
            for key in keys:
                del self._numbers[key]


def _key(text: str | None) -> str:
    if not text:
        return ""
    return _CUT + normalize(text) if is_cut(text) else normalize(text)


@dataclass(kw_only=True)
class ScoreMemory:
    """Scores of the texts that a plan still needs, and which of them could not be scored."""

    _tables: deque[tuple[int, pa.Table]] = field(default_factory=deque)
    _failed: dict[int, str] = field(default_factory=dict)

    def add(self, plan: WindowPlan, scores: pa.Table, failed: dict[int, str]) -> None:
        """Scores of the plan's new texts in order; ``failed`` gives reasons by position there."""
        self._tables.append((plan.base, scores))
        while self._tables[0][0] < plan.oldest:
            self._tables.popleft()
        self._failed = {n: why for n, why in self._failed.items() if n >= plan.oldest}
        self._failed |= {plan.base + at: why for at, why in failed.items()}

    def rows(self, plan: WindowPlan, blank: pa.Table) -> pa.Table:
        """One row of scores per row of the plan's window; ``blank`` where nothing is to judge."""
        tables = pa.concat_tables([*(table for _, table in self._tables), blank])
        last = tables.num_rows - 1
        places = np.where(plan.numbers < 0, last, plan.numbers - self._tables[0][0])
        return tables.combine_chunks().take(pa.array(places))

    def failures(self, plan: WindowPlan) -> dict[int, str]:
        """Reasons by row of the window; nearly always empty."""
        if not self._failed:
            return {}
        bad = np.flatnonzero(np.isin(plan.numbers, list(self._failed)))
        return {int(row): self._failed[int(plan.numbers[row])] for row in bad}


def scores_again(plan: WindowPlan, saved: pa.Table, failed: dict[int, str]) -> pa.Table:
    """The scores of the plan's new texts, out of a finished window's rows without the failed."""
    gone = np.array(sorted(failed), dtype=np.int64)
    places = plan.first - np.searchsorted(gone, plan.first)
    return saved.take(pa.array(places, mask=np.isin(plan.first, gone)))


def mark_cut(scores: pa.Table, cut: npt.NDArray[np.bool_]) -> pa.Table:
    """The scores with ``truncated`` also where only a part of the comment was read."""
    if not cut.any():
        return scores
    at = scores.schema.get_field_index("truncated")
    marked = pc.or_(scores["truncated"].combine_chunks(), pa.array(cut))
    return scores.set_column(at, "truncated", marked)
