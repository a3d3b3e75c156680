"""Masked language modelling: what is masked, and that the encoder learns its texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tiny import FILLER, GOOD, tiny_recipe
from training.finetune import train
from training.masking import NOT_CHOSEN, mask


def write_dump(folder: Path) -> Path:
    """Comments in which 好 always stands between 很 and 的."""
    (folder / "dumps").mkdir(parents=True)
    texts = [f"{a}很好的{b}" for a in FILLER for b in FILLER]
    lines = [json.dumps({"text": t}, ensure_ascii=False) for t in texts]
    (folder / "dumps" / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def adapting(**changes: Any) -> Any:
    return tiny_recipe(
        name="adapted",
        mask_share=0.3,
        unlabelled=("dumps",),
        corpus_repeat=1,
        sources=[],
        **changes,
    )


def test_mask_chooses_inner_tokens_only() -> None:
    torch.manual_seed(0)
    ids = torch.arange(20).repeat(200, 1)
    known = (ids < 12).long()
    read, wanted = mask(ids, known, share=0.15, mask_id=99)
    chosen = wanted != NOT_CHOSEN
    assert not chosen[:, 0].any() and not chosen[:, 11:].any()
    assert chosen[:, 1:11].float().mean().item() == pytest.approx(0.15, abs=0.03)
    assert (read[~chosen] == ids[~chosen]).all() and (wanted[chosen] == ids[chosen]).all()
    assert (read[chosen] == 99).float().mean().item() == pytest.approx(0.8, abs=0.06)


def test_mask_of_few_tokens_chooses_one() -> None:
    ids = torch.tensor([[2, 7, 3]])
    _, wanted = mask(ids, torch.ones_like(ids), share=1e-9, mask_id=99)
    assert wanted.tolist() == [[NOT_CHOSEN, 7, NOT_CHOSEN]]


def test_train_adapted_encoder_is_what_the_next_recipe_starts_from(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.trainer.REPORT_EVERY_STEPS", 5)
    folder = write_dump(tmp_path / "data")
    run = train(adapting(epochs=6.0), data_dir=folder, run_dir=tmp_path / "adapted", base=base)
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    after = tiny_recipe(name="after", starts_from="adapted", epochs=1.0)
    monkeypatch.setattr("training.trainer.Trainer.run", lambda self, *_, **__: self._save())
    tuned = train(after, data_dir=data_dir, run_dir=tmp_path / "after", start=run)
    a, b = (torch.load(r / "checkpoint.pt", weights_only=True)["model"] for r in (run, tuned))
    name = "encoder.encoder.layer.0.output.dense.weight"
    assert torch.equal(a[name], b[name])
    assert GOOD[0] in (tuned / "tokenizer.json").read_text(encoding="utf-8")
