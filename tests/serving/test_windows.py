"""Windows: small files share one, order and rejects stay, memory does not grow with the input."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.readers import open_dump
from nlp.analyzer import Analyzer
from serving.batch import score, windows
from serving.batch.score import score_dumps
from serving.batch.windows import Window, read_windows


def small_files(folder: Path, count: int, rows: int = 2) -> list[Any]:
    for number in range(count):
        texts = [f"第{number}杯好茶{row}" for row in range(rows)]
        pq.write_table(pa.table({"text": texts}), folder / f"f{number:03}.parquet")
    return [open_dump(path) for path in sorted(folder.glob("f*.parquet"))]


def test_small_files_share_a_window(tmp_path: Path) -> None:
    found = list(read_windows(small_files(tmp_path, 7), 5))
    assert [window.kept for window in found] == [4, 4, 4, 2]
    assert [window.number for window in found] == [0, 1, 2, 3]


def test_windows_hold_no_more_bytes_than_their_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MAX_WINDOW_BYTES", 1)
    assert [w.kept for w in read_windows(small_files(tmp_path, 3), 100)] == [2, 2, 2]


def test_many_small_files_are_scored_in_order(
    tmp_path: Path, bare_analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 5)
    summary = score_dumps(small_files(tmp_path, 9), tmp_path / "o.parquet", bare_analyzer)
    texts = pq.read_table(tmp_path / "o.parquet")["text"].to_pylist()
    assert texts == [f"第{n}杯好茶{row}" for n in range(9) for row in range(2)]
    assert summary.scored == summary.rows_in == 18


def test_no_more_windows_live_at_once_than_the_stages_hold(
    tmp_path: Path, bare_analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the input's size: the reader waits for the writer."""
    monkeypatch.setattr(score, "WINDOW_ROWS", 2)
    alive: weakref.WeakSet[Window] = weakref.WeakSet()
    most = 0
    original = windows.read_windows

    def watched(*arguments: Any) -> Any:
        for window in original(*arguments):
            alive.add(window)
            yield window
            del window

    def look(_: int) -> None:
        nonlocal most
        most = max(most, len(alive))

    monkeypatch.setattr(score, "read_windows", watched)
    monkeypatch.setattr(Window, "__hash__", object.__hash__)
    monkeypatch.setattr(Window, "__eq__", object.__eq__)
    dumps = small_files(tmp_path, 60)
    score_dumps(dumps, tmp_path / "o.parquet", bare_analyzer, progress=look)
    assert 1 < most <= 14
