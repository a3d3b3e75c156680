"""Everything behind the routes: model, queue, cache, keys, store, jobs, metrics.

Built without work; ``load`` brings the model, ``close`` answers what is queued and ends threads.
"""

from __future__ import annotations

import asyncio
import os
import threading
from importlib.metadata import version
from typing import Final

from nlp.analyzer import Analyzer
from nlp.scorer import load_scorer
from serving.api.alert_access import AlertAccess
from serving.api.auth import Guard
from serving.api.batcher import Batcher
from serving.api.cache import ResultCache
from serving.api.job_shelf import JobShelf
from serving.api.jobs import JobRunner
from serving.api.journal import Journal
from serving.api.kept import KeptResults
from serving.api.keys import KeyFile
from serving.api.metrics import Metrics
from serving.api.scoring import Scoring
from serving.api.store_access import StoreAccess
from serving.api.tracing import Tracing
from serving.api.usage import Usage
from serving.settings import Settings
from serving.stores import store_address

_FIRST_TEXT: Final = "第一条评论很好喝，乾淨😂"  # needs every dictionary and the converter
DEAD_S: Final = 60.0  # a window that takes longer will never end: the process is to be restarted


class Service:
    """One per application."""

    analyzer: Analyzer  # this and the next three: from load on
    cache: ResultCache
    batcher: Batcher
    scoring: Scoring

    def __init__(self, settings: Settings, analyzer: Analyzer | None = None) -> None:
        store_address(settings)  # a setting that names no store stops the service, not each request
        self.settings = settings
        self.version = version("tingfeng")
        self.guard = Guard(settings, KeyFile(settings.home), Usage(settings.home))
        self.metrics = Metrics()
        self.journal = Journal(settings.home)
        self.tracing = Tracing(self.version)
        self.store = StoreAccess(settings)
        self.alerts = AlertAccess(settings, self.store)
        self.kept = KeptResults(settings)
        self.shelf = JobShelf(settings.home / "jobs")
        self.jobs = JobRunner(self.shelf, settings, self.metrics)
        self.loaded = self.warm = self.draining = False
        self._loading = threading.Lock()
        if analyzer is not None:
            self._use(analyzer)

    async def ready(self) -> None:
        """Returns once the model is loaded."""
        if not self.loaded:
            await asyncio.to_thread(self.load)

    def load(self) -> None:
        """Loads the model; does nothing the second time."""
        with self._loading:
            if self.loaded:
                return
            s = self.settings
            threads = s.threads or len(os.sched_getaffinity(0))
            scorer = load_scorer(
                s.model,
                engine=s.engine,
                threads=threads,
                precision=s.precision,
                streams=threads,
                budget=s.batch_tokens,
            )
            self._use(Analyzer(scorer), workers=threads)

    def load_dictionaries(self) -> None:
        """Loads what the first text would have to wait for; does nothing the second time."""
        with self._loading:
            if not self.warm:
                self.analyzer.score([_FIRST_TEXT])
                self.warm = True

    def start(self) -> None:
        """What a served application needs beyond answering: a warm model, jobs that go on."""
        self.load()
        self.load_dictionaries()
        warm_up = getattr(self.analyzer.scorer, "warm_up", None)
        if warm_up is not None:
            warm_up()
        self.jobs.start()

    def close(self) -> None:
        """Answers what is queued and ends; jobs go on at the next start."""
        self.draining = True
        self.jobs.close()
        if self.loaded:
            self.scoring.close()
        self.kept.close()
        self.store.close()
        self.guard.usage.close()
        self.journal.close()

    def is_public(self, what: str) -> bool:
        """Whether ``docs`` or ``metrics`` are open to all."""
        asked = self.settings.public_docs if what == "docs" else self.settings.public_metrics
        return self.settings.env != "production" if asked is None else asked

    def _use(self, analyzer: Analyzer, workers: int = 1) -> None:
        s = self.settings
        self.analyzer = analyzer
        self.cache = ResultCache(s.cache_bytes)
        self.batcher = Batcher(
            analyzer,
            self.cache,
            self.metrics,
            window_tokens=s.batch_tokens,
            max_tokens=s.queue_tokens,
            wait_s=s.queue_wait_ms / 1000,
            deadline_s=s.deadline_ms / 1000,
            longest_s=s.request_timeout_s,
            workers=workers,
        )
        self.scoring = Scoring(
            self.batcher,
            self.cache,
            self.metrics,
            model_version=analyzer.scorer.model_version,
        )
        self.metrics.watch(self)
        self.loaded = True
