"""Texts to logits: the three steps encode → infer → decode share this middle.

``NeuralScorer`` is the model; ``FakeScorer`` is a deterministic rule on the text for tests of
everything around it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from nlp.artifact import MODEL_FILE, TOKENIZER_FILE, Artifact, load_artifact
from nlp.batching import GPU_TOKEN_BUDGET, TOKEN_BUDGET, fill_flat, plan_batches, shapes
from nlp.engines import Engine, load_engine
from nlp.errors import StoppedError
from nlp.heads import HEADS, OUTPUT_SIZE, output_slices
from nlp.tokenizer import CommentTokenizer, Tokens

FAKE_MODEL: Final = "fake"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Logits:
    """``values`` (texts, OUTPUT_SIZE); ``truncated`` (texts,): the text had more tokens than the
    model reads.
    """

    values: Floats
    truncated: npt.NDArray[np.bool_]


class Scorer(Protocol):
    """Gives logits for normalised texts, in order."""

    model_version: str
    numerics: str  # what computes, e.g. "openvino bf16"; other numerics differ in the last digits
    temperatures: dict[str, float]
    thresholds: dict[str, dict[str, float]]

    def logits(self, normalized: list[str]) -> Logits:
        """One row per text: ``infer`` of ``encode``."""
        ...

    def encode(self, normalized: list[str]) -> Any:
        """The texts as ``infer`` takes them, so that tokenizing can run beside the network."""
        ...

    def infer(self, encoded: Any, *, stop: Callable[[], bool] | None = None) -> Logits:
        """One row per text. Raises StoppedError soon after ``stop`` says True."""
        ...


class NeuralScorer:
    """A model folder behind an engine. Safe to call from several threads; beyond ``streams`` calls
    take turns.
    """

    def __init__(
        self, artifact: Artifact, engine: Engine, *, budget: int = TOKEN_BUDGET, streams: int = 1
    ) -> None:
        self.artifact, self.engine, self._budget = artifact, engine, budget
        self.model_version = artifact.version
        self.numerics = f"{engine.name} {engine.precision}"
        self.temperatures, self.thresholds = artifact.temperatures, artifact.thresholds
        self.tokenizer = CommentTokenizer.load(
            artifact.path / TOKENIZER_FILE, max_tokens=artifact.max_tokens
        )
        self._streams = streams
        self._turn = threading.Semaphore(streams)

    def logits(self, normalized: list[str]) -> Logits:
        """See ``Scorer.logits``."""
        return self.infer(self.encode(normalized))

    def encode(self, normalized: list[str]) -> Tokens:
        """See ``Scorer.encode``."""
        return self.tokenizer.encode_flat(normalized)

    def infer(self, encoded: Tokens, *, stop: Callable[[], bool] | None = None) -> Logits:
        """See ``Scorer.infer``."""
        values = np.zeros((len(encoded.lengths), OUTPUT_SIZE), dtype=np.float32)
        for batch in plan_batches(encoded.lengths, budget=self._budget):
            if stop is not None and stop():
                raise StoppedError("expected to finish, was told to stop; run it again")
            padded = fill_flat(encoded, batch, self.tokenizer.pad_id)
            with self._turn:
                values[batch.rows] = self.engine.infer(padded)[: len(batch.rows)]
        return Logits(values=values, truncated=encoded.truncated)

    def warm_up(self, *, max_rows: int | None = None) -> int:
        """Runs every shape that can come once, so that no request pays for compiling; gives their
        number.
        """
        planned = [
            s
            for s in shapes(self.artifact.max_tokens, budget=self._budget)
            if max_rows is None or s[0] <= max_rows
        ]
        for shape in planned:
            for _ in range(self._streams):  # which take turns
                with self._turn:
                    self.engine.infer(np.full(shape, self.tokenizer.cls_id, dtype=np.int64))
        return len(planned)


def load_scorer(
    model: str | None = None,
    *,
    engine: str = "openvino",
    threads: int | None = None,
    precision: str = "auto",
    streams: int = 1,
    budget: int | None = None,
) -> Scorer:
    """The default model, or the one of this name or folder, ready to score.

    ``streams`` calls at a time share the threads; ``budget`` is the tokens of a full batch, and
    with it how many shapes there are. The name ``fake`` gives the ``FakeScorer``: for tests and
    trials without weights.
    """
    if model == FAKE_MODEL:
        return FakeScorer()
    artifact = load_artifact(model)
    loaded = load_engine(
        engine, artifact.path / MODEL_FILE, threads=threads, precision=precision, streams=streams
    )
    budget = budget or (GPU_TOKEN_BUDGET if engine == "cuda" else TOKEN_BUDGET)
    return NeuralScorer(artifact, loaded, budget=budget, streams=streams)


POSITIVE_WORDS: Final = ("好", "喜欢", "赞", "棒", "爱")
NEGATIVE_WORDS: Final = ("差", "烂", "坏", "难", "恶心")


UNSURE: Final = -1.5  # a probability of 0.18


class FakeScorer:
    """No weights: a few words decide. Each good word adds 3 to positive, each bad to negative.

    Of all other labels it is unsure, so that what the rules' words name holds.
    """

    model_version = "fake@000000000000"
    numerics = "fake"
    temperatures: dict[str, float] = {head.name: 1.0 for head in HEADS}  # noqa: RUF012
    thresholds: dict[str, dict[str, float]] = {}  # noqa: RUF012

    def logits(self, normalized: list[str]) -> Logits:
        """See ``Scorer.logits``; the same text always gets the same row."""
        values = np.stack([self._row(text) for text in normalized]) if normalized else self._none()
        return Logits(
            values=values, truncated=np.array([len(t) > 150 for t in normalized], dtype=bool)
        )

    def encode(self, normalized: list[str]) -> list[str]:
        """See ``Scorer.encode``: nothing to do."""
        return normalized

    def infer(self, encoded: list[str], *, stop: Callable[[], bool] | None = None) -> Logits:
        """See ``Scorer.infer``."""
        if stop is not None and stop():
            raise StoppedError("expected to finish, was told to stop; run it again")
        return self.logits(encoded)

    def _row(self, text: str) -> Floats:
        row = np.full(OUTPUT_SIZE, UNSURE, dtype=np.float32)
        slices = output_slices()
        good = sum(text.count(w) for w in POSITIVE_WORDS)
        bad = sum(text.count(w) for w in NEGATIVE_WORDS)
        row[slices["sentiment"]] = [3.0 * bad, 1.0, 3.0 * good]
        row[slices["emotion"]] = [3.0 * good, 0, 0, 0, 3.0 * bad, 0, 0, 1.0]
        if "茶" in text:
            row[slices["interest"].start + 2] = 4.0  # food
        if "加微信" in text:
            row[slices["flags"].start + 3] = 4.0  # spam
        return row

    def _none(self) -> Floats:
        return np.zeros((0, OUTPUT_SIZE), dtype=np.float32)
