"""A model folder: its configuration, its version by content, and whether its files are what they
should be.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from nlp.errors import ModelError
from nlp.heads import HEADS

MODEL_FILE: Final = "model.onnx"
TOKENIZER_FILE: Final = "tokenizer.json"
CONFIG_FILE: Final = "config.json"
DEFAULT_MODEL: Final = "small"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """``temperatures`` divide each head's logits; ``thresholds`` are per label of the sigmoid
    heads.
    """

    path: Path
    name: str
    version: str  # "<name>@<first 12 hex digits of the hash over the files>"
    max_tokens: int
    temperatures: dict[str, float]
    thresholds: dict[str, dict[str, float]]
    files: dict[str, str]  # file name -> sha256
    metrics: dict[str, Any]


def load_artifact(name_or_path: str | None = None) -> Artifact:
    """Reads a shipped model by name, or any model folder by path; None is the default model.

    Raises:
        ModelError: no such model, or its labels are not those of this version of Tingfeng.
    """
    path = find_model(name_or_path or DEFAULT_MODEL)
    config = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    expected = {head.name: list(head.labels) for head in HEADS}
    if config["heads"] != expected:
        raise ModelError(
            f"{path}: expected the heads {expected}, found {config['heads']}; "
            "this model was made for another version: train or export it again"
        )
    return Artifact(
        path=path,
        name=config["name"],
        version=f"{config['name']}@{content_hash(config)}",
        max_tokens=config["max_tokens"],
        temperatures=config["temperatures"],
        thresholds=config["thresholds"],
        files=config["files"],
        metrics=config.get("metrics", {}),
    )


def find_model(name_or_path: str) -> Path:
    """The folder of a shipped model's name or of a path."""
    shipped = shipped_models()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if (path / CONFIG_FILE).is_file():
        return path
    raise ModelError(
        f"expected a model folder with {CONFIG_FILE} or one of the models {', '.join(shipped)}, "
        f"found {name_or_path!r}; see `tingfeng model list`"
    )


def shipped_models() -> dict[str, Path]:
    """Every model folder that comes with the package."""
    root = Path(str(files("nlp.models")))
    return {p.parent.name: p.parent for p in sorted(root.glob(f"*/{CONFIG_FILE}"))}


def verify(artifact: Artifact) -> list[str]:
    """The faults of a model folder, one line each; empty when every file has its recorded hash."""
    faults = []
    for name, expected in artifact.files.items():
        file = artifact.path / name
        if not file.is_file():
            faults.append(f"{file}: expected a file, found none; install the package again")
        elif (found := file_hash(file)) != expected:
            faults.append(
                f"{file}: expected sha256 {expected[:12]}…, found {found[:12]}…; install again"
            )
    return faults


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(config: dict[str, Any]) -> str:
    """Twelve hex digits that change with anything that can change a score: files, temperatures,
    thresholds.
    """
    decisive = {
        k: config[k] for k in ("files", "heads", "max_tokens", "temperatures", "thresholds")
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
