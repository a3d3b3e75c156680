"""Batches hold every text once, in a bounded set of shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.batching import (
    LENGTHS,
    bucket_length,
    bucket_rows,
    exact_length,
    fill,
    fill_flat,
    plan_batches,
    shapes,
)
from nlp.tokenizer import Tokens

LENGTH_LISTS = st.lists(st.integers(min_value=2, max_value=160), max_size=300)


@settings(deadline=None, max_examples=40)
@given(LENGTH_LISTS)
def test_plan_batches_holds_each_text_once(lengths: list[int]) -> None:
    batches = list(plan_batches(np.array(lengths, dtype=np.int64), budget=512))
    rows = [int(r) for b in batches for r in b.rows]
    assert sorted(rows) == list(range(len(lengths)))


@settings(deadline=None, max_examples=40)
@given(LENGTH_LISTS)
def test_plan_batches_uses_only_announced_shapes(lengths: list[int]) -> None:
    allowed = set(shapes(160, budget=512))
    for batch in plan_batches(np.array(lengths, dtype=np.int64), budget=512):
        assert batch.shape in allowed
        assert len(batch.rows) <= batch.shape[0]
        assert max(lengths[r] for r in batch.rows) <= batch.shape[1]


@settings(deadline=None, max_examples=40)
@given(LENGTH_LISTS, st.integers(1, 100))
def test_plan_batches_in_bulk_holds_each_text_once_with_no_more_padding(
    lengths: list[int], bulk_texts: int
) -> None:
    sizes = np.array(lengths, dtype=np.int64)
    bulk = list(plan_batches(sizes, budget=128, bulk_texts=bulk_texts))
    assert sorted(int(r) for b in bulk for r in b.rows) == list(range(len(lengths)))
    assert all(sizes[b.rows].max() <= b.shape[1] and len(b.rows) <= b.shape[0] for b in bulk)
    exact = sum(len(b.rows) * b.shape[1] for b in bulk)
    assert exact <= sum(bucket_length(n) for n in lengths)


def test_plan_batches_in_bulk_pads_full_batches_to_their_own_length() -> None:
    sizes = np.repeat([5, 13, 60], [20, 9, 3])
    found = [b.shape for b in plan_batches(sizes, budget=64, bulk_texts=1)]
    assert found == [(8, 8), (1, 16), (12, 5), (4, 13), (4, 13), (1, 60), (1, 60), (1, 60)]


def test_plan_batches_below_bulk_uses_only_announced_shapes() -> None:
    sizes = np.random.default_rng(1).integers(2, 161, 900)
    assert {b.shape for b in plan_batches(sizes)} <= set(shapes(160))


@pytest.mark.parametrize(
    ("tokens", "length"), [(1, 1), (32, 32), (33, 34), (65, 68), (97, 104), (160, 160), (256, 256)]
)
def test_exact_length_is_finer_than_bucket_length(tokens: int, length: int) -> None:
    assert exact_length(tokens) == length <= bucket_length(tokens)


def test_shapes_are_few() -> None:
    assert len(shapes(160)) < 130


@pytest.mark.parametrize(("tokens", "length"), [(2, 8), (8, 8), (9, 12), (160, 160), (161, 192)])
def test_bucket_length_is_next_allowed(tokens: int, length: int) -> None:
    assert bucket_length(tokens) == length


def test_bucket_length_above_largest_raises() -> None:
    with pytest.raises(ValueError, match="cut the text"):
        bucket_length(LENGTHS[-1] + 1)


def test_bucket_rows_is_power_of_two_or_full() -> None:
    assert [bucket_rows(n, 25) for n in (1, 2, 3, 9, 17, 25)] == [1, 2, 4, 16, 25, 25]


def test_fill_pads_and_repeats_first_row() -> None:
    (batch,) = plan_batches(np.array([3, 2, 3]), budget=64)
    ids = fill([np.array([1, 5, 2]), np.array([1, 2]), np.array([1, 6, 2])], batch, pad_id=0)
    assert ids.shape == (4, 8)
    assert ids[0].tolist() == [1, 2, 0, 0, 0, 0, 0, 0]
    assert ids[3].tolist() == ids[0].tolist()


@settings(deadline=None, max_examples=40)
@given(LENGTH_LISTS)
def test_fill_flat_gives_what_fill_gives(lengths: list[int]) -> None:
    sizes = np.array(lengths, dtype=np.int64)
    ids = np.arange(1, sizes.sum() + 1)
    starts = np.cumsum(sizes) - sizes
    tokens = Tokens(ids=ids, starts=starts, lengths=sizes, truncated=sizes > 150)
    apart = [ids[at : at + n] for at, n in zip(starts, sizes, strict=True)]
    for batch in plan_batches(sizes, budget=512):
        assert (fill_flat(tokens, batch, 0) == fill(apart, batch, 0)).all()
