"""Post-training int8 of the linear layers, with activation ranges from real comments.

Static quantization in the QDQ form that both engines read: weights per channel, activations per
tensor, the products of attention left in floating point. The gate of the export decides whether the
labels stay close enough to be shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Batch = npt.NDArray[np.int64]


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Batches of ids, (rows, tokens) each, in the form that the calibrator asks for."""

    def __init__(self, batches: list[Batch]) -> None:
        self._left: Iterator[dict[str, Batch]] = iter([{"ids": ids} for ids in batches])

    def get_next(self) -> dict[str, Batch] | None:
        return next(self._left, None)


def quantize_int8(source: Path, target: Path, batches: list[Batch]) -> None:
    """Writes ``target`` from the float network ``source``; ``batches`` show the activations."""
    quantize_static(
        str(source),
        str(target),
        _Reader(batches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul", "Gemm"],
        nodes_to_exclude=_without_weights(onnx.load(str(source)).graph),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def _without_weights(graph: Any) -> list[str]:
    """Products of two activations: attention scores and their values."""
    stored = {tensor.name for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type == "MatMul" and not stored.intersection(node.input)
    ]
