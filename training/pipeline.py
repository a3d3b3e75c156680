"""A finished run to a shipped model folder: export, calibrate on dev rows as served, gate, card."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from nlp.artifact import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, file_hash, load_artifact
from nlp.engines import load_engine
from nlp.heads import HEADS, output_slices
from nlp.scorer import Floats, NeuralScorer
from nlp.tokenizer import CommentTokenizer
from training.card import write_card
from training.calibrate import fit_temperatures, fit_thresholds
from training.errors import TrainingError
from training.evaluate import as_rows, score_sets
from training.export import export_onnx
from training.modeling import CommentModel, load_encoder
from training.predict import predict
from training.recipe import Recipe, recipe_from_record
from training.sources import LabelledSet, load_corpus, load_sources

log = logging.getLogger(__name__)
MAX_FLIPS = 0.003  # share of dev rows per head whose label the stored weights may change


def export_run(run_dir: Path, out: Path, *, data_dir: Path) -> Path:
    """Writes ``out`` from ``run_dir/best.pt``.

    Raises:
        TrainingError: storing the weights in int8 and fp16 changes more labels than ``MAX_FLIPS`` allows.
    """
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    recipe = recipe_from_record(record["recipe"])
    tokenizer = Tokenizer.from_file(str(run_dir / TOKENIZER_FILE))
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    comments = CommentTokenizer(tokenizer, max_tokens=recipe.max_tokens)
    dev = [*load_sources(recipe, data_dir, split="dev"), load_corpus(recipe, held_out=True)]
    model = load_run(run_dir, record)
    exact = [_exact(model, s, comments) for s in dev]
    export_onnx(model, out / MODEL_FILE, max_tokens=recipe.max_tokens, pad_id=comments.pad_id)
    _write_config(out, recipe, {}, {}, {})
    stored = [_serve(out, s.texts, precision="f32") for s in dev]
    served = [_serve(out, s.texts, precision="auto") for s in dev]
    flips = {"stored": label_flips(exact, stored), "served": label_flips(exact, served)}
    log.info("label flips against float32, stored weights and served precision: %s", flips)
    if max(flips["stored"].values()) > MAX_FLIPS:
        raise TrainingError(f"expected at most {MAX_FLIPS:.1%} flipped labels per head, found {flips}")
    pairs = list(zip(dev, served, strict=True))
    temperatures = fit_temperatures(pairs)
    thresholds = fit_thresholds(pairs, temperatures)
    results = iter(served)
    scores = score_sets(dev, lambda texts: next(results), temperatures)
    metrics = {"dev": as_rows(scores), "flips_against_float32": flips}
    _write_config(out, recipe, temperatures, thresholds, metrics)
    write_card(out, record, scores, flips)
    return out


def load_run(run_dir: Path, record: dict[str, Any]) -> CommentModel:
    """The best checkpoint of a run, in float32."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(**json.loads((run_dir / "encoder.json").read_text(encoding="utf-8")))
    encoder = AutoModel.from_config(config, attn_implementation="eager", **encoder_options(config))
    model = CommentModel(encoder, dropout=record["recipe"]["dropout"])
    model.load_state_dict(torch.load(run_dir / "best.pt", weights_only=True))
    return model.eval()


def encoder_options(config: Any) -> dict[str, Any]:
    """No pooler where the architecture has one: the heads read the last layer."""
    return {"add_pooling_layer": False} if config.model_type in ("bert", "ernie", "roberta") else {}


def label_flips(exact: list[Floats], served: list[Floats]) -> dict[str, float]:
    """Share of rows per head whose decision differs (sigmoid heads: of row-label pairs, at 0.5)."""
    a, b = np.concatenate(exact), np.concatenate(served)
    flips = {}
    for head in HEADS:
        part = output_slices()[head.name]
        if head.exclusive:
            differs = a[:, part].argmax(-1) != b[:, part].argmax(-1)
        else:
            differs = (a[:, part] > 0) != (b[:, part] > 0)
        flips[head.name] = round(float(differs.mean()), 5)
    return flips


def _exact(model: CommentModel, labelled: LabelledSet, tokenizer: CommentTokenizer) -> Floats:
    return predict(model, labelled.texts, tokenizer, autocast=False)


def _serve(folder: Path, texts: list[str], *, precision: str) -> Floats:
    engine = load_engine("openvino", folder / MODEL_FILE, precision=precision)
    return NeuralScorer(load_artifact(str(folder)), engine).logits(texts).values


def _write_config(
    out: Path,
    recipe: Recipe,
    temperatures: dict[str, float],
    thresholds: dict[str, dict[str, float]],
    metrics: dict[str, Any],
) -> None:
    config = {
        "name": recipe.name,
        "max_tokens": recipe.max_tokens,
        "heads": {head.name: list(head.labels) for head in HEADS},
        "temperatures": temperatures,
        "thresholds": thresholds,
        "files": {name: file_hash(out / name) for name in (MODEL_FILE, TOKENIZER_FILE)},
        "metrics": metrics,
    }
    text = json.dumps(config, ensure_ascii=False, indent=1)
    (out / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
