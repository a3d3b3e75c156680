"""ONNX Runtime in float32: on the CPU the second engine, against which the first is checked; on a
GPU the engine ``cuda``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nlp.errors import ModelError

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
# TF32 keeps 10 bits of a number where float32 keeps 23: other labels than on the CPU
_OPTIONS: Final[dict[str, dict[str, str]]] = {CUDA: {"use_tf32": "0"}}


class ONNXRuntimeEngine:
    """One inference session in f32 on one provider; what it cannot do there runs on the CPU."""

    precision = "f32"

    def __init__(self, model_file: Path, *, threads: int | None, provider: str = CPU) -> None:
        self.name = "cuda" if provider == CUDA else "onnxruntime"
        onnxruntime = _import(provider)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        wanted = [(provider, _OPTIONS.get(provider, {})), *([(CPU, {})] if provider != CPU else [])]
        self._session = onnxruntime.InferenceSession(str(model_file), options, providers=wanted)
        found = self._session.get_providers()
        if provider not in found:  # it says so only in its log, and goes on slowly
            raise ModelError(
                f"expected a GPU through {provider}, found {', '.join(found)}; check the driver "
                "with nvidia-smi, or use the engine openvino"
            )
        self._input = self._session.get_inputs()[0].name

    def infer(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See ``Engine.infer``."""
        return np.asarray(self._session.run(None, {self._input: ids})[0], dtype=np.float32)


def _import(provider: str) -> Any:
    """The module, when it is there and was built for the provider."""
    package = "onnxruntime" if provider == CPU else "onnxruntime-gpu"
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            f"expected the package {package}, found it not installed; "
            f"run `pip install {package}` or use the engine openvino"
        ) from error
    known = onnxruntime.get_available_providers()
    if provider not in known:
        raise ModelError(
            f"expected an ONNX Runtime with {provider}, found one with {', '.join(known)}; "
            "run `pip uninstall onnxruntime && pip install 'tingfeng[gpu]'`, or use the engine "
            "openvino"
        )
    return onnxruntime
