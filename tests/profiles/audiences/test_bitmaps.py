"""Counts from bitmaps are counts of persons; a test is asked once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from profiles.audiences.bitmaps import Bitmaps, overlaps
from profiles.audiences.split import held_out
from profiles.conditions.text import parse
from profiles.conditions.tree import FieldTest

TAGS = {"even": range(0, 100, 2), "third": range(0, 100, 3), "small": range(10)}


class Store:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, test: FieldTest) -> np.ndarray:
        self.asked += 1
        return np.array(TAGS[str(test.values[0])], dtype=np.uint32)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("tag = even", 50),
        ("tag = even and tag = third", 17),
        ("tag = even or tag = third", 67),
        ("tag = even and not tag = third", 33),
        ("not (tag = even or tag = third or tag = small)", 30),
    ],
)
def test_counts_by_hand(text: str, n: int) -> None:
    assert Bitmaps(size=100, ask=Store().ask).count(parse(text)) == n


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(TAGS)), min_size=1, max_size=4))
def test_any_and_none_are_everybody(tags: list[str]) -> None:
    bitmaps = Bitmaps(size=100, ask=Store().ask)
    either = " or ".join(f"tag = {tag}" for tag in tags)
    assert bitmaps.count(parse(either)) + bitmaps.count(parse(f"not ({either})")) == 100


def test_a_test_is_asked_once_and_outlasts_the_process(tmp_path: Path) -> None:
    first, second = Store(), Store()
    Bitmaps(size=100, ask=first.ask, folder=tmp_path).count(parse("tag = even and tag = even"))
    again = Bitmaps(size=100, ask=second.ask, folder=tmp_path)
    assert again.count(parse("tag = even")) == 50
    assert (first.asked, second.asked) == (1, 0)


def test_overlaps_name_every_pair_once() -> None:
    found = overlaps({name: BitMap(ids) for name, ids in TAGS.items()})
    assert [(o.a, o.b, o.both) for o in found] == [
        ("even", "third", 17),
        ("even", "small", 5),
        ("small", "third", 4),
    ]
    assert found[0].jaccard == pytest.approx(17 / 67)


def test_a_holdout_is_stable_near_its_share_and_another_for_another_audience() -> None:
    people = pa.array([f"p{i}" for i in range(20_000)])
    out = held_out(people, share=0.1, salt="a")
    assert abs(out.mean() - 0.1) < 0.01
    assert (held_out(people.slice(5_000), share=0.1, salt="a") == out[5_000:]).all()
    other = held_out(people, share=0.1, salt="b")
    assert abs((out & other).mean() - 0.01) < 0.005


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_holdout_of_nobody_left_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        held_out(pa.array(["a"]), share=share, salt="x")
