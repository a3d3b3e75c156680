"""A shipped model folder opened again scores as it does when served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from nlp.scorer import load_scorer
from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import BAD, FOOD, GOOD, tiny_recipe
from training.errors import TrainingError
from training.export import export_onnx
from training.predict import predict
from training.reopen import reopen
from training.runs import load_run

TEXTS = [GOOD, BAD[:2] + FOOD, "的了是", GOOD + BAD * 5]


def test_reopen_gives_the_served_logits(model_dir: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    model = reopen(model_dir, dropout=0.1)
    found = predict(model, TEXTS, CommentTokenizer(tokenizer, max_tokens=32), autocast=False)
    scorer = load_scorer(str(model_dir), engine="onnxruntime", precision="f32", threads=1)
    np.testing.assert_allclose(found, scorer.logits(TEXTS).values, atol=1e-4)


def test_reopen_of_an_fp16_embedding(run_dir: Path, model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "model")
    network = load_run(run_dir, tiny_recipe())
    exact = network.encoder.get_input_embeddings().weight.detach().clone()
    path = tmp_path / "model" / "model.onnx"
    export_onnx(network, path, max_tokens=32, pad_id=0, int8_embedding=False)
    found = reopen(tmp_path / "model", dropout=0.1).encoder.get_input_embeddings().weight
    np.testing.assert_allclose(found.detach(), exact, atol=1e-3)


def test_reopen_configuration_without_encoder_raises(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "old")
    config = json.loads((tmp_path / "old" / "config.json").read_text(encoding="utf-8"))
    del config["encoder"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(TrainingError, match="export the model again"):
        reopen(tmp_path / "old", dropout=0.1)
