"""Epoch plans: nothing lost, nothing over the budget, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import labelled
from training.batches import Pool, collate, padded_length, plan_epoch

LENGTHS = st.lists(st.integers(2, 160), min_size=1, max_size=80)
BUDGETS = st.integers(8, 1_000)


def pool(*sets: list[int], limit: int | None = None, repeat: int = 1) -> Pool:
    """Sets of texts with these token counts; ``limit`` and ``repeat`` are the first set's."""
    made = [labelled(rows=len(s)) for s in sets]
    made[0].limit, made[0].repeat = limit, repeat
    lengths = [n for s in sets for n in s]
    return Pool(
        ids=[np.full(n, 7) for n in lengths],
        lengths=np.array(lengths),
        set_of=np.repeat(np.arange(len(sets)), [len(s) for s in sets]),
        sets=made,
        targets={k: np.concatenate([s.targets[k] for s in made]) for k in made[0].targets},
        weights={k: np.concatenate([s.weights[k] for s in made]) for k in made[0].weights},
        own=np.full((len(lengths), 3), -1),
        auxiliary={},
        pad_id=0,
    )


def plan(made: Pool, budget: int = 256, seed: int = 0) -> list[list[int]]:
    batches = plan_epoch(made, tokens_per_batch=budget, rng=np.random.default_rng(seed))
    return [batch.tolist() for batch in batches]


@settings(deadline=None)  # other work on the machine must not fail a test
@given(LENGTHS, BUDGETS)
def test_plan_epoch_holds_every_row_once(lengths: list[int], budget: int) -> None:
    rows = [row for batch in plan(pool(lengths, [5]), budget) for row in batch]
    assert sorted(rows) == list(range(len(lengths) + 1))


@settings(deadline=None)  # other work on the machine must not fail a test
@given(LENGTHS, BUDGETS)
def test_plan_epoch_keeps_the_token_budget(lengths: list[int], budget: int) -> None:
    for batch in plan(pool(lengths), budget):
        width = int(padded_length(np.array([lengths[row] for row in batch])).max())
        assert len(batch) == 1 or len(batch) * width <= budget


@settings(deadline=None)  # other work on the machine must not fail a test
@given(LENGTHS, BUDGETS)
def test_plan_epoch_batches_are_as_full_as_can_be(lengths: list[int], budget: int) -> None:
    """Sorted by length, no batch has room for the next one's first text."""
    padded = padded_length(np.array(lengths))
    made = [sorted(int(padded[row]) for row in batch) for batch in plan(pool(lengths), budget)]
    made.sort(key=lambda batch: (batch[0], batch[-1], -len(batch)))
    shortest = [batch[0] for batch in made]
    for batch, following in zip(made, shortest[1:], strict=False):
        assert (len(batch) + 1) * following > budget


@settings(deadline=None)  # other work on the machine must not fail a test
@given(LENGTHS, st.integers(1, 40), st.integers(0, 3))
def test_plan_epoch_limit_and_repeat(lengths: list[int], limit: int, repeat: int) -> None:
    rows = [row for b in plan(pool(lengths, [5, 5], limit=limit, repeat=repeat)) for row in b]
    times = Counter(row for row in rows if row < len(lengths))
    assert len(times) == (min(limit, len(lengths)) if repeat else 0)
    assert set(times.values()) <= {repeat}
    assert sorted(rows)[-2:] == [len(lengths), len(lengths) + 1]  # the other set is whole


def test_plan_epoch_same_seed_same_plan() -> None:
    made = pool(list(range(2, 80)), limit=40)
    assert plan(made, seed=3) == plan(made, seed=3)
    assert plan(made, seed=3) != plan(made, seed=4)


def test_collate_pads_to_the_step() -> None:
    batch = collate(pool([3, 9, 2]), np.array([2, 1]))
    assert batch.ids.shape == (2, 16)
    assert batch.mask.sum(1).tolist() == [2, 9]
    assert batch.ids[0].tolist() == [7, 7] + [0] * 14
    assert batch.targets["sentiment"].shape == (2, 3)
    assert batch.weights["flags"].tolist() == [0, 0]
