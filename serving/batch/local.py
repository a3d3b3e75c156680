"""Scoring on this machine: windows through overlapping stages.

read → prepare (normalise, find equal texts) → tokenize → model → finish (labels, columns), and
beside tokenizing and model the words: keywords and rules. Saving and writing is the caller's, also
at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from data.columns import SCORES
from nlp.analyzer import Analyzer
from nlp.columns import RuleFindings
from nlp.errors import StoppedError
from nlp.heads import OUTPUT_SIZE
from nlp.scorer import Logits
from serving.batch import cache
from serving.batch.isolate import isolate
from serving.batch.job import Saved
from serving.batch.stages import Line, StageTimes
from serving.batch.windows import Window

Findings = tuple[list[list[str]], list[RuleFindings]]
FindSaved = Callable[[Window], Saved | None]


@dataclass(frozen=True, kw_only=True)
class ScoredWindow:
    """One row of ``scores`` per kept row; ``failed`` has reasons by row of those without a score;
    ``saved`` is the window as an earlier run finished it, and then there are no scores.
    """

    window: Window
    scores: pa.Table | None = None
    failed: dict[int, str] = field(default_factory=dict)
    saved: Saved | None = None


@dataclass(kw_only=True)
class _Work:
    window: Window
    saved: Saved | None
    plan: cache.WindowPlan
    encoded: Any = None
    fault: Exception | None = None  # what tokenizing said; told apart by text in the model stage
    words: Future[tuple[Findings, dict[int, str]]] | None = None
    logits: Logits | None = None
    failed: dict[int, str] = field(default_factory=dict)


class LocalEngine:
    """Windows in, scored windows out, in order; ``stages`` tells afterwards where the time went."""

    def __init__(self, analyzer: Analyzer, *, cache_bytes: int | None = None) -> None:
        self._analyzer, self._scorer = analyzer, analyzer.scorer
        self._plan = cache.TextPlan(cache.LIMIT_BYTES if cache_bytes is None else cache_bytes)
        self._memory = cache.ScoreMemory()
        self._blank = analyzer.columns(_no_logits(0), [], [])
        names = ("read", "prepare", "tokenize", "words", "model", "finish")
        self._times = {name: StageTimes(name=name) for name in names}

    @property
    def stages(self) -> list[StageTimes]:
        """What every stage did, in order."""
        return list(self._times.values())

    def run(
        self, windows: Iterable[Window], find_saved: FindSaved
    ) -> Generator[ScoredWindow, None, None]:
        """Scores the windows that ``find_saved`` does not know."""
        steps: dict[str, Callable[[Any], Any]] = {
            "prepare": lambda window: self._prepare(window, find_saved),
            "tokenize": self._tokenize,
            "model": self._infer,
            "finish": self._finish,
        }
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="words") as beside:
            self._beside = beside
            self._line = Line([(self._times[name], step) for name, step in steps.items()])
            results = self._line.run(windows, self._times["read"])
            try:
                yield from results
            finally:
                results.close()
                beside.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, window: Window, find_saved: FindSaved) -> _Work:
        self._count("read", window.kept)
        self._count("prepare", window.kept)
        return _Work(window=window, saved=find_saved(window), plan=self._plan.plan(window.texts))

    def _tokenize(self, work: _Work) -> _Work:
        if work.saved is None:
            work.words = self._beside.submit(self._find_words, work.plan.texts)
            try:
                work.encoded = self._scorer.encode(work.plan.texts)
            except Exception as error:
                work.fault = error
            self._count("tokenize", work.window.kept)
        return work

    def _find_words(self, texts: list[str]) -> tuple[Findings, dict[int, str]]:
        start = time.perf_counter()
        try:
            return self._analyzer.findings(texts), {}
        except Exception as error:
            done, failed = isolate(self._analyzer.findings, texts, error)
            words: list[list[str]] = [[] for _ in texts]
            rules = [RuleFindings() for _ in texts]
            for at, (some_words, some_rules) in done:
                words[at : at + len(some_words)] = some_words
                rules[at : at + len(some_rules)] = some_rules
            return (words, rules), failed
        finally:
            self._times["words"].busy_s += time.perf_counter() - start
            self._count("words", len(texts))

    def _infer(self, work: _Work) -> _Work:
        if work.saved is not None:
            return work
        start = time.perf_counter()
        try:
            if work.fault is not None:
                raise work.fault
            work.logits = self._scorer.infer(work.encoded, stop=self._is_stopped)
        except StoppedError:
            raise
        except Exception as error:
            done, work.failed = isolate(self._scorer.logits, work.plan.texts, error)
            work.logits = _no_logits(len(work.plan.texts))
            for at, some in done:
                work.logits.values[at : at + len(some.values)] = some.values
                work.logits.truncated[at : at + len(some.values)] = some.truncated
        work.encoded = None
        self._analyzer.inference_s += time.perf_counter() - start
        self._count("model", work.window.kept)
        return work

    def _is_stopped(self) -> bool:
        return self._line.stopped

    def _finish(self, work: _Work) -> ScoredWindow:
        plan = work.plan
        self._count("finish", work.window.kept)
        if work.saved is not None:
            self._take_over(plan, work.saved)
            return ScoredWindow(window=work.window, saved=work.saved)
        assert work.words is not None and work.logits is not None
        start = time.perf_counter()
        (words, rules), failed = work.words.result()
        waited = time.perf_counter() - start
        self._times["finish"].starved_s += waited
        self._times["finish"].busy_s -= waited
        columns = self._analyzer.columns(work.logits, words, rules)
        scores = cache.mark_cut(columns.slice(0, len(plan.texts)), plan.cut)
        self._memory.add(plan, scores, failed | work.failed)
        return ScoredWindow(
            window=work.window,
            scores=self._memory.rows(plan, self._blank),
            failed=self._memory.failures(plan),
        )

    def _take_over(self, plan: cache.WindowPlan, saved: Saved) -> None:
        table = saved.table.select(SCORES.names).cast(SCORES)
        failed = {
            at: saved.failed[int(row)]
            for at, row in enumerate(plan.first)
            if int(row) in saved.failed
        }
        self._memory.add(plan, cache.scores_again(plan, table, saved.failed), failed)

    def _count(self, stage: str, rows: int) -> None:
        self._times[stage].rows += rows


def _no_logits(texts: int) -> Logits:
    return Logits(
        values=np.zeros((texts, OUTPUT_SIZE), dtype=np.float32),
        truncated=np.zeros(texts, dtype=bool),
    )
