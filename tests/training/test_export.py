"""What storing the weights small costs; the torch reference reads each text by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from nlp.heads import OUTPUT_SIZE
from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import tiny_recipe
from training.export import Int8Embedding, store_fp16
from training.predict import predict
from training.runs import load_run


@settings(deadline=None)  # other work on the machine must not fail a test
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_int8_embedding_error_is_at_most_half_a_step(seed: int, size: float) -> None:
    weight = size * torch.randn(7, 5, generator=torch.Generator().manual_seed(seed))
    error = (Int8Embedding(weight)(torch.arange(7)) - weight).abs()
    half_step = weight.abs().amax(-1, keepdim=True) / 127 / 2
    assert (error <= half_step * 1.001).all()


def test_int8_embedding_zero_row_stays_zero() -> None:
    embedding = Int8Embedding(torch.zeros(2, 4))
    assert not embedding(torch.tensor([[0, 1]])).any()
    assert embedding.rows.dtype == torch.int8


def test_store_fp16_casts_large_constants_only() -> None:
    large, small = np.full((40, 40), 0.1, np.float32), np.ones(4, np.float32)
    tensors = [onnx.numpy_helper.from_array(v, n) for n, v in (("large", large), ("small", small))]
    graph = onnx.helper.make_graph([], "g", [], [], initializer=tensors)
    stored = store_fp16(onnx.helper.make_model(graph)).graph
    assert {t.name: t.data_type for t in stored.initializer} == {
        "large.f16": onnx.TensorProto.FLOAT16,
        "small": onnx.TensorProto.FLOAT,
    }
    assert [(n.op_type, n.output[0]) for n in stored.node] == [("Cast", "large")]


@pytest.mark.parametrize("autocast", [False, True])
def test_predict_gives_each_text_its_own_logits(autocast: bool, run_dir: Path) -> None:
    tokenizer = Tokenizer.from_file(str(run_dir / "tokenizer.json"))
    comments = CommentTokenizer(tokenizer, max_tokens=32)
    model = load_run(run_dir, tiny_recipe())
    texts = ["好" * n for n in (30, 1, 7, 90, 2)]
    together = predict(model, texts, comments, autocast=autocast)
    alone = [predict(model, [t], comments, autocast=autocast)[0] for t in texts]
    np.testing.assert_allclose(together, alone, atol=0.1 if autocast else 1e-4)
    assert predict(model, [], comments).shape == (0, OUTPUT_SIZE)
