"""Plain stretches of a CSV file read in blocks give what its lines give one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.readers import csv_blocks
from data.readers.bytestream import probe_text
from data.readers.csv_source import CsvSource
from data.readers.report import RepairReport

HEADER = "a,b"
pieces = st.lists(
    st.sampled_from(
        [
            "x",
            "好",
            "1",
            ",",
            ",",
            '"',
            '"',
            '""',
            "\n",
            "\n",
            "\r\n",
            "\r",
            " ",
            "a,b\n",
            '"x","y"\n',
            "x,y\n",
        ]
    ),
    max_size=24,
).map("".join)


def read(path: Path, *, rows: int = 5) -> tuple[Any, ...]:
    """All that a source gives, whatever its chunks."""
    source, report = CsvSource(path, probe_text(path, "")), RepairReport()
    scan = source.scan()
    chunks = list(source.chunks(rows, report))
    kept = [row for one in chunks for row in one.original.to_pylist()]
    as_values = [[list(one.values(at)) for at in range(one.original.num_columns)] for one in chunks]
    assert as_values == [[c.to_pylist() for c in one.original.columns] for one in chunks]
    places = [place for one in chunks for place in zip(one.row_numbers, one.lines, strict=True)]
    rejects = [reject for one in chunks for reject in one.rejects]
    assert all(one.original.num_rows <= rows for one in chunks)
    return kept, places, rejects, report.counts, scan.rows, scan.head


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces)
def test_blocks_give_what_lines_give(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"{HEADER}\nx,y\n{text}".encode())
    with mock.patch.object(csv_blocks, "plain_table", lambda *_: None):
        slow = read(path)
    for block_bytes in (1, 9, 1 << 20):
        with mock.patch.object(csv_blocks, "BLOCK_BYTES", block_bytes):
            assert read(path) == slow


@pytest.mark.parametrize(
    "text",
    [
        'x,"a ""b"" c"\n',  # doubled quotes
        'x,"a\nb"\n',  # a cell over two lines
        "x\n",  # too few cells
        "x,y,\n",
        "\n",
        "a,b\n",  # the header again
        'x,"y" \n',
        "x,y\rz\n",
    ],
)
def test_a_block_with_anything_odd_is_not_plain(text: str) -> None:
    data = f"x,y\n{text}x,y\n".encode()
    assert csv_blocks.plain_table(data, ["a", "b"], ["a", "b"], ",") is None


@pytest.mark.parametrize("text", ["x,y\n", '"x","y"\n', 'x,""\n', "好,\n", "x,y\r\n"])
def test_a_block_of_whole_records_is_plain(text: str) -> None:
    table = csv_blocks.plain_table(text.encode() * 3, ["a", "b"], ["a", "b"], ",")
    assert table is not None and table.num_rows == 3
