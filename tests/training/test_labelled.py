"""How a source's labels become targets, head by head."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlp.heads import HEAD_BY_NAME
from tests.training.tiny import labelled
from training.errors import TrainingError
from training.labelled import build_targets, full_target
from training.recipe import HeadMapping


def rows(*labels: object, text: str = "文字") -> list[dict[str, Any]]:
    return [{"text": text, "label": label, "topic": label} for label in labels]


def taught(head: str, mapping: HeadMapping, *labels: object) -> list[dict[str, int]]:
    """Per row, the classes that are known, with 1 or 0."""
    targets, _ = build_targets(HEAD_BY_NAME[head], mapping, rows(*labels))
    names = HEAD_BY_NAME[head].labels
    return [{n: int(v) for n, v in zip(names, row, strict=True) if v >= 0} for row in targets]


def test_build_targets_two_classes_leave_neutral_unknown() -> None:
    mapping = HeadMapping(labels={"pos": "positive", "neg": "negative"})
    assert taught("sentiment", mapping, "pos", "neg") == [
        {"negative": 0, "positive": 1},
        {"negative": 1, "positive": 0},
    ]


def test_build_targets_set_valued_label_allows_each_class() -> None:
    mapping = HeadMapping(labels={"angry": ["anger", "disgust"], "sad": "sadness"})
    assert taught("emotion", mapping, "angry", "sad") == [
        {"anger": 1, "disgust": 1, "sadness": 0},
        {"anger": 0, "disgust": 0, "sadness": 1},
    ]


def test_build_targets_topics_of_the_source_only_are_pushed_down() -> None:
    mapping = HeadMapping(column="topic", labels={"汽车": "auto", "吃": "food"})
    assert taught("interest", mapping, "吃") == [{"auto": 0, "food": 1}]


def test_build_targets_flags_say_yes_no_or_nothing() -> None:
    mapping = HeadMapping(labels={"bad": {"toxic": 1, "spam": 0}, "ok": {"toxic": 0}})
    assert taught("flags", mapping, "bad", "ok") == [{"toxic": 1, "spam": 0}, {"toxic": 0}]


def test_build_targets_constant_needs_no_column() -> None:
    targets, weights = build_targets(
        HEAD_BY_NAME["flags"], HeadMapping(constant={"spam": 1}, weight=0.5), [{"text": "加群"}]
    )
    assert targets[0].tolist() == [-1, -1, -1, 1, -1, -1]
    assert weights.tolist() == [0.5]


def test_build_targets_constant_topic_knows_only_itself() -> None:
    assert taught("interest", HeadMapping(constant="game"), "any") == [{"game": 1}]


@pytest.mark.parametrize("label", ["other", None, "Positive"])
def test_build_targets_unmapped_label_weighs_nothing(label: str | None) -> None:
    mapping = HeadMapping(labels={"positive": "positive", "negative": "negative"})
    targets, weights = build_targets(HEAD_BY_NAME["sentiment"], mapping, rows(label))
    assert weights.tolist() == [0.0]
    assert (targets == -1).all()


def test_build_targets_numbers_as_labels_match_their_text() -> None:
    mapping = HeadMapping(labels={"0": "negative", "1": "positive"})
    assert taught("sentiment", mapping, 1) == [{"negative": 0, "positive": 1}]


@pytest.mark.parametrize(("text", "weight"), [("四个字啊", 0.0), ("有五个字啊", 0.3)])
def test_build_targets_min_chars_leaves_short_texts_out(text: str, weight: float) -> None:
    mapping = HeadMapping(labels={"a": "food", "b": "auto"}, weight=0.3, min_chars=5)
    _, weights = build_targets(HEAD_BY_NAME["interest"], mapping, rows("a", text=text))
    np.testing.assert_allclose(weights, [weight])


def test_build_targets_head_without_mapping_learns_nothing() -> None:
    targets, weights = build_targets(HEAD_BY_NAME["emotion"], None, rows("a", "b"))
    assert (targets == -1).all()
    assert not weights.any()


def test_full_target_knows_every_label() -> None:
    assert full_target(HEAD_BY_NAME["flags"], ["spam", "toxic"]).tolist() == [0, 0, 0, 1, 1, 0]
    assert full_target(HEAD_BY_NAME["interest"], ["other"]).sum() == 0


def test_full_target_exclusive_head_without_class_raises() -> None:
    with pytest.raises(TrainingError, match="expected one sentiment"):
        full_target(HEAD_BY_NAME["sentiment"], ["mixed"])


def test_take_keeps_rows_together() -> None:
    whole = labelled(rows=5, limit=2, repeat=3)
    whole.weights["flags"][:] = [0, 1, 2, 3, 4]
    part = whole.take([3, 1])
    assert part.texts == [whole.texts[3], whole.texts[1]]
    assert part.weights["flags"].tolist() == [3, 1]
    assert (part.limit, part.repeat) == (2, 3)
