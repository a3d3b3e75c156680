"""How fast this machine multiplies matrices of the network's own shapes: the roof of the scoring stage.

In bf16 through PyTorch's oneDNN where the scoring runs in bf16, else in f32, on as many threads as it uses.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

ROWS: Final = 4_096
PASSES: Final = 15


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """One product of (rows, ``inputs``) with (``inputs``, ``outputs``), run ``times`` per token row."""

    inputs: int
    outputs: int
    times: int
    gflops: float

    @property
    def flop(self) -> int:
        """Operations a token."""
        return 2 * self.inputs * self.outputs * self.times


def measured(model_file: Path, *, precision: str) -> list[Gemm] | None:
    """The GFLOP/s of every shape that runs for each token; None without torch and onnx."""
    if not find_spec("torch") or not find_spec("onnx"):
        return None
    return [
        Gemm(inputs=k, outputs=n, times=times, gflops=_gflops(k, n, precision))
        for (k, n), times in Counter(gemm_shapes(model_file)).items()
    ]


def seconds_per_token(gemms: list[Gemm]) -> float:
    """How long the products alone take."""
    return sum(gemm.flop / gemm.gflops / 1e9 for gemm in gemms)


def table(gemms: list[Gemm], precision: str) -> str:
    """The shapes as a table."""
    lines = [f"| {precision} GEMM, rows x inputs x outputs | times | GFLOP/s |", "|---|---|---|"]
    lines += [f"| {ROWS} x {g.inputs} x {g.outputs} | {g.times} | {g.gflops:,.0f} |" for g in gemms]
    return "\n".join(lines)


def gemm_shapes(model_file: Path) -> list[tuple[int, int]]:
    """(inputs, outputs) of every matrix product with weights that runs for each token, in graph order."""
    import onnx

    graph = onnx.load(str(model_file)).graph
    made_by = {output: node for node in graph.node for output in node.output}
    dims = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        name = node.input[1]
        turned = False
        while name not in dims and name in made_by:  # through casts and transpositions
            turned ^= made_by[name].op_type == "Transpose"
            name = made_by[name].input[0]
        if len(dims.get(name, ())) == 2:
            k, n = dims[name]
            found.append((n, k) if turned or _is_transposed(node) else (k, n))
    hidden = found[0][0]
    return [(k, n) for k, n in found if hidden in (k, n) and (k % hidden == 0 and n % hidden == 0)]


def _is_transposed(node: Any) -> bool:
    return any(a.name == "transB" and a.i for a in node.attribute)


def _gflops(k: int, n: int, precision: str) -> float:
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(ROWS, k).to(kind), torch.randn(k, n).to(kind)
    times = []
    with torch.inference_mode():
        for _ in range(PASSES):
            start = time.perf_counter()
            torch.mm(a, b)
            times.append(time.perf_counter() - start)
    return 2 * ROWS * k * n / float(np.median(times[2:])) / 1e9
