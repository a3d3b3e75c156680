"""The mean of two runs, label by label."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from tests.training.tiny import tiny_recipe
from training.average import average
from training.modeling import SLICES
from training.runs import load_last


def test_average_mixes_what_both_runs_have(run_dir: Path, tmp_path: Path) -> None:
    for name in ("mine", "other"):
        shutil.copytree(run_dir, tmp_path / name)
    mine = torch.load(tmp_path / "mine" / "best.pt", weights_only=True)
    last = torch.load(tmp_path / "other" / "checkpoint.pt", weights_only=True)
    last["model"] = {k: v + 1 if v.is_floating_point() else v for k, v in last["model"].items()}
    torch.save(last, tmp_path / "other" / "checkpoint.pt")
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    record["heads"]["risks"] = record["heads"]["risks"][1:]  # a label that the other lacks
    (tmp_path / "other" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    recipe = tiny_recipe(average_with="other", average_weight=0.25, starts_from="other")
    average(recipe, tmp_path / "mine", tmp_path / "other")
    found = torch.load(tmp_path / "mine" / "best.pt", weights_only=True)
    name = "encoder.encoder.layer.0.output.dense.weight"
    expected = 0.75 * mine[name] + 0.25 * last["model"][name]
    torch.testing.assert_close(found[name], expected)
    at = SLICES["risks"].start
    assert torch.equal(found["heads.weight"][at], mine["heads.weight"][at])
    assert found["heads.bias"][at + 1] != mine["heads.bias"][at + 1]


def test_going_on_from_an_averaged_run_goes_on_from_the_average(
    run_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(run_dir, tmp_path / "mine")
    best = torch.load(tmp_path / "mine" / "best.pt", weights_only=True)
    moved = {k: v + 1 if v.is_floating_point() else v for k, v in best.items()}
    torch.save(moved, tmp_path / "mine" / "best.pt")
    recipe, name = tiny_recipe(), "encoder.encoder.layer.0.output.dense.weight"
    plain = load_last(tmp_path / "mine", recipe, {}).state_dict()[name]
    assert not torch.equal(plain, moved[name])
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    record["recipe"]["average_with"] = "other"
    (tmp_path / "mine" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert torch.equal(load_last(tmp_path / "mine", recipe, {}).state_dict()[name], moved[name])
