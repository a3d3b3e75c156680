"""A run learns, and one that was stopped ends where an unbroken one does."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlp.heads import HEADS, OUTPUT_SIZE
from tests.training.tiny import tiny_recipe, write_base, write_tokenizer_json
from training.base import load_encoder
from training.errors import TrainingError
from training.finetune import train
from training.modeling import RARE_BIAS, CommentModel
from training.recipe import Recipe
from training.runs import load_run
from training.trainer import Meter, Trainer, parameter_groups, set_dropout

SHORT: dict[str, Any] = {"epochs": 1.5, "tokens_per_batch": 512}


def log_of(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "log.jsonl").read_text().splitlines()]


def weights_of(run_dir: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run_dir / "checkpoint.pt", weights_only=True)
    model: dict[str, torch.Tensor] = state["model"]
    return model


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> pytest.MonkeyPatch:
    """The trainer is interrupted, as by Ctrl-C, before its step number ``steps``."""
    original = Trainer._train_step

    def step(self: Trainer, rows: Any) -> None:
        if self.step == steps:
            raise KeyboardInterrupt
        original(self, rows)

    monkeypatch.setattr(Trainer, "_train_step", step)
    return monkeypatch


def test_train_score_on_dev_rises_and_loss_falls(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.trainer.REPORT_EVERY_STEPS", 5)
    train(tiny_recipe(), data_dir=data_dir, run_dir=tmp_path, base=base)
    losses = [entry["loss"] for entry in log_of(tmp_path) if "loss" in entry]
    means = [entry["mean"] for entry in log_of(tmp_path) if "mean" in entry]
    assert losses[-1] < 0.5 * losses[0]
    assert means[-1] > means[0]


def test_train_record_says_what_was_trained(run_dir: Path) -> None:
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    assert record["recipe"]["seed"] == 5
    assert {name: d["rows"] for name, d in record["data"].items()} == {
        "reviews": 80, "moods": 80, "chat": 80
    }  # fmt: skip
    assert record["heads"] == {head.name: list(head.labels) for head in HEADS}


def test_train_stopped_and_resumed_reaches_the_same_weights(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same seed, same machine, one thread: equal bit by bit, dropout included."""
    recipe = tiny_recipe(**SHORT)

    def run(folder: str) -> Path:
        return train(recipe, data_dir=data_dir, run_dir=tmp_path / folder, base=base)

    with monkeypatch.context() as patch:
        stop_after(patch, 5)  # a checkpoint lies before it, at the half of the first epoch
        with pytest.raises(KeyboardInterrupt):
            run("broken")
    at = torch.load(tmp_path / "broken" / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < at < 5
    unbroken, resumed = weights_of(run("unbroken")), weights_of(run("broken"))
    assert [e["resumed_at"] for e in log_of(tmp_path / "broken") if "resumed_at" in e] == [at]
    for name, values in unbroken.items():
        assert torch.equal(values, resumed[name]), name


def test_train_finished_run_resumed_takes_no_step(
    run_dir: Path, base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in run_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(Trainer, "_train_step", lambda *_: pytest.fail("took a step"))
    train(tiny_recipe(), data_dir=data_dir, run_dir=tmp_path, base=base)


def test_train_starts_from_the_last_weights_of_another_run(
    run_dir: Path, base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "run", lambda self, *_, **__: self._save())  # not one step
    recipe = tiny_recipe(name="second", starts_from="tiny-test")
    train(recipe, data_dir=data_dir, run_dir=tmp_path, base=base, start=run_dir)
    before, after = weights_of(run_dir), weights_of(tmp_path)
    assert all(torch.equal(values, after[name]) for name, values in before.items())
    same = (tmp_path / "tokenizer.json").read_bytes() == (run_dir / "tokenizer.json").read_bytes()
    assert same


def own_classes(**changes: Any) -> Recipe:
    """The tiny recipe with an auxiliary head for the categories of its reviews."""
    (reviews, *rest) = tiny_recipe().sources
    own = dataclasses.replace(reviews, auxiliary="category")
    return dataclasses.replace(tiny_recipe(), sources=(own, *rest), **changes)


def test_train_auxiliary_head_is_learnt_and_not_shipped(
    base: Path, data_dir: Path, tmp_path: Path
) -> None:
    run = train(own_classes(), data_dir=data_dir, run_dir=tmp_path, base=base)
    assert log_of(run)[-1]["dev"]["reviews"]["own classes"] > 0.9
    assert weights_of(run)["auxiliary.bias"].shape == (2,)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["auxiliary"] == {"reviews": ["car", "food"]}
    assert load_run(run, own_classes()).outputs == OUTPUT_SIZE


def test_train_starts_from_a_run_with_fewer_labels(
    run_dir: Path, base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run knew neither the last head nor the order of the others."""
    first = tmp_path / "first"
    shutil.copytree(run_dir, first)
    record = json.loads((first / "run.json").read_text(encoding="utf-8"))
    state = torch.load(first / "checkpoint.pt", weights_only=True)
    kept = OUTPUT_SIZE - len(record["heads"].pop("aspects"))
    moods, feelings = record["heads"].pop("sentiment"), record["heads"].pop("emotion")
    record["heads"] = {"emotion": feelings, "sentiment": moods, **record["heads"]}
    order = [*range(3, 11), 0, 1, 2, *range(11, kept)]
    for name in ("heads.weight", "heads.bias"):
        state["model"][name] = state["model"][name][order]
    torch.save(state, first / "checkpoint.pt")
    (first / "run.json").write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr(Trainer, "run", lambda self, *_, **__: self._save())  # not one step
    recipe = own_classes(name="second", starts_from="tiny-test")
    train(recipe, data_dir=data_dir, run_dir=tmp_path / "second", base=base, start=first)
    before, after = weights_of(run_dir), weights_of(tmp_path / "second")
    assert torch.equal(after["heads.bias"][:kept], before["heads.bias"][:kept])
    assert torch.equal(after["heads.weight"][:kept], before["heads.weight"][:kept])
    assert (after["heads.bias"][kept:] == RARE_BIAS).all()


def test_train_accumulated_batches_make_one_step(
    base: Path, data_dir: Path, tmp_path: Path
) -> None:
    steps = []
    for n in (1, 4):
        recipe = tiny_recipe(accumulate=n, epochs=1.0)
        train(recipe, data_dir=data_dir, run_dir=tmp_path / str(n), base=base)
        steps.append(torch.load(tmp_path / str(n) / "checkpoint.pt", weights_only=True)["step"])
    assert steps[1] == math.ceil(steps[0] / 4)


def test_train_without_a_better_evaluation_ends_early(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.trainer.dev_score", lambda *_: {"sentiment": 0.5})
    recipe = tiny_recipe(epochs=4.0, evaluations=2, patience=3)
    train(recipe, data_dir=data_dir, run_dir=tmp_path, base=base)
    assert sum("mean" in entry for entry in log_of(tmp_path)) == 4  # one best, three no better


def test_train_start_that_the_recipe_does_not_name_raises(
    run_dir: Path, base: Path, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="expected the run of None to start from"):
        train(tiny_recipe(), data_dir=data_dir, run_dir=tmp_path, base=base, start=run_dir)


def test_train_other_recipe_in_run_folder_raises(run_dir: Path, base: Path, data_dir: Path) -> None:
    with pytest.raises(TrainingError, match=r"other values of \['seed'\]"):
        train(tiny_recipe(seed=6), data_dir=data_dir, run_dir=run_dir, base=base)


def test_train_checkpoint_of_another_base_raises(
    base: Path, data_dir: Path, tmp_path: Path
) -> None:
    torch.save({"model": {"heads.bias": torch.zeros(2)}}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="found other shapes"):
        train(tiny_recipe(), data_dir=data_dir, run_dir=tmp_path, base=base)


def test_train_file_of_two_sources_is_judged_on_the_heads_of_both(
    base: Path, data_dir: Path, tmp_path: Path
) -> None:
    topics = {"interest": {"column": "category", "labels": {"food": "food", "car": "auto"}}}
    polarity = {"sentiment": {"labels": {"positive": "positive", "negative": "negative"}}}
    sources = [{"file": "reviews.parquet", "heads": heads} for heads in (polarity, topics)]
    train(tiny_recipe(sources=sources), data_dir=data_dir, run_dir=tmp_path, base=base)
    assert set(log_of(tmp_path)[-1]["dev"]["reviews"]) == {"sentiment", "interest"}


@pytest.mark.parametrize("epochs", [0.01, 0.5])
def test_train_very_short_run_still_leaves_a_model(
    epochs: float, base: Path, data_dir: Path, tmp_path: Path
) -> None:
    train(tiny_recipe(epochs=epochs), data_dir=data_dir, run_dir=tmp_path, base=base)
    assert (tmp_path / "best.pt").is_file()


def test_train_base_with_tokenizer_json_gives_the_same_vocabulary(
    run_dir: Path, data_dir: Path, tmp_path: Path
) -> None:
    base = write_base(tmp_path / "base")
    write_tokenizer_json(base)
    run = train(tiny_recipe(**SHORT), data_dir=data_dir, run_dir=tmp_path / "run", base=str(base))
    expected = (run_dir / "tokenizer.json").read_text(encoding="utf-8")
    assert (run / "tokenizer.json").read_text(encoding="utf-8") == expected


def test_train_base_reads_too_few_tokens_raises(base: Path, data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="reads 128 tokens, found 64"):
        train(tiny_recipe(max_tokens=128), data_dir=data_dir, run_dir=tmp_path, base=base)


def test_rate_rises_then_falls_to_zero() -> None:
    trainer = Trainer.__new__(Trainer)
    trainer.recipe, trainer.total_steps = tiny_recipe(warmup_share=0.2), 10
    rates = [trainer._rate(step) for step in range(11)]
    np.testing.assert_allclose(rates[:3], [0.5, 1.0, 1.0])
    np.testing.assert_allclose(rates[-3:], [0.25, 0.125, 0.0])


def test_parameter_groups_lower_layers_learn_slower(base: Path) -> None:
    recipe = tiny_recipe(learning_rate=1.0, head_learning_rate=9.0, layer_decay=0.5)
    model = CommentModel(load_encoder(base), dropout=0.0)
    names = [name for name, _ in model.named_parameters()]
    groups = dict(zip(names, parameter_groups(model, recipe), strict=True))
    assert groups["heads.weight"]["lr"] == 9.0
    assert groups["encoder.encoder.layer.0.output.dense.weight"]["lr"] == 1.0
    assert groups["encoder.embeddings.word_embeddings.weight"]["lr"] == 0.5
    assert groups["heads.weight"]["weight_decay"] == recipe.weight_decay
    assert groups["heads.bias"]["weight_decay"] == 0.0


def test_meter_reports_mean_loss_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.trainer.time.monotonic", lambda: 12.0)
    meter = Meter(since=10.0)
    meter.add(1.0, 300)
    meter.add(2.0, 100)
    assert meter.report() == {"loss": 1.5, "tokens_per_s": 200}


def test_train_hides_tokens_from_training_and_from_nothing_else(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, list[float]] = {True: [], False: []}
    original = CommentModel.forward

    def forward(self: CommentModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen[self.training].append(float((ids == mask_id).sum() / mask.sum()))
        return original(self, ids, mask)

    recipe = dataclasses.replace(tiny_recipe(), hide_share=0.5, epochs=1)
    monkeypatch.setattr(CommentModel, "forward", forward)
    mask_id = 3
    run = train(recipe, data_dir=data_dir, run_dir=tmp_path, base=base)
    pieces = json.loads((run / "tokenizer.json").read_text())["model"]["vocab"]
    assert pieces["[MASK]"] == mask_id
    assert 0.1 < np.mean(seen[True]) < 0.5  # 80 % of the chosen ones; [CLS] and [SEP] never are
    assert max(seen[False]) == 0


def test_set_dropout_reaches_the_encoder_and_not_the_heads(base: Path) -> None:
    model = CommentModel(load_encoder(base), dropout=0.3)
    set_dropout(model, 0.2)
    inside = [m.p for m in model.encoder.modules() if isinstance(m, torch.nn.Dropout)]
    assert inside and set(inside) == {0.2}
    assert model.dropout.p == 0.3
