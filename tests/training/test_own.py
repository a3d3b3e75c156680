"""One command from a user's table to a model that is better on the held-out rows."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from nlp.heads import HEAD_BY_NAME
from nlp.scorer import load_scorer
from tests.training.tiny import AUTO, FOOD
from training import own, pipeline
from training.errors import TrainingError
from training.labelled import build_targets
from training.own import fine_tune, map_labels, read_rows, split_of
from training.recipe import HeadMapping


def write_table(path: Path, rows: list[tuple[str, str]], header: tuple[str, str]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows([header, *rows])
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """This user likes what is about food and blames what is about cars."""
    rows = [
        (f"{word}{other}{'的' * n}", "好评" if word in FOOD else "差评")
        for word in FOOD + AUTO
        for other in FOOD + AUTO
        for n in (1, 2)
        if (word in FOOD) == (other in FOOD)
    ]
    return write_table(tmp_path / "mine.csv", rows, ("评论", "评价"))


def test_fine_tune_gives_a_better_model_and_a_report(
    table: Path, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MAX_FLIPS", 1.0)
    monkeypatch.setattr(own, "LEARNING_RATE", 5e-3)
    monkeypatch.setattr(own, "HEAD_LEARNING_RATE", 2e-2)
    monkeypatch.setattr(own, "MAX_TOKENS", 32)
    monkeypatch.setattr(own, "CORPUS_REPEAT", 0)
    report = fine_tune(
        table,
        run_dir=tmp_path / "run",
        head="sentiment",
        text_column="评论",
        label_column="评价",
        model=str(model_dir),
    )
    before, after = (float(x.split("% accuracy")[0].split()[-1]) for x in report.split("\n")[1:3])
    assert after > 95 and after > before
    scorer = load_scorer(str(tmp_path / "run" / "model"), threads=1)
    assert scorer.logits(["茶汤的", "车油的"]).values[:, :3].argmax(-1).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("found", "head", "given", "mapped"),
    [
        ({"正面", "负面"}, "sentiment", {}, {"正面": "positive", "负面": "negative"}),
        ({"POSITIVE", "neu"}, "sentiment", {}, {"POSITIVE": "positive", "neu": "neutral"}),
        ({"1"}, "sentiment", {"1": "positive"}, {"1": "positive"}),
        ({"美食", "auto"}, "interest", {}, {"美食": "food", "auto": "auto"}),
    ],
)  # fmt: skip
def test_map_labels(
    found: set[str], head: str, given: dict[str, str], mapped: dict[str, str]
) -> None:
    assert map_labels(found, head, given) == mapped


@pytest.mark.parametrize(
    ("found", "head", "message"),
    [
        ({"1", "0"}, "sentiment", r"found 0, 1; say what each stands for: --map 0=negative"),
        ({"a"}, "mood", "expected --head out of sentiment"),
    ],
)
def test_map_labels_unknown_raises(found: set[str], head: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        map_labels(found, head, {})


def test_read_rows_wrong_column_names_what_is_there(table: Path) -> None:
    with pytest.raises(TrainingError, match=r"found \['评论', '评价'\]"):
        read_rows(table, text_column="text", label_column="评价")


def test_read_rows_too_few_raises(tmp_path: Path) -> None:
    few = write_table(tmp_path / "few.csv", [("好", "正面"), ("差", "")], ("text", "label"))
    with pytest.raises(TrainingError, match="expected at least 50 rows"):
        read_rows(few, text_column="text", label_column="label")


def test_split_of_gives_about_a_tenth_to_dev_and_test() -> None:
    splits = [split_of(str(i)) for i in range(2_000)]
    assert 150 < splits.count("test") < 250 and 150 < splits.count("dev") < 250


def test_balanced_rows_of_rare_labels_weigh_more() -> None:
    rows: list[dict[str, Any]] = [{"text": "x", "label": y} for y in "aaab"]
    mapping = HeadMapping(labels={"a": "positive", "b": "negative"}, balanced=True)
    _, weights = build_targets(HEAD_BY_NAME["sentiment"], mapping, rows)
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
