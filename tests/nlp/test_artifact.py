"""Model folders: found, versioned by content, refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp.artifact import CONFIG_FILE, file_hash, load_artifact, verify
from nlp.errors import ModelError
from nlp.heads import HEADS


def make_folder(path: Path, **changes: object) -> Path:
    path.mkdir()
    (path / "model.onnx").write_bytes(b"model")
    config = {
        "name": "tiny",
        "max_tokens": 16,
        "heads": {h.name: list(h.labels) for h in HEADS},
        "temperatures": {},
        "thresholds": {},
        "files": {"model.onnx": file_hash(path / "model.onnx")},
    }
    (path / CONFIG_FILE).write_text(json.dumps(config | changes), encoding="utf-8")
    return path


def test_load_artifact_version_follows_content(tmp_path: Path) -> None:
    first = load_artifact(str(make_folder(tmp_path / "a")))
    same = load_artifact(str(make_folder(tmp_path / "b")))
    other = load_artifact(str(make_folder(tmp_path / "c", thresholds={"flags": {"spam": 0.7}})))
    assert first.version == same.version != other.version
    assert first.version.startswith("tiny@")


def test_verify_names_changed_and_missing_files(tmp_path: Path) -> None:
    artifact = load_artifact(str(make_folder(tmp_path / "a")))
    assert verify(artifact) == []
    (artifact.path / "model.onnx").write_bytes(b"other")
    assert "expected sha256" in verify(artifact)[0]
    (artifact.path / "model.onnx").unlink()
    assert "expected a file" in verify(artifact)[0]


def test_load_artifact_with_other_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another version"):
        load_artifact(str(make_folder(tmp_path / "a", heads={"sentiment": ["bad", "good"]})))


def test_load_artifact_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ModelError, match="tingfeng model list"):
        load_artifact("no-such-model")
