"""Which precision is asked for, and what a wrong engine or precision says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlp.artifact import MODEL_FILE, load_artifact
from nlp.batching import GPU_TOKEN_BUDGET
from nlp.engines import load_engine, onnxruntime_engine
from nlp.engines.onnxruntime_engine import ONNXRuntimeEngine
from nlp.engines.openvino_engine import resolve_precision
from nlp.errors import ModelError
from nlp.scorer import NeuralScorer, load_scorer


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx512f amx_bf16 amx_tile", "bf16"),
        ("avx512f avx512_bf16", "bf16"),
        ("avx2 avx512f", "f32"),
        ("", "f32"),
    ],
)
def test_auto_precision_is_bf16_only_where_native(flags: str, precision: str) -> None:
    assert resolve_precision("auto", flags) == precision


def test_precision_given_is_kept() -> None:
    assert resolve_precision("f32", "amx_bf16") == "f32"


@pytest.mark.parametrize(("engine", "precision"), [("tensorflow", "auto"), ("openvino", "int4")])
def test_load_engine_with_wrong_name_says_the_choice(engine: str, precision: str) -> None:
    with pytest.raises(ModelError, match="expected"):
        load_engine(engine, Path("model.onnx"), precision=precision)


def test_gpu_engine_without_a_gpu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: [onnxruntime_engine.CPU], raising=True
    )
    with pytest.raises(ModelError, match=r"CUDAExecutionProvider.*tingfeng\[gpu\]"):
        load_engine("cuda", Path("model.onnx"))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_gpu_engine_that_falls_back_to_the_cpu_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ONNX Runtime goes on without the GPU when its driver is missing; only a log says so."""
    providers = [onnxruntime_engine.CUDA, onnxruntime_engine.CPU]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    artifact = load_artifact()
    with pytest.raises(ModelError, match="expected a GPU through CUDAExecutionProvider"):
        load_engine("cuda", artifact.path / MODEL_FILE, threads=1)


def test_large_batches_as_on_a_gpu_give_the_same_logits() -> None:
    """The GPU engine on the CPU's provider, with the batches that it gets."""
    artifact = load_artifact()
    engine = ONNXRuntimeEngine(artifact.path / MODEL_FILE, threads=1)
    texts = [f"第{n}杯茶" + "很好喝" * (n % 5) for n in range(60)]
    large = NeuralScorer(artifact, engine, budget=GPU_TOKEN_BUDGET).logits(texts).values
    usual = NeuralScorer(artifact, engine).logits(texts).values
    served = load_scorer(precision="f32", threads=1).logits(texts).values
    assert np.abs(large - usual).max() < 1e-4 and np.abs(large - served).max() < 1e-3
