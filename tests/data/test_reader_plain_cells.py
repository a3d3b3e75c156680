"""Columns of plain cells read at once give what their cells give one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.readers import DumpError, open_dump
from data.readers.tabular import TableReader

IDS = st.sampled_from(
    ["u1", "1234567", "none", "1e18", "", "12.0", "'123", "用户", "abcdefgh", "-"]
)
EVENTS = st.sampled_from(["view", "pay", "", "none", " view "])
TIMES = (
    ["2026-01-02 03:04:05", "2026-01-02T03:04:05", "2026-01-02 03:04:05.678"],
    ["2026-01-02 03:04:05.678Z", "2026-01-02T03:04:05Z"],
    ["1767225600", "1767225601"],
    ["1767225600123", "1767225600124"],
    ["2026-02-30 00:00:00", "1999-01-01 00:00:00", "", "20260102", "2026/1/2", "1767225600"],
)


@st.composite
def rows(draw: st.DrawFn) -> list[str]:
    odd = draw(st.booleans())
    ids = IDS if odd else st.sampled_from(["u1", "abc99", "1234567"])
    events = EVENTS if odd else st.sampled_from(["view", "pay"])
    times = draw(st.sampled_from(TIMES))
    row = st.tuples(ids, events, st.sampled_from(times), ids).map(",".join)
    return draw(st.lists(row, min_size=1, max_size=4))


def read(path: Path) -> tuple[Any, ...] | str:
    try:
        dump = open_dump(path, kind="events")
        batches = list(dump.batches())
    except DumpError as error:
        return str(error)
    return (
        [batch.records.to_pylist() for batch in batches],
        [batch.records.schema for batch in batches],
        [batch.original.to_pylist() for batch in batches],
        [batch.row_numbers for batch in batches],
        [batch.rejects for batch in batches],
        dump.repairs.counts,
    )


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows())
def test_columns_give_what_cells_give(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,time,content_id\n" + "\n".join(lines) + "\n", "utf-8")
    with mock.patch.object(TableReader, "_plain", lambda *_: None):
        slow = read(path)
    assert read(path) == slow


def test_a_file_of_plain_cells_is_read_by_columns(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,time,content_id\nu1,view,2026-01-02 03:04:05,c1\n", "utf-8")
    with mock.patch.object(TableReader, "_read", side_effect=AssertionError("cell by cell")):
        (batch,) = open_dump(path, kind="events").batches()
    (row,) = batch.records.to_pylist()
    assert row["time"].isoformat() == "2026-01-01T19:04:05+00:00"
