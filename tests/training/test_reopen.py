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
from tests.training.tiny import BAD, FOOD, GOOD
from training.errors import TrainingError
from training.predict import predict
from training.reopen import reopen

TEXTS = [GOOD, BAD[:2] + FOOD, "的了是", GOOD + BAD * 5]


def test_reopen_gives_the_served_logits(model_dir: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    model = reopen(model_dir, dropout=0.1)
    found = predict(model, TEXTS, CommentTokenizer(tokenizer, max_tokens=32), autocast=False)
    scorer = load_scorer(str(model_dir), engine="onnxruntime", precision="f32", threads=1)
    np.testing.assert_allclose(found, scorer.logits(TEXTS).values, atol=1e-4)


def test_reopen_configuration_without_encoder_raises(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "old")
    config = json.loads((tmp_path / "old" / "config.json").read_text(encoding="utf-8"))
    del config["encoder"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(TrainingError, match="export the model again"):
        reopen(tmp_path / "old", dropout=0.1)
