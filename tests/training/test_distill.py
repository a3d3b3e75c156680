"""Teachers' probabilities are learnt, also for texts without a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nlp.heads import OUTPUT_SIZE
from tests.training.tiny import BAD, GOOD, tiny_recipe
from training import distill
from training.distill import soft_labels
from training.finetune import train
from training.modeling import SLICES, distillation_loss

POLAR = {"positive": "positive", "negative": "negative"}
TEXTS = [GOOD[:3], BAD[:3], "的了是"]


def test_distillation_loss_of_the_teachers_own_logits_is_zero() -> None:
    logits = torch.randn(4, OUTPUT_SIZE, generator=torch.Generator().manual_seed(1))
    soft = torch.cat(
        [
            (logits[:, part] / 2).softmax(-1)
            if name in ("sentiment", "emotion")
            else (logits[:, part] / 2).sigmoid()
            for name, part in SLICES.items()
        ],
        dim=1,
    )
    assert distillation_loss(logits, soft, 2.0).item() == pytest.approx(0.0, abs=1e-4)
    assert distillation_loss(logits + torch.eye(4, OUTPUT_SIZE), soft, 2.0).item() > 0.01


def test_distillation_loss_hand_computed() -> None:
    """One row; teacher (1/2, 1/4, 1/4) against a uniform student: KL = ln 3 - 1.5 ln 2."""
    logits, soft = torch.zeros(1, OUTPUT_SIZE), torch.full((1, OUTPUT_SIZE), 0.5)
    soft[0, SLICES["emotion"]] = 1 / 8
    soft[0, SLICES["sentiment"]] = torch.tensor([0.5, 0.25, 0.25])
    expected = np.log(3) - 1.5 * np.log(2)
    assert distillation_loss(logits, soft, 1.0).item() == pytest.approx(expected, abs=1e-4)


def test_soft_labels_are_probabilities_and_kept(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = soft_labels([run_dir, run_dir], TEXTS, tmp_path, 1.0)
    assert first.shape == (3, OUTPUT_SIZE)
    np.testing.assert_allclose(first[:, SLICES["sentiment"]].sum(1), 1, atol=1e-3)
    assert first[0, 2] > 0.8 and first[1, 0] > 0.8
    monkeypatch.setattr(distill, "predict", lambda *_: pytest.fail("asked the teachers again"))
    np.testing.assert_allclose(
        soft_labels([run_dir, run_dir], TEXTS, tmp_path, 1.0), first, atol=1e-3
    )


def test_train_student_of_unlabelled_texts_alone_says_what_the_teacher_says(
    run_dir: Path, base: Path, data_dir: Path, tmp_path: Path
) -> None:
    """The student sees no label: every labelled row weighs nothing."""
    (tmp_path / "data").symlink_to(data_dir)
    folder = tmp_path / "data"
    recipe = tiny_recipe(
        name="student",
        distill_teachers=("teacher",),
        sources=[
            {"file": "reviews.parquet", "heads": {"sentiment": {"labels": POLAR, "weight": 0.0}}}
        ],
        epochs=12.0,
        distill_weight=4.0,
    )  # fmt: skip
    (tmp_path / "teacher").symlink_to(run_dir)
    run = train(recipe, data_dir=folder, run_dir=tmp_path / "student", base=base)
    p = soft_labels([run], TEXTS, tmp_path / "student", 1.0)
    assert p[0, 2] > 0.6 and p[1, 0] > 0.6
