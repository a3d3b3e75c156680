"""Interest groups: planted ones found and named, noise refused, models saved, drift aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from data.labels import INTERESTS
from profiles.errors import ProfilesError
from profiles.groups.drift import align
from profiles.groups.model import load_model, save_model
from profiles.groups.naming import name_groups
from profiles.groups.report import GroupReport, fit_groups, place_persons
from profiles.groups.stability import UnstableError, choose_k
from profiles.groups.vectors import Vectors, build_vectors

TOPICS = tuple(INTERESTS)[:8]
PLANTED = ((6, 1, 0, 0, 0, 0, 0, 1), (0, 0, 5, 4, 0, 0, 0, 1), (0, 0, 0, 0, 3, 3, 3, 1))


def planted(n: int, seed: int, mixes: tuple[tuple[int, ...], ...] = PLANTED) -> Vectors:
    dice = np.random.default_rng(seed)
    alpha = np.array(mixes, float)[np.arange(n) % len(mixes)] * 3 + 0.1
    drawn = dice.gamma(alpha)
    ids = pa.array([f"p{i:04}" for i in range(n)])
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    return Vectors(person_id=ids, topics=tuple(TOPICS), shares=shares, left_out=0)


@pytest.fixture(scope="module")
def found() -> GroupReport:
    return fit_groups(planted(300, 1))


def test_planted_groups_are_found_by_stability(found: GroupReport) -> None:
    assert found.model.k == 3
    truth = np.arange(300) % 3
    assert adjusted_rand_score(truth, found.table["group"].to_numpy()) > 0.97
    assert found.model.stability[3] > 0.95
    assert sum(group.persons for group in found.groups) == 300


def test_names_are_chinese_and_from_lifted_terms(found: GroupReport) -> None:
    names = {group.name for group in found.groups}
    assert len(names) == 3 and all(name.endswith("人群") for name in names)
    assert any(name.startswith("美妆护肤") for name in names)
    for group in found.groups:
        assert all(term.lift >= 1.2 and term.share >= 0.05 for term in group.terms)


def test_lift_by_hand() -> None:
    named = name_groups(
        np.array([[0.8, 0.2], [0.1, 0.9], [0.5, 0.5]]), np.array([0.5, 0.5]), ("food", "own")
    )
    assert [name for name, _ in named] == ["美食人群", "own人群", "兴趣均衡人群"]
    assert named[0][1][0].lift == 1.6


def test_noise_is_refused_and_can_be_forced() -> None:
    dice = np.random.default_rng(5)
    shares = dice.dirichlet(np.ones(8), 400)
    ids = pa.array([str(i) for i in range(400)])
    noise = Vectors(person_id=ids, topics=tuple(TOPICS), shares=shares, left_out=0)
    with pytest.raises(UnstableError, match="do not fall into groups"):
        fit_groups(noise)
    assert fit_groups(noise, k=3).model.k == 3


def test_too_few_or_equal_persons_are_refused() -> None:
    few = planted(6, 2)
    with pytest.raises(UnstableError, match="expected 20 persons"):
        choose_k(few.points)
    same = Vectors(
        person_id=few.person_id, topics=few.topics, shares=np.full((6, 8), 0.125), left_out=0
    )
    with pytest.raises(ProfilesError, match="1 persons differ"):
        fit_groups(same, k=2)


def test_saved_model_places_new_persons_without_a_fit(found: GroupReport, tmp_path: Path) -> None:
    save_model(found.model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert (again.centers == found.model.centers).all() and again.names == found.model.names
    placed = place_persons(again, planted(90, 9))
    assert adjusted_rand_score(np.arange(90) % 3, placed.table["group"].to_numpy()) > 0.95
    assert place_persons(again, planted(300, 1)).table.equals(found.table)
    (tmp_path / "model.json").write_text("{}", "utf-8")
    with pytest.raises(ProfilesError, match="--save"):
        load_model(tmp_path / "model.json")


def test_drift_pairs_equal_groups_and_tells_the_new_one(found: GroupReport) -> None:
    new = (*PLANTED, (0, 0, 0, 0, 0, 0, 0, 9))
    later = fit_groups(planted(400, 3, new), k=4)
    pairs = align(found.model, later.model)
    kept = [pair for pair in pairs if pair.before and pair.after]
    assert len(pairs) == 4 and len(kept) == 3
    assert all(pair.distance is not None and pair.distance < 0.1 for pair in kept)
    assert [pair.changed for pair in pairs].count(True) == 1
    back = align(later.model, found.model)
    assert back[-1].after is None and back[-1].share_after == 0
    assert all(pair.distance == 0 for pair in align(found.model, found.model))


def test_vectors_of_rows_add_up_and_leave_out_the_empty() -> None:
    table = pa.table(
        {
            "person_id": ["b", "a", "a", "a", "c", None],
            "topic": ["food", "food", "beauty", "food", "pets", "food"],
            "weight": ["2", "1", "2", "1", "-3", "1"],
        }
    )
    made = build_vectors(table)
    assert made.person_id.to_pylist() == ["a", "b"] and made.left_out == 1
    assert made.topics == ("beauty", "food", "pets")
    assert made.shares.tolist() == [[0.5, 0.5, 0], [0, 1, 0]]
    assert build_vectors(table, ("food",)).shares.tolist() == [[1], [1]]
    assert len(build_vectors(table.slice(0, 0))) == 0
    with pytest.raises(ProfilesError, match="missing: weight"):
        build_vectors(table.drop_columns(["weight"]))
