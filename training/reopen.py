"""A shipped model folder back into a network that can be trained on: no base encoder is needed.

The exporter renames and transposes the weights of linear layers; each is found again by the bias
that is added to its product.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from nlp.artifact import CONFIG_FILE, MODEL_FILE, load_artifact
from training.base import encoder_from_config
from training.errors import TrainingError
from training.export import unpacked
from training.modeling import CommentModel
from training.ngrams import NGrams

PREFIX = "model."  # of the exporter's names
EMBEDDING = "encoder.embeddings.word_embeddings.weight"
WIDE_TABLE = "wide.rows.weight"


def reopen(folder: Path, *, dropout: float) -> CommentModel:
    """The network of a model folder, in float32 of what was stored.

    Raises:
        TrainingError: the folder's network is not one of ours, or its configuration is too old.
    """
    artifact = load_artifact(str(folder))
    config = json.loads((artifact.path / CONFIG_FILE).read_text(encoding="utf-8"))
    if "encoder" not in config:
        raise TrainingError(
            f"{folder}: expected the key encoder in {CONFIG_FILE}, found none; "
            "export the model again"
        )
    model = CommentModel(encoder_from_config(config["encoder"]), dropout=dropout)
    stored = stored_weights(artifact.path / MODEL_FILE)
    if WIDE_TABLE in stored:  # learnt from stays the encoder alone
        model.wide = NGrams(*stored[WIDE_TABLE].shape).requires_grad_(False)
    wanted = {k: v for k, v in model.state_dict().items() if not k.endswith("position_ids")}
    for name, value in wanted.items():
        if name not in stored:
            raise TrainingError(f"{folder}: expected the weights {name}, found none")
        wanted[name] = _fitted(stored[name], value)
    model.load_state_dict(wanted, strict=False)
    return model


def stored_weights(path: Path) -> dict[str, torch.Tensor]:
    """Weights by their name in the network."""
    graph = onnx.load(str(path)).graph
    values = {
        t.name.removesuffix(".f16"): torch.from_numpy(numpy_helper.to_array(t).copy()).float()
        for t in graph.initializer
    }
    found = {k.removeprefix(PREFIX): v for k, v in values.items() if k.startswith(PREFIX)}
    made_by = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type == "Add":
            for bias, product in (node.input, reversed(node.input)):
                if bias.startswith(PREFIX) and bias.endswith(".bias") and product in made_by:
                    weight = _weight_of(made_by[product], values)
                    if weight is not None:
                        name = bias.removeprefix(PREFIX).removesuffix("bias") + "weight"
                        found.setdefault(name, weight)
    tables = [numpy_helper.to_array(t) for t in graph.initializer]
    if EMBEDDING not in found:  # stored in int8
        found[EMBEDDING] = _rows_times_scale(tables, "int8")
    if any(t.dtype == "uint8" and t.ndim == 2 for t in tables):
        found[WIDE_TABLE] = _rows_times_scale(tables, "uint8")
    return found


def _weight_of(node: Any, values: dict[str, torch.Tensor]) -> torch.Tensor | None:
    if node.op_type != "MatMul" or node.input[1] not in values:
        return None
    return values[node.input[1]].T


def _rows_times_scale(tables: list[npt.NDArray[Any]], kind: str) -> torch.Tensor:
    """The one table of this kind times the only (rows, 1) column of as many rows."""
    rows = next(t for t in tables if t.dtype == kind and t.ndim == 2)
    scale = next(t for t in tables if t.shape == (len(rows), 1) and t.dtype != kind)
    values = torch.from_numpy(rows.astype("float32"))
    return (unpacked(values) if kind == "uint8" else values) * torch.from_numpy(
        scale.astype("float32")
    )


def _fitted(stored: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Positions that the export dropped, because no text reaches them, stay as they are."""
    if stored.shape == like.shape:
        return stored
    whole = like.clone()
    whole[: len(stored)] = stored
    return whole
