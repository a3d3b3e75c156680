"""From labelled files to a model folder that serves: the whole path with a tiny BERT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from nlp.artifact import load_artifact, verify
from nlp.heads import HEADS, OUTPUT_SIZE
from nlp.scorer import Floats, load_scorer
from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import BAD, GOOD, tiny_recipe
from training import pipeline
from training.errors import TrainingError
from training.evaluate import evaluate_sets
from training.pipeline import export_run, label_flips
from training.predict import predict
from training.runs import load_run
from training.sources import load_sets

TEXTS = ["好", "车很烂", "这是我的饭，好香！", "差" * 40, "", "龘龘龘"]


def served(model_dir: Path, engine: str) -> Floats:
    return (
        load_scorer(str(model_dir), engine=engine, precision="f32", threads=1).logits(TEXTS).values
    )


def test_export_run_model_folder_is_whole(model_dir: Path) -> None:
    artifact = load_artifact(str(model_dir))
    assert verify(artifact) == []
    assert artifact.max_tokens == 32
    assert set(artifact.temperatures) == {head.name for head in HEADS}
    assert set(artifact.thresholds) == {head.name for head in HEADS if not head.exclusive}


def test_export_run_logits_agree_with_torch(run_dir: Path, model_dir: Path) -> None:
    tokenizer = Tokenizer.from_file(str(run_dir / "tokenizer.json"))
    comments = CommentTokenizer(tokenizer, max_tokens=32)
    exact = predict(load_run(run_dir, tiny_recipe()), TEXTS, comments, autocast=False)
    for engine in ("openvino", "onnxruntime"):  # int8 embedding and fp16 weights are the difference
        np.testing.assert_allclose(served(model_dir, engine), exact, atol=2e-2)


def test_export_run_engines_agree(model_dir: Path) -> None:
    openvino, onnxruntime = served(model_dir, "openvino"), served(model_dir, "onnxruntime")
    np.testing.assert_allclose(openvino, onnxruntime, atol=1e-4)


def test_export_run_model_has_learnt_the_words(model_dir: Path) -> None:
    logits = load_scorer(str(model_dir), threads=1).logits([GOOD[:3], BAD[:3]]).values
    assert logits[:, :3].argmax(-1).tolist() == [2, 0]


def test_export_run_card_holds_the_figures(run_dir: Path, model_dir: Path) -> None:
    card = (model_dir / "CARD.md").read_text(encoding="utf-8")
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    metrics = load_artifact(str(model_dir)).metrics
    assert card.startswith("# tiny-test\n")
    assert f"{record['pieces']:,} pieces" in card
    for name, entry in record["data"].items():
        assert f"| {name} | {entry['rows']} | not stated | `{entry['sha256']}` |" in card
    for row in metrics["dev"]:
        assert f"| {row['dataset']} | {row['head']} | {row['rows']} |" in card
        assert f"{100 * row['macro_f1']:.1f}" in card
    for share in metrics["flips_against_float32"]["stored"].values():
        assert f"{share:.2%}" in card


def test_evaluate_sets_gives_the_scores_of_the_export(model_dir: Path, data_dir: Path) -> None:
    scores = evaluate_sets(tiny_recipe(), str(model_dir), data_dir, split="dev")
    exported = load_artifact(str(model_dir)).metrics["dev"]
    found = [(s.dataset, s.head, round(s.score.accuracy, 4)) for s in scores]
    assert found == [(row["dataset"], row["head"], row["accuracy"]) for row in exported]
    assert {(s.dataset, s.head) for s in scores} >= {("reviews", "sentiment"), ("moods", "emotion")}


def test_export_run_too_many_flips_raises_without_card(
    run_dir: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "export_onnx", lambda *_, **__: None)
    monkeypatch.setattr(pipeline, "_write_config", lambda *_: None)
    rows = sum(len(s) for s in load_sets(tiny_recipe(), data_dir, split="dev"))
    wrong = np.random.default_rng(0).normal(size=(rows, OUTPUT_SIZE)).astype(np.float32)
    monkeypatch.setattr(pipeline, "_serve", lambda _, texts, **__: wrong[: len(texts)])
    with pytest.raises(TrainingError, match="labels per head changed"):
        export_run(run_dir, tmp_path, data_dir=data_dir)
    assert not (tmp_path / "CARD.md").exists()


def test_export_run_of_no_run_raises(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected a run folder"):
        export_run(tmp_path, tmp_path / "out", data_dir=tmp_path)


def test_export_run_before_first_evaluation_raises(
    run_dir: Path, data_dir: Path, tmp_path: Path
) -> None:
    for name in ("run.json", "encoder.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    with pytest.raises(TrainingError, match=r"best\.pt"):
        export_run(tmp_path, tmp_path / "out", data_dir=data_dir)


def test_label_flips_hand_computed() -> None:
    exact = np.full((4, OUTPUT_SIZE), -1.0, dtype=np.float32)
    changed = exact.copy()
    changed[0, 2] = 3.0  # sentiment of one of four rows
    changed[:2, 11] = 1.0  # one of 26 topics in two of four rows
    flips = label_flips([exact[:1], exact[1:]], [changed[:1], changed[1:]])
    nothing = {head.name: 0.0 for head in HEADS}
    assert flips == nothing | {"sentiment": 0.25, "interest": round(2 / 104, 5)}
