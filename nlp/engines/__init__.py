"""Inference engines: token ids in, logits out. One artifact, ``model.onnx``, is read by both.

``openvino`` is the default; ``onnxruntime`` (extra ``training``, or installed by hand) is the
second engine and the parity oracle; ``cuda`` is the same on a GPU (extra ``gpu``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from nlp.errors import ModelError

ENGINES: Final = ("openvino", "onnxruntime", "cuda")
PRECISIONS: Final = ("auto", "bf16", "f32")


class Engine(Protocol):
    """Runs the network. ``name`` and ``precision`` say what really computes, e.g. ``openvino`` and
    ``bf16``.
    """

    name: str
    precision: str

    def infer(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """(rows, tokens) padded with 0 in, (rows, OUTPUT_SIZE) logits out."""
        ...


def load_engine(
    name: str,
    model_file: Path,
    *,
    threads: int | None = None,
    precision: str = "auto",
    streams: int = 1,
) -> Engine:
    """Loads ``model_file`` with an engine of ``ENGINES``; ``threads`` None means one per core.

    They are shared by ``streams`` calls at a time: with one thread each, several threads that have
    few texts do more than one that has all.

    Raises:
        ModelError: unknown engine or precision, or the engine's package is not installed.
    """
    if precision not in PRECISIONS:
        raise ModelError(
            f"expected a precision out of {', '.join(PRECISIONS)}, found {precision!r}"
        )
    if name == "openvino":
        from nlp.engines.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(model_file, threads=threads, precision=precision, streams=streams)
    if name in ("onnxruntime", "cuda"):
        from nlp.engines.onnxruntime_engine import CPU, CUDA, ONNXRuntimeEngine

        provider = CUDA if name == "cuda" else CPU
        each = threads if threads is None else max(1, threads // streams)
        return ONNXRuntimeEngine(model_file, threads=each, provider=provider)
    raise ModelError(f"expected an engine out of {', '.join(ENGINES)}, found {name!r}")
