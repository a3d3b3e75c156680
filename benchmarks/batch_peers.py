"""Other ways to score the same comments, measured in the same run, each on a sample with a rate of its own.

The networks of the peers have the shape of the shipped model and random weights: the speed is the same, and no
weights have to be fetched. What is not installed is named as such. All use as many threads as they please.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from benchmarks.batch_gemm import gemm_shapes
from nlp.artifact import MODEL_FILE, TOKENIZER_FILE
from nlp.engines import load_engine
from nlp.scorer import NeuralScorer
from nlp.tokenizer import Tokens

PADDED_BATCH: Final = 32
PASSES: Final = 2  # the faster one counts, after one that does not
SLOW_TEXTS: Final = 300  # for ways that take one text at a time
HEADS: Final = 12

Peer = tuple[str, Callable[[list[str]], Any] | None, int]


def peer_rates(scorer: NeuralScorer, texts: list[str]) -> Iterator[tuple[str, int, float | None]]:
    """Name, number of comments and comments/s of each way, as it is measured; None: not installed."""
    for name, run, most in _peers(scorer):
        sample = texts[:: math.ceil(len(texts) / most)] if len(texts) > most else texts
        yield (
            name,
            len(sample),
            best_rate(lambda r=run, s=sample: r(s), len(sample)) if run else None,
        )


def best_rate(run: Callable[[], Any], texts: int, passes: int = PASSES) -> float:
    """Texts a second of the fastest of some passes after a first that does not count."""
    run()
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return texts / min(times)


def _peers(scorer: NeuralScorer) -> Iterator[Peer]:
    has_torch = bool(find_spec("transformers") and find_spec("torch"))
    pipe = _pipeline(scorer) if has_torch else None
    one = (lambda texts: [pipe(text) for text in texts]) if pipe else None
    yield "transformers pipeline, f32, a text at a time", one, SLOW_TEXTS
    many = (lambda texts: pipe(texts, batch_size=PADDED_BATCH)) if pipe else None
    yield f"transformers pipeline, f32, batch_size={PADDED_BATCH}", many, 10**9
    if find_spec("sentence_transformers"):
        yield "sentence-transformers encode, f32", _sentence_encoder(scorer), 10**9
    else:
        yield "sentence-transformers encode", None, 10**9
        loop = _mean_pool(scorer) if has_torch else None
        yield "the same as a loop in torch: sorted by length, 32 a batch, mean pool", loop, 10**9
    yield f"ONNX Runtime f32, padded batches of {PADDED_BATCH}, arrival order", _onnx(scorer), 10**9
    yield "SnowNLP", _snow() if find_spec("snownlp") else None, SLOW_TEXTS


def _onnx(scorer: NeuralScorer) -> Callable[[list[str]], Any] | None:
    if not find_spec("onnxruntime"):
        return None
    engine = load_engine("onnxruntime", scorer.artifact.path / MODEL_FILE)
    return lambda texts: _padded(engine, scorer.encode(texts), scorer.tokenizer.pad_id)


def _snow() -> Callable[[list[str]], Any]:
    from snownlp import SnowNLP

    return lambda texts: [SnowNLP(text).sentiments for text in texts]


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
        num_hidden_layers=sum(shape == (hidden, wide) for shape in shapes),
        num_attention_heads=HEADS,
        num_labels=3,
    )
    return getattr(transformers, kind)(config).eval(), tokenizer


def _pipeline(scorer: NeuralScorer) -> Any:
    import transformers

    transformers.logging.set_verbosity_error()  # else a hint at each call that GPUs like batches
    model, tokenizer = _bert(scorer, "BertForSequenceClassification")
    return transformers.pipeline(
        "text-classification", model=model, tokenizer=tokenizer, device="cpu", truncation=True
    )


def _mean_pool(scorer: NeuralScorer) -> Callable[[list[str]], Any]:
    """What ``SentenceTransformer.encode`` does: longest first, padded batches, mean over tokens."""
    import torch

    model, tokenizer = _bert(scorer, "BertModel")

    def encode(texts: list[str]) -> list[Any]:
        order = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
        found: list[Any] = [None] * len(texts)
        for start in range(0, len(order), PADDED_BATCH):
            rows = order[start : start + PADDED_BATCH]
            batch = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                states = model(**batch).last_hidden_state
            held = batch["attention_mask"].unsqueeze(-1)
            means = (states * held).sum(1) / held.sum(1)
            for row, mean in zip(rows, means.numpy(), strict=True):
                found[row] = mean
        return found

    return encode


def _sentence_encoder(scorer: NeuralScorer) -> Callable[[list[str]], Any]:
    import tempfile

    import sentence_transformers

    model, tokenizer = _bert(scorer, "BertModel")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        encoder = sentence_transformers.SentenceTransformer(folder, device="cpu")
    return lambda texts: encoder.encode(texts, batch_size=PADDED_BATCH, show_progress_bar=False)
