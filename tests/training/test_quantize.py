"""int8 by calibration and the OpenVINO files: close to the float network, and readable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from tokenizers import Tokenizer

from nlp.engines import load_engine
from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import BAD, GOOD, tiny_recipe
from training.export import export_onnx, write_openvino_ir
from training.predict import predict
from training.runs import load_run

TEXTS = [GOOD, BAD, "的了是我", GOOD[:2] + BAD[:1]]


@pytest.fixture(scope="module")
def tokenizer(run_dir: Path) -> CommentTokenizer:
    return CommentTokenizer(Tokenizer.from_file(str(run_dir / "tokenizer.json")), max_tokens=32)


def ids_of(tokenizer: CommentTokenizer) -> np.ndarray:
    ids = [e.ids for e in tokenizer.encode(TEXTS)]
    padded = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
    for row, values in zip(padded, ids, strict=True):
        row[: len(values)] = values
    return padded


def test_export_int8_is_close_to_the_float_network(
    run_dir: Path, tokenizer: CommentTokenizer, tmp_path: Path
) -> None:
    exact = predict(load_run(run_dir, tiny_recipe()), TEXTS, tokenizer, autocast=False)
    ids, path = ids_of(tokenizer), tmp_path / "model.onnx"
    export_onnx(load_run(run_dir, tiny_recipe()), path, max_tokens=32, pad_id=0, calibration=[ids])
    kinds = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert kinds.count("QuantizeLinear") >= 6  # the six linear layers of the one encoder layer
    found = load_engine("onnxruntime", path, threads=1).infer(ids)
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
    assert (found[:, :3].argmax(1) == exact[:, :3].argmax(1)).all()


def test_openvino_files_give_the_same_logits(model_dir: Path, tokenizer: CommentTokenizer) -> None:
    source = model_dir / "model.onnx"
    target = write_openvino_ir(source)
    ids = ids_of(tokenizer)
    core = openvino.Core()
    compiled = core.compile_model(str(target), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([ids])[0]
    expected = load_engine("onnxruntime", source, threads=1).infer(ids)
    np.testing.assert_allclose(found, expected, atol=2e-2)
    assert target.with_suffix(".bin").stat().st_size > 0
    target.unlink(), target.with_suffix(".bin").unlink()
