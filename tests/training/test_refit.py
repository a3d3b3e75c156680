"""A refitted head gets better on dev, the others stay bit by bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import BAD, FOOD, labelled, tiny_recipe
from training.labelled import LabelledSet
from training.modeling import SLICES
from training.refit import refit


def risky(rows: int) -> LabelledSet:
    """A third of the texts hold 臭 and are a matter of food safety; every risk is known."""
    made = labelled(rows=rows)
    made.texts = [FOOD[i % 4] + ("臭" if i % 3 == 0 else "的") + BAD[i % 3] for i in range(rows)]
    made.targets["risks"][:] = 0
    made.targets["risks"][:, 0] = [i % 3 == 0 for i in range(rows)]
    made.weights["risks"][:] = 1.0
    return made


def test_refit_changes_its_head_for_the_better_and_no_other(run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(run_dir, tmp_path / "run")
    tokenizer = CommentTokenizer(
        Tokenizer.from_file(str(run_dir / "tokenizer.json")), max_tokens=32
    )
    recipe = tiny_recipe(refit_heads=("risks",))
    unknown = labelled("reviews", rows=5)  # knows no risk: must be left out
    refit(recipe, tmp_path / "run", [risky(90), unknown], [risky(30)], tokenizer)
    old, new = (torch.load(r / "best.pt", weights_only=True) for r in (run_dir, tmp_path / "run"))
    part = SLICES["risks"]
    kept = np.r_[0 : part.start, part.stop : len(old["heads.bias"])]
    assert torch.equal(old["heads.weight"][kept], new["heads.weight"][kept])
    assert not torch.equal(old["heads.weight"][part], new["heads.weight"][part])
    same = [name for name in old if not name.startswith("heads")]
    assert all(torch.equal(old[name], new[name]) for name in same)


def test_refit_finds_the_label(run_dir: Path, tmp_path: Path) -> None:
    from training.predict import predict
    from training.runs import load_run

    shutil.copytree(run_dir, tmp_path / "run")
    pieces = Tokenizer.from_file(str(run_dir / "tokenizer.json"))
    tokenizer = CommentTokenizer(pieces, max_tokens=32)
    recipe = tiny_recipe(refit_heads=("risks",))
    refit(recipe, tmp_path / "run", [risky(90)], [risky(30)], tokenizer)
    judged = risky(60)
    logits = predict(load_run(tmp_path / "run", recipe), judged.texts, tokenizer)
    found = logits[:, SLICES["risks"].start]
    truth = judged.targets["risks"][:, 0] == 1
    assert found[truth].min() > found[~truth].max()
