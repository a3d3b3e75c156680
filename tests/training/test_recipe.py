"""Recipes are read whole or refused with every fault named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.training.tiny import tiny_recipe
from training.errors import TrainingError
from training.recipe import load_recipe, parents_of, recipe_from_record

SHIPPED = Path(__file__).parents[2] / "training" / "recipes" / "small.yaml"
SOURCE = {"file": "a.parquet", "heads": {"sentiment": {"map": {"pos": "positive"}}}}


def write(folder: Path, **changes: Any) -> Path:
    """A recipe file; a change to None leaves the key out."""
    raw = {k: v for k, v in dataclasses.asdict(tiny_recipe()).items() if "corpus" not in k}
    raw |= {"sources": [SOURCE], "vocabulary_texts": ["dumps"]} | changes
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in raw.items() if v is not None}), "utf-8")
    return path


def with_head(head: str, **mapping: Any) -> list[dict[str, Any]]:
    return [{"file": "a.parquet", "heads": {head: mapping}}]


def test_load_recipe_reads_every_key(tmp_path: Path) -> None:
    path = write(tmp_path, corpus={"repeat": 3, "weight": 0.5, "held_out_share": 0.2})
    recipe = load_recipe(path)
    assert recipe.sources[0].heads["sentiment"].labels == {"pos": "positive"}
    assert (recipe.corpus_repeat, recipe.corpus_weight) == (3, 0.5)
    assert recipe.vocabulary_texts == ("dumps",)


def test_load_recipe_without_corpus_leaves_it_out(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path)).corpus_repeat == 0


def test_load_recipe_shipped_survives_its_record() -> None:
    recipe = load_recipe(SHIPPED)
    record = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert len(recipe.sources) > 20
    assert recipe_from_record(record) == recipe


def test_load_recipe_starts_from_another_takes_its_other_keys(tmp_path: Path) -> None:
    parent = write(tmp_path, stop_after=0.5, max_rows_per_source=9, seed=77)
    child = tmp_path / "child.yaml"
    child.write_text(f"starts_from: {parent.name}\nname: child\nepochs: 0.5\n", encoding="utf-8")
    recipe, first = load_recipe(child), load_recipe(parent)
    assert (recipe.name, recipe.starts_from, recipe.epochs) == ("child", first.name, 0.5)
    assert (recipe.seed, recipe.sources) == (77, first.sources)
    assert (recipe.stop_after, recipe.max_rows_per_source) == (1.0, None)  # the parent's own
    assert (parents_of(child), parents_of(parent)) == ({first.name: parent}, {})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"seed": None}, "seed: Field required"),
        ({"sede": 3}, "sede: Unexpected keyword argument"),
        ({"epochs": 0}, "epochs: Input should be greater than 0"),
        ({"max_tokens": 1_000}, "max_tokens: Input should be less than or equal to 256"),
        ({"dropout": 1.0}, "dropout: Input should be less than 1"),
        ({"corpus": {"repeats": 2}}, "corpus_repeats: Unexpected keyword argument"),
        ({"corpus": 4}, "corpus: Unexpected keyword argument"),
        ({"sources": [{"file": "a.parquet"}]}, "expected heads or auxiliary"),
        ({"sources": [SOURCE | {"limits": 4}]}, "sources.0.limits: Unexpected keyword"),
        ({"sources": with_head("mood", map={"a": "b"})}, "found mood"),
        ({"sources": with_head("emotion", map={"a": "joy"})}, "found joy"),
        ({"sources": with_head("emotion", map={"a": ["anger", "joy"]})}, r"'joy'\]"),
        ({"sources": with_head("interest", constant="cars")}, "found cars"),
        ({"sources": with_head("flags", constant={"toxic": 2})}, "0 or 1 for some of question"),
        ({"sources": with_head("flags", map={"bad": "toxic"})}, "found toxic"),
        ({"sources": with_head("sentiment")}, "expected either map or constant"),
        ({"sources": with_head("flags", map={"a": {"spam": 1}}, constant={"spam": 1})}, "either"),
    ],
)
def test_load_recipe_wrong_key_raises_naming_it(
    changes: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=line):
        load_recipe(write(tmp_path, **changes))


def test_load_recipe_names_all_faults_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"found 3 faults.*base.*epochs.*layer_decay"):
        load_recipe(write(tmp_path, base=None, epochs=-1, layer_decay="slow"))


@pytest.mark.parametrize("content", ["", "- a\n- b", "7"])
def test_load_recipe_not_a_mapping_raises(content: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match="expected a recipe"):
        load_recipe(path)


def test_load_recipe_not_yaml_raises(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: [", encoding="utf-8")
    with pytest.raises(TrainingError, match="expected YAML"):
        load_recipe(path)


def test_load_recipe_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="found no file"):
        load_recipe(tmp_path / "none.yaml")


def test_load_recipe_extends_another_without_its_run_or_its_stage(tmp_path: Path) -> None:
    parent = write(tmp_path, seed=77, stop_after=0.5, unlabelled=["dumps"], mask_share=0.2)
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: {parent.name}\nname: child\n", encoding="utf-8")
    recipe = load_recipe(child)
    assert (recipe.starts_from, recipe.seed) == (None, 77)
    assert (recipe.stop_after, recipe.unlabelled, recipe.mask_share) == (1.0, (), 0.0)
    assert parents_of(child) == {}


def test_load_recipe_teachers_are_files_and_become_runs(tmp_path: Path) -> None:
    teacher = write(tmp_path)
    child = tmp_path / "child.yaml"
    distil = f"distill: {{teachers: [{teacher.name}], weight: 2}}"
    child.write_text(f"extends: {teacher.name}\nname: child\n{distil}\n", encoding="utf-8")
    recipe, name = load_recipe(child), load_recipe(teacher).name
    assert (recipe.distill_teachers, recipe.distill_weight) == ((name,), 2)
    assert parents_of(child) == {name: teacher}


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_one_and_has_its_parents(path: Path) -> None:
    recipe = load_recipe(path)
    needed = {n for n in (recipe.starts_from, *recipe.distill_teachers) if n}
    assert parents_of(path).keys() == needed
