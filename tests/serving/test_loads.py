"""Batches put together to loads: every row in its order, and found again in its batch."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers import Batch
from serving import loads
from serving.loads import loads_of


def read(sizes: list[int], names: str = "a" * 100) -> Iterator[tuple[Batch, pa.Table]]:
    first = 0
    for size, name in zip(sizes, names, strict=False):
        numbers = list(range(first, first + size))
        rows = pa.record_batch({name: pa.array(numbers, pa.int64())})
        batch = Batch(original=rows, records=rows, row_numbers=numbers, lines=numbers, rejects=[])
        yield batch, pa.Table.from_batches([rows])
        first += size


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=8), st.integers(1, 12))
def test_loads_keep_every_row_in_order_and_know_its_batch(sizes: list[int], rows: int) -> None:
    found = list(loads_of(read(sizes), rows))
    given_rows = list(range(sum(sizes)))
    assert [n for one in found for n in one.table["a"].to_pylist()] == given_rows
    places = [one.place(at) for one in found for at in range(one.table.num_rows)]
    assert [batch.row_numbers[at] for batch, at in places] == given_rows
    assert all(one.table.num_rows <= rows or len(one.batches) == 1 for one in found)


def test_loads_of_other_columns_are_not_put_together() -> None:
    found = list(loads_of(read([1, 1, 1], "aab"), 10))
    assert [one.table.column_names for one in found] == [["a"], ["b"]]


def test_loads_that_are_full_are_given_before_the_next_batch_is_read() -> None:
    taken: list[int] = []

    def counting() -> Iterator[tuple[Batch, pa.Table]]:
        for item in read([2, 2]):
            taken.append(item[1].num_rows)
            yield item

    next(loads_of(counting(), 1))
    assert taken == [2]


def test_loads_end_early_where_rows_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "MAX_LOAD_BYTES", 1)
    assert len(list(loads_of(read([1, 1, 1]), 100))) == 3


def test_place_beyond_the_rows_is_an_error() -> None:
    (load,) = loads_of(read([2]), 10)
    with pytest.raises(IndexError, match="expected a row of 2"):
        load.place(2)
