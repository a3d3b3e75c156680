"""Labels of real comments find their texts in the dumps, by the text's hash alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data import annotations
from data.annotations import PARTS, comment_key, read_annotations
from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, POLARITIES, RISKS, SENTIMENTS
from tests.training.tiny import tiny_recipe
from training.annotations import load_annotations
from training.errors import TrainingError
from training.metrics import SLICES

LABELS = {
    "sentiment": "negative",
    "emotion": "disgust",
    "interests": ["food"],
    "flags": ["complaint"],
    "risks": [],
    "aspects": [{"aspect": "taste", "polarity": "negative"}],
}


def write_dump(folder: Path, *texts: str) -> Path:
    (folder / "dumps").mkdir(parents=True)
    rows = [{"cid": str(i), "text": t, "create_time": 1_700_000_000} for i, t in enumerate(texts)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "dumps" / "comments.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "dumps" / "notes.txt").write_text("no dump", encoding="utf-8")
    return folder


def test_load_annotations_joins_labels_and_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {key: {"key": key} | LABELS for key in (comment_key("太难喝了"), comment_key("没有"))}
    monkeypatch.setattr("training.annotations.read_annotations", lambda _: known)
    folder = write_dump(tmp_path, "不在", " 太难喝了 ")
    found = load_annotations(tiny_recipe(annotations_repeat=3), folder, split="train")
    assert (found.name, found.texts, found.repeat) == ("real_train", ["太难喝了"], 3)
    assert found.targets["sentiment"][0].tolist() == [1, 0, 0]
    assert found.targets["aspects"][0].sum() == 1 and (found.targets["risks"] == 0).all()
    assert set(found.targets) == set(SLICES)


def test_load_annotations_without_their_texts_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="found none"):
        load_annotations(tiny_recipe(), write_dump(tmp_path, "别的"), split="dev")


@pytest.mark.parametrize("part", PARTS)
def test_every_annotation_has_valid_labels_and_no_text(part: str) -> None:
    rows = read_annotations(part)
    assert len(rows) >= 500
    for key, row in rows.items():
        assert set(row) == {"key", *LABELS} and len(key) == 16
        assert row["sentiment"] in SENTIMENTS and row["emotion"] in EMOTIONS
        assert set(row["interests"]) <= set(INTERESTS) - {"other"}
        assert set(row["flags"]) <= set(FLAGS) and set(row["risks"]) <= set(RISKS)
        for item in row["aspects"]:
            assert item["aspect"] in ASPECTS and item["polarity"] in POLARITIES


def test_no_comment_stands_in_two_parts() -> None:
    parts = [set(read_annotations(part)) for part in ("train", "dev", "agreed")]
    assert sum(map(len, parts)) == len(set.union(*parts))
    agreed = read_annotations("agreed").keys()
    assert read_annotations("first").keys() == read_annotations("second").keys() == agreed


def test_comment_key_is_stable_and_leaves_outer_blanks() -> None:
    assert comment_key(" 好 ") == comment_key("好") == "f867f34178594f89"
    assert annotations.PARTS[0] == "train"
