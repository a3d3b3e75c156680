"""A trained model to one ONNX file for both engines: embedding in int8 or fp16, the rest in fp16.

The embedding is most of a small model. Each of its rows is stored as int8 with a scale of its own
(error at most half a step of 1/127 of the row's largest value); a lookup turns only the rows that a
text uses back into floats.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nlp.batching import TOKEN_BUDGET
from training.errors import TrainingError
from training.modeling import CommentModel
from training.quantize import Batch, quantize_int8

FP16_FROM_ELEMENTS: Final = 1_000  # smaller tensors (biases, norms) stay in float32


class Int8Embedding(nn.Module):
    """An embedding whose rows are int8 times a scale per row."""

    rows: torch.Tensor
    scale: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        scale = weight.abs().amax(-1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("rows", (weight / scale).round().to(torch.int8))
        self.register_buffer("scale", scale.float())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(…, hidden) for ids of any shape."""
        return self.rows[ids].float() * self.scale[ids]


class Int4Rows(nn.Module):
    """A table whose rows are whole numbers of -7 to 7 times a scale per row, two in a byte."""

    packed: torch.Tensor
    scale: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        if weight.shape[1] % 2:
            raise TrainingError(
                f"expected an even wide size, found {weight.shape[1]}; correct wide.size"
            )
        scale = (weight.abs().amax(-1, keepdim=True) / 7).clamp(min=1e-6).half().float()
        steps = (weight / scale).round().clamp(-7, 7) + 8
        half = weight.shape[1] // 2
        self.register_buffer("packed", (16 * steps[:, :half] + steps[:, half:]).to(torch.uint8))
        self.register_buffer("scale", scale)

    def forward(self, at: torch.Tensor) -> torch.Tensor:
        """(…, size) for buckets of any shape."""
        return unpacked(self.packed[at].float()) * self.scale[at]


def unpacked(pairs: torch.Tensor) -> torch.Tensor:
    """(…, size) whole numbers of -7 to 7 from (…, size / 2) bytes, as floats."""
    high = torch.floor(pairs / 16)
    return torch.cat([high, pairs - 16 * high], dim=-1) - 8


class Network(nn.Module):
    """What is exported: ids in, logits out; the mask is where ids are not the padding id."""

    def __init__(self, model: CommentModel, pad_id: int) -> None:
        super().__init__()
        self.model, self.pad_id = model, pad_id

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(rows, OUTPUT_SIZE) logits."""
        logits: torch.Tensor = self.model(ids, (ids != self.pad_id).long())
        return logits


def quantize_embedding(model: CommentModel, *, max_tokens: int, int8: bool = True) -> CommentModel:
    """Puts the int8 embedding in place and drops the positions that are never reached; the wide
    part's table is stored in 4 bits.
    """
    if model.wide is not None:
        model.wide.rows = Int4Rows(model.wide.table.data)
    embeddings = cast(Any, model.encoder.embeddings)
    if int8:
        model.encoder.set_input_embeddings(Int8Embedding(embeddings.word_embeddings.weight.data))
    embeddings.position_embeddings.weight.data = embeddings.position_embeddings.weight.data[
        :max_tokens
    ].clone()
    return model


def export_onnx(
    model: CommentModel,
    path: Path,
    *,
    max_tokens: int,
    pad_id: int,
    calibration: list[Batch] | None = None,
    int8_embedding: bool = True,
) -> None:
    """Writes ``path``; the input is ``ids`` (rows, tokens) int64, the output ``logits``.

    With ``calibration``, batches of ids, the linear layers become int8, too; without
    ``int8_embedding`` the embedding is fp16 as the other weights are. Changes ``model``: see
    ``quantize_embedding``.
    """
    quantized = quantize_embedding(model.eval().float(), max_tokens=max_tokens, int8=int8_embedding)
    ids = torch.full((3, 8), pad_id + 1)  # any ids do; the shapes are declared free below
    ids[1, 6:] = pad_id
    rows = torch.export.Dim("rows", min=1, max=TOKEN_BUDGET)
    tokens = torch.export.Dim("tokens", min=2, max=max_tokens)
    program = torch.onnx.export(
        Network(quantized, pad_id).eval(),
        (ids,),
        dynamo=True,
        dynamic_shapes={"ids": {0: rows, 1: tokens}},
        input_names=["ids"],
        output_names=["logits"],
        optimize=True,
        verbose=False,
    )
    proto = cast(Any, program).model_proto
    if calibration is None:
        onnx.save(store_fp16(proto), str(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "float.onnx"
        onnx.save(proto, str(whole))
        quantize_int8(whole, path, calibration)


def store_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Large float32 constants become float16 with a Cast behind, which engines fold on loading."""
    graph = model.graph
    casts, kept = [], []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < FP16_FROM_ELEMENTS:
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        kept.append(numpy_helper.from_array(values, tensor.name + ".f16"))
        casts.append(
            helper.make_node("Cast", [tensor.name + ".f16"], [tensor.name], to=TensorProto.FLOAT)
        )
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    return model


def write_openvino_ir(model_file: Path) -> Path:
    """``model.xml`` and ``model.bin`` beside the ONNX file, weights in fp16."""
    import openvino

    target = model_file.with_suffix(".xml")
    openvino.save_model(openvino.convert_model(str(model_file)), str(target), compress_to_fp16=True)
    return target
