"""Labelled files and the corpus: which rows go where, and what is said when a file is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.corpus import read_corpus
from nlp.heads import HEADS
from nlp.normalize import normalize
from tests.training.tiny import tiny_recipe, write_parquet
from training.corpus import is_held_out, load_corpus
from training.errors import TrainingError
from training.recipe import HeadMapping, Source
from training.sources import load_sets, load_source, load_unlabelled

MAPPING = HeadMapping(labels={"pos": "positive", "neg": "negative"})


def source(**changes: Any) -> Source:
    return Source(**({"file": "a.parquet", "heads": {"sentiment": MAPPING}} | changes))


def test_load_source_takes_the_split_and_normalises(tmp_path: Path) -> None:
    rows = [
        {"text": "好！！！！！！", "split": "train", "label": "pos"},
        {"text": "差", "split": "dev", "label": "neg"},
        {"text": "", "split": "train", "label": "neg"},
    ]
    write_parquet(tmp_path / "a.parquet", rows)
    found = load_source(source(limit=5, repeat=2), tmp_path, split="train")
    assert (found.name, found.texts) == ("a", ["好！！！"])
    assert (found.limit, found.repeat) == (5, 2)
    assert found.targets["sentiment"].tolist() == [[0, -1, 1]]


def test_load_source_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="found no such file; set TINGFENG_DATA_DIR"):
        load_source(source(), tmp_path, split="train")


@pytest.mark.parametrize("lacking", ["text", "split", "label"])
def test_load_source_missing_column_raises_naming_it(lacking: str, tmp_path: Path) -> None:
    row = {"text": "好", "split": "train", "label": "pos"}
    write_parquet(tmp_path / "a.parquet", [{k: v for k, v in row.items() if k != lacking}])
    with pytest.raises(TrainingError, match=rf"expected the columns \['{lacking}'\]"):
        load_source(source(), tmp_path, split="train")


def test_load_sets_skips_sources_without_rows(data_dir: Path) -> None:
    names = [s.name for s in load_sets(tiny_recipe(), data_dir, split="dev")]
    assert names == ["reviews", "moods", "chat"]
    with pytest.raises(TrainingError, match="rows of the split test, found none"):
        load_sets(tiny_recipe(), data_dir, split="test")


def test_load_sets_cap_on_rows_spares_the_corpus(data_dir: Path) -> None:
    recipe = tiny_recipe(max_rows_per_source=50, corpus_repeat=1)
    assert [s.limit for s in load_sets(recipe, data_dir, split="train")] == [50, 50, 50, None]


def test_load_sets_corpus_only_with_repeat(data_dir: Path) -> None:
    recipe = tiny_recipe(corpus_repeat=2)
    assert load_sets(recipe, data_dir, split="train")[-1].repeat == 2
    assert load_sets(recipe, data_dir, split="dev")[-1].name == "corpus"
    assert "corpus" not in {s.name for s in load_sets(tiny_recipe(), data_dir, split="train")}


def test_load_sets_never_trains_on_held_out_rows(data_dir: Path) -> None:
    recipe = tiny_recipe(corpus_repeat=1)
    train, dev = (load_sets(recipe, data_dir, split=split)[-1] for split in ("train", "dev"))
    assert len(dev) == len(load_corpus(recipe, held_out=True))
    assert not set(train.texts) & set(dev.texts)


def test_load_corpus_parts_make_the_whole_and_know_every_head() -> None:
    recipe = tiny_recipe(corpus_weight=0.5)
    train, held_out = load_corpus(recipe, held_out=False), load_corpus(recipe, held_out=True)
    texts = {normalize(row["text"]) for row in read_corpus()}
    assert set(train.texts) | set(held_out.texts) == texts
    assert 0.07 < len(held_out) / len(read_corpus()) < 0.13
    for head in HEADS:
        assert (held_out.targets[head.name] >= 0).all()
        assert (held_out.weights[head.name] == 0.5).all()


def test_is_held_out_depends_on_the_text_alone() -> None:
    few, many = tiny_recipe(corpus_held_out_share=0.1), tiny_recipe(corpus_held_out_share=0.3)
    rows = read_corpus()[:300]
    held_out = {row["text"] for row in rows if is_held_out(row, few)}
    assert held_out == {row["text"] for row in reversed(rows) if is_held_out(row, few)}
    assert held_out < {row["text"] for row in rows if is_held_out(row, many)}


def test_is_held_out_keeps_a_family_together() -> None:
    recipe = tiny_recipe(corpus_held_out_share=0.5)
    families = {f"family {i}" for i in range(20)}
    sides = {f: {is_held_out({"text": t, "family": f}, recipe) for t in "一二三"} for f in families}
    assert {len(side) for side in sides.values()} == {1}
    assert set.union(*sides.values()) == {True, False}


def test_is_held_out_never_moves_a_known_text() -> None:
    """SHA-256 puts 好 at 0.97034: a change of the rule would leak held-out rows into training."""
    assert is_held_out({"text": "好"}, tiny_recipe(corpus_held_out_share=0.9704))
    assert not is_held_out({"text": "好"}, tiny_recipe(corpus_held_out_share=0.9703))


def test_load_unlabelled_reads_dumps(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "好"}\n{"content": "差！！！！"}\n{}\n', "utf-8")
    (tmp_path / "b_comments.csv").write_text("\ufeff评论\n一，二\n", "utf-8")
    (tmp_path / "orders.csv").write_text("1\n", "utf-8")
    texts = load_unlabelled(tmp_path.parent, tmp_path.name)
    assert texts == ["好", "差！！！", "", "评论", "一，二"]
    assert load_unlabelled(tmp_path.parent, tmp_path.name, limit=1) == ["好"]


def test_load_unlabelled_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="vocabulary_texts"):
        load_unlabelled(tmp_path, "dumps")
