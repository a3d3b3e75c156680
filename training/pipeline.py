"""A finished run to a shipped model folder: export, calibrate on dev rows as served, gate, card."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from data.corpus import read_corpus
from nlp.analyzer import Analyzer
from nlp.artifact import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, file_hash, load_artifact
from nlp.batching import fill, plan_batches
from nlp.engines import load_engine
from nlp.heads import HEADS
from nlp.normalize import normalize
from nlp.scorer import Floats, NeuralScorer, load_scorer
from nlp.tokenizer import CommentTokenizer
from training.annotations import AGREED
from training.behaviour import run_suite
from training.calibrate import fit_temperatures, fit_thresholds
from training.card import write_card
from training.errors import TrainingError
from training.evaluate import as_rows, judged_sets, score_sets
from training.export import export_onnx, write_openvino_ir
from training.labelled import LabelledSet
from training.modeling import SLICES
from training.predict import predict
from training.quantize import Batch
from training.recipe import Recipe, recipe_from_record
from training.record import read_record
from training.runs import ENCODER_FILE, load_run

log = logging.getLogger(__name__)
JUDGED_ROWS: Final = 1_500  # of each dev set: scores, calibration
COMPARED_ROWS: Final = 300  # of each dev set: labels before and after storing
CALIBRATION_TEXTS: Final = 1_000  # for int8
SPEED_TEXTS: Final = 2_000
MODEL_LICENCE: Final = "the licence of the project, see LICENSE and NOTICE"
MAX_FLIPS: Final = 0.003  # share of dev labels per head that the stored weights may change


def export_run(
    run_dir: Path,
    out: Path,
    *,
    data_dir: Path,
    behaviour: Path | None = None,
    int8: bool = False,
    openvino_ir: bool = False,
    int8_embedding: bool = True,
) -> Path:
    """Writes the model folder ``out`` from ``run_dir/best.pt``.

    ``int8`` stores and computes the linear layers so; ``openvino_ir`` adds model.xml and model.bin
    for programs that read only those; without ``int8_embedding`` the file is a third larger and
    closer to the trained network. ``behaviour`` is the folder of the behavioural suite's cases,
    for the model card.

    Raises:
        TrainingError: ``run_dir`` is no run, or storing the weights in int8 and fp16 changes more
            labels than ``MAX_FLIPS`` allows; the folder then has no card.
    """
    record = read_record(run_dir)
    recipe = recipe_from_record(record["recipe"])
    dev = [_first(s, JUDGED_ROWS) for s in judged_sets(recipe, data_dir, split="dev")]
    compared = [_first(s, COMPARED_ROWS) for s in dev]
    out.mkdir(parents=True, exist_ok=True)
    exact = _write_network(run_dir, out, recipe, compared, int8=int8, embedding=int8_embedding)
    encoder = json.loads((run_dir / ENCODER_FILE).read_text(encoding="utf-8"))
    _write_config(out, recipe, encoder)
    stored = [_serve(out, s.texts, precision="f32") for s in compared]
    served = [_serve(out, s.texts, precision="auto") for s in dev]
    same = [values[:COMPARED_ROWS] for values in served]
    flips = {"stored": label_flips(exact, stored), "served": label_flips(exact, same)}
    _gate(flips["stored"])
    pairs = [(s, v) for s, v in zip(dev, served, strict=True) if s.name != AGREED]
    temperatures = fit_temperatures(pairs)
    thresholds = fit_thresholds(pairs, temperatures)
    results = iter(served)
    scores = score_sets(dev, lambda _: next(results), temperatures, thresholds)
    metrics: dict[str, Any] = {"dev": as_rows(scores), "flips_against_float32": flips}
    _write_config(out, recipe, encoder, temperatures, thresholds, metrics)
    metrics["comments_per_s"] = round(_speed(out))
    suite = run_suite(Analyzer(load_scorer(str(out))), behaviour) if behaviour else []
    metrics["behaviour"] = {s.name: round(s.passed, 4) for s in suite}
    _write_config(out, recipe, encoder, temperatures, thresholds, metrics)
    if openvino_ir:
        write_openvino_ir(out / MODEL_FILE)
    write_card(out, record, scores, flips, suite, speed=metrics["comments_per_s"])
    return out


def _first(labelled: LabelledSet, rows: int) -> LabelledSet:
    return labelled.take(range(min(rows, len(labelled))))


def label_flips(exact: list[Floats], served: list[Floats]) -> dict[str, float]:
    """Share of rows per head whose decision differs (sigmoid heads: of row-label pairs, at 0.5)."""
    a, b = np.concatenate(exact), np.concatenate(served)
    flips = {}
    for head in HEADS:
        part = SLICES[head.name]
        if head.exclusive:
            differs = a[:, part].argmax(-1) != b[:, part].argmax(-1)
        else:
            differs = (a[:, part] > 0) != (b[:, part] > 0)
        flips[head.name] = round(float(differs.mean()), 5)
    return flips


def _write_network(
    run_dir: Path, out: Path, recipe: Recipe, dev: list[LabelledSet], *, int8: bool, embedding: bool
) -> list[Floats]:
    """Writes tokenizer and network; gives the dev sets' logits before any rounding."""
    tokenizer = Tokenizer.from_file(str(run_dir / TOKENIZER_FILE))
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    comments = CommentTokenizer(tokenizer, max_tokens=recipe.max_tokens)
    model = load_run(run_dir, recipe)
    exact = [predict(model, s.texts, comments, autocast=False) for s in dev]
    export_onnx(
        model,
        out / MODEL_FILE,
        max_tokens=recipe.max_tokens,
        pad_id=comments.pad_id,
        calibration=_calibration(comments) if int8 else None,
        int8_embedding=embedding,
    )
    return exact


def _calibration(tokenizer: CommentTokenizer) -> list[Batch]:
    """Batches of the written corpus, in every length that it has."""
    step = max(1, len(read_corpus()) // CALIBRATION_TEXTS)
    ids = [e.ids for e in tokenizer.encode([normalize(r["text"]) for r in read_corpus()[::step]])]
    lengths = np.array([len(i) for i in ids], dtype=np.int64)
    return [fill(ids, batch, tokenizer.pad_id) for batch in plan_batches(lengths)]


def _gate(flips: dict[str, float]) -> None:
    log.info("label flips of the stored weights against float32: %s", flips)
    if max(flips.values()) > MAX_FLIPS:
        raise TrainingError(
            f"expected at most {MAX_FLIPS:.1%} labels per head changed by storing the weights, "
            f"found {flips}; train longer, or on more rows"
        )


def _serve(folder: Path, texts: list[str], *, precision: str) -> Floats:
    engine = load_engine("openvino", folder / MODEL_FILE, precision=precision)
    return NeuralScorer(load_artifact(str(folder)), engine).logits(texts).values


def _speed(folder: Path) -> float:
    """Comments of the written corpus per second, in batches, as served: the median of five runs."""
    texts = [normalize(row["text"]) for row in read_corpus()[:SPEED_TEXTS]]
    scorer = load_scorer(str(folder))
    rates = []
    for _ in range(6):  # the first one compiles the shapes
        start = time.perf_counter()
        scorer.logits(texts)
        rates.append(len(texts) / (time.perf_counter() - start))
    return float(np.median(rates[1:]))


def _write_config(
    out: Path,
    recipe: Recipe,
    encoder: dict[str, Any],
    temperatures: dict[str, float] | None = None,
    thresholds: dict[str, dict[str, float]] | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    config = {
        "name": recipe.name,
        "max_tokens": recipe.max_tokens,
        "heads": {head.name: list(head.labels) for head in HEADS},
        "temperatures": temperatures or {},
        "thresholds": thresholds or {},
        "files": {name: file_hash(out / name) for name in (MODEL_FILE, TOKENIZER_FILE)},
        "metrics": metrics or {},
        "encoder": encoder,
        "licence": {
            "model": MODEL_LICENCE,
            "base": recipe.base_licence,
            "data": {Path(s.file).stem: s.licence for s in recipe.sources},
        },
    }
    text = json.dumps(config, ensure_ascii=False, indent=1)
    (out / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
