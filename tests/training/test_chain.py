"""One command trains a whole chain: adaptation, the teacher that starts from it, the student."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from serving.cli.main import app
from tests.training.tiny import tiny_recipe


def write_chain(folder: Path, base: Path) -> Path:
    """``student.yaml``, which needs the others."""
    first: dict[str, Any] = dataclasses.asdict(tiny_recipe(name="first", base=str(base)))
    first |= {"mask_share": 0.2, "unlabelled": ["dumps"], "epochs": 1.0}
    recipes: dict[str, Any] = {
        "first": json.loads(json.dumps(first)),
        "teacher": {"starts_from": "first.yaml", "name": "teacher", "epochs": 2.0},
        "student": {
            "extends": "teacher.yaml",
            "name": "student",
            "epochs": 0.5,
            "distill": {"teachers": ["teacher.yaml"]},
            "unlabelled": ["dumps"],
        },
    }
    for name, recipe in recipes.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder / "student.yaml"


def test_train_command_trains_the_chain(
    base: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    (data / "dumps").mkdir(parents=True)
    for file in data_dir.iterdir():
        (data / file.name).symlink_to(file)
    lines = [json.dumps({"text": text}) for text in ("好茶很好", "很差的车", "了的是") * 20]
    (data / "dumps" / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    student = write_chain(tmp_path, base)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    found = CliRunner().invoke(app, ["train", str(student), "--data", str(data)])
    assert found.exit_code == 0, found.output
    runs = tmp_path / "home" / "runs"
    assert {run.name for run in runs.iterdir()} == {"first", "teacher", "student"}
    assert all((run / "finished").exists() for run in runs.iterdir())
    assert (runs / "student" / "teachers.npz").is_file()
    record = json.loads((runs / "student" / "run.json").read_text(encoding="utf-8"))
    assert record["data"]["unlabelled"]["rows"] == 3
