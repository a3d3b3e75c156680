"""OpenVINO on the CPU, the default engine.

The precision is always set: left alone, OpenVINO takes bf16 on some processors and f32 on others,
so the same model
would give different numbers on different machines. ``auto`` means bf16 where the processor computes
it natively.
"""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt
import openvino as ov

NATIVE_BF16_FLAGS = ("amx_bf16", "avx512_bf16")


class OpenVINOEngine:
    """The model compiled once for each of ``streams`` calls at a time, which share the threads
    evenly: what a lane has seen of shapes is then known, unlike with OpenVINO's own streams.
    """

    name = "openvino"

    def __init__(
        self, model_file: Path, *, threads: int | None, precision: str, streams: int = 1
    ) -> None:
        self.precision = resolve_precision(precision)
        options: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = max(1, threads // streams)
        if streams > 1:
            options["ENABLE_CPU_PINNING"] = False  # each lane would be bound to the first core
        core = ov.Core()
        model = core.read_model(str(model_file))
        self._lanes: SimpleQueue[ov.InferRequest] = SimpleQueue()  # first in, first out
        for _ in range(streams):
            compiled = core.compile_model(model, "CPU", options)
            self._lanes.put(compiled.create_infer_request())

    def infer(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See ``Engine.infer``."""
        request = self._lanes.get()
        try:
            outputs = request.infer([ids], share_inputs=True)
            return np.array(outputs[0], dtype=np.float32)
        finally:
            self._lanes.put(request)


def resolve_precision(precision: str, cpu_flags: str | None = None) -> str:
    """``auto`` becomes bf16 where /proc/cpuinfo names a native instruction for it, else f32."""
    if precision != "auto":
        return precision
    flags = _cpu_flags() if cpu_flags is None else cpu_flags
    return "bf16" if any(flag in flags.split() for flag in NATIVE_BF16_FLAGS) else "f32"


def _cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
