"""Other ways to score the same texts, measured in the same run, and the share of the GEMM roofline.

The encoders of the peers have the shape of the shipped model and random weights: the speed is the same, and no
weights have to be fetched. What is not installed is named as such.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nlp.artifact import MODEL_FILE, TOKENIZER_FILE
from nlp.engines import load_engine
from nlp.normalize import normalize
from nlp.scorer import NeuralScorer, load_scorer
from nlp.tokenizer import Tokens

PADDED_BATCH = 32
SNOWNLP_TEXTS = 300  # it is slow


def peers_table(texts: list[str]) -> str:
    """Comments/s of ours and of each peer, and what share of the GEMM speed ours reaches."""
    scorer = load_scorer()
    assert isinstance(scorer, NeuralScorer)
    normalized = [normalize(text) for text in texts]
    ours = _rate(lambda: scorer.logits(normalized), len(texts))
    rows = [(f"ours, the scoring stage alone ({scorer.numerics})", ours)]
    for name, run, count in _peers(scorer, normalized):
        rows.append((name, _rate(run, count) if run else None))
    lines = [
        f"{len(texts):,} texts of the dump, in arrival order\n",
        "| way | comments/s | ours is faster by |",
        "|---|---|---|",
    ]
    for name, rate in rows:
        told = "not installed | –" if rate is None else f"{rate:,.0f} | {ours / rate:.1f} x"
        lines.append(f"| {name} | {told} |")
    return (
        "\n".join(lines) + "\n\n" + roofline(scorer, scorer.encode(normalized), len(texts) / ours)
    )


def _peers(
    scorer: NeuralScorer, texts: list[str]
) -> list[tuple[str, Callable[[], Any] | None, int]]:
    n = len(texts)
    found: list[tuple[str, Callable[[], Any] | None, int]] = []
    padded = None
    if find_spec("onnxruntime"):
        engine = load_engine("onnxruntime", scorer.artifact.path / MODEL_FILE)
        padded = lambda: _padded(engine, scorer.encode(texts), scorer.tokenizer.pad_id)  # noqa: E731
    found.append((f"ONNX Runtime f32, padded batches of {PADDED_BATCH}, arrival order", padded, n))
    pipe = _pipeline(scorer) if find_spec("transformers") and find_spec("torch") else None
    for size in (1, PADDED_BATCH):
        run = (lambda s=size: pipe(texts, batch_size=s)) if pipe else None
        found.append((f"transformers pipeline, batch {size}", run, n))
    encode = _sentence_encoder(scorer) if find_spec("sentence_transformers") else None
    found.append(("sentence-transformers encode", (lambda: encode(texts)) if encode else None, n))
    snow = None
    if find_spec("snownlp"):
        from snownlp import SnowNLP

        snow = lambda: [SnowNLP(t).sentiments for t in texts[:SNOWNLP_TEXTS] if t]  # noqa: E731
    found.append(("SnowNLP", snow, min(n, SNOWNLP_TEXTS)))
    return found


def _rate(run: Callable[[], Any], texts: int, passes: int = 3) -> float:
    run()
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return texts / float(np.median(times))


def _padded(engine: Any, tokens: Tokens, pad_id: int) -> None:
    for start in range(0, len(tokens.lengths), PADDED_BATCH):
        rows = range(start, min(start + PADDED_BATCH, len(tokens.lengths)))
        ids = np.full((len(rows), int(tokens.lengths[rows].max())), pad_id, dtype=np.int64)
        for at, row in enumerate(rows):
            ids[at, : tokens.lengths[row]] = tokens.ids[tokens.starts[row] :][: tokens.lengths[row]]
        engine.infer(ids)


def _bert(scorer: NeuralScorer, kind: str) -> tuple[Any, Any]:
    """A transformers model of the shipped model's shape, and its tokenizer."""
    import transformers

    shapes = gemm_shapes(scorer.artifact.path / MODEL_FILE)
    hidden = shapes[0][0]
    wide = max(n for _, n in shapes)
    layers = sum(shape == (hidden, wide) for shape in shapes)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(scorer.artifact.path / TOKENIZER_FILE),
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        model_max_length=scorer.artifact.max_tokens,
    )
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=wide,
        num_hidden_layers=layers,
        num_attention_heads=12,
        num_labels=3,
    )
    return getattr(transformers, kind)(config).eval(), tokenizer


def _pipeline(scorer: NeuralScorer) -> Any:
    import transformers

    model, tokenizer = _bert(scorer, "BertForSequenceClassification")
    return transformers.pipeline(
        "text-classification", model=model, tokenizer=tokenizer, device="cpu", truncation=True
    )


def _sentence_encoder(scorer: NeuralScorer) -> Callable[[list[str]], Any]:
    import sentence_transformers

    model, tokenizer = _bert(scorer, "BertModel")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        encoder = sentence_transformers.SentenceTransformer(folder, device="cpu")
    return lambda texts: encoder.encode(texts, batch_size=PADDED_BATCH, show_progress_bar=False)


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


def roofline(scorer: NeuralScorer, tokens: Tokens, seconds: float) -> str:
    """What share of the time the matrix products alone would take, at the model's shapes in bf16."""
    if not find_spec("torch") or not find_spec("onnx"):
        return "roofline: torch and onnx are not installed"
    import torch

    shapes = gemm_shapes(scorer.artifact.path / MODEL_FILE)
    rows = 4_096
    per_token = 0.0
    with torch.inference_mode():
        for k, n in shapes:
            a, b = torch.randn(rows, k).bfloat16(), torch.randn(k, n).bfloat16()
            times = []
            for _ in range(12):
                start = time.perf_counter()
                torch.mm(a, b)
                times.append(time.perf_counter() - start)
            per_token += float(np.median(times[2:])) / rows
    total = int(tokens.lengths.sum())
    flop = 2 * sum(k * n for k, n in shapes)
    return (
        f"{total:,} tokens, {flop / 1e6:.1f} MFLOP of GEMM a token; bf16 GEMM at these shapes: "
        f"{flop / per_token / 1e9:,.0f} GFLOP/s; the scoring stage reaches {flop * total / seconds / 1e9:,.0f}, "
        f"{per_token * total / seconds:.0%} of it"
    )
