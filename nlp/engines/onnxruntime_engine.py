"""ONNX Runtime in float32: the second engine, slower, against which the first is checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlp.errors import ModelError


class ONNXRuntimeEngine:
    """One inference session in f32."""

    name = "onnxruntime"
    precision = "f32"

    def __init__(self, model_file: Path, *, threads: int | None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                "expected the package onnxruntime, found it not installed; "
                "run `pip install onnxruntime` or use the engine openvino"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(model_file), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def infer(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See ``Engine.infer``."""
        return np.asarray(self._session.run(None, {self._input: ids})[0], dtype=np.float32)
