"""Scoring on a Spark cluster: the driver reads, saves and writes; executors run the model.

Windows, saved parts, rejects and output are those of a run on one machine; only the scoring of a
window travels, as one task of one row in Arrow's stream format. Executors need this package and no
shared folder. For tables that live on the cluster, ``score_frame`` leaves the driver out.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from data.columns import SCORES
from nlp.analyzer import Analyzer
from nlp.scorer import load_scorer
from serving.batch.isolate import isolate
from serving.batch.job import Saved
from serving.batch.local import FindSaved, ScoredWindow
from serving.batch.schema import OutputColumns
from serving.batch.stages import StageTimes
from serving.batch.windows import Window
from serving.errors import ServingError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AHEAD: Final = 2  # windows on their way per slot of the cluster, so that no executor waits
RESULT: Final = "scores binary, failed string, inference_s double"
Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What an executor loads; ``version`` is what it must find, so that one output has one model.

    A ``precision`` of ``auto`` would differ between unlike processors: give the driver's.
    """

    model: str
    engine: str = "openvino"
    precision: str = "auto"
    threads: int = 1
    extras: bool = True
    version: str | None = None


def spec_of(analyzer: Analyzer, *, model: str, engine: str, threads: int = 1) -> ModelSpec:
    """The spec by which executors do what this analyzer does."""
    own = getattr(analyzer.scorer, "engine", None)
    return ModelSpec(
        model=model,
        engine=engine,
        precision="auto" if own is None else own.precision,
        threads=threads,
        extras=analyzer.extras,
        version=analyzer.scorer.model_version,
    )


_LOADED: dict[ModelSpec, Analyzer] = {}


def loaded_analyzer(spec: ModelSpec) -> Analyzer:
    """The analyzer of this process, loaded at the first call."""
    if spec not in _LOADED:
        scorer = load_scorer(
            spec.model, engine=spec.engine, threads=spec.threads, precision=spec.precision
        )
        if spec.version not in (None, scorer.model_version):
            raise ServingError(
                f"expected the model {spec.version} on every executor, found "
                f"{scorer.model_version}; install the same package there"
            )
        _LOADED[spec] = Analyzer(scorer, extras=spec.extras)
    return _LOADED[spec]


class SparkEngine:
    """Windows through a cluster, in order; see ``serving.batch.score.Engine``."""

    def __init__(self, analyzer: Analyzer, session: SparkSession, spec: ModelSpec) -> None:
        self._analyzer, self._session, self._spec = analyzer, session, spec
        self._slots = max(1, session.sparkContext.defaultParallelism)
        self._read, self._cluster = StageTimes(name="read"), StageTimes(name="cluster")

    @property
    def stages(self) -> list[StageTimes]:
        """Reading on the driver, and what it waited for the cluster."""
        return [self._read, self._cluster]

    def run(
        self, windows: Iterable[Window], find_saved: FindSaved
    ) -> Generator[ScoredWindow, None, None]:
        """Scores the windows that ``find_saved`` does not know."""
        waiting: deque[tuple[Window, Saved | None, Future[_Scored] | None]] = deque()
        most = AHEAD * self._slots
        pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="spark")
        try:
            for window in self._timed(windows):
                saved = find_saved(window)
                job = None if saved else pool.submit(self._score, window.texts)
                waiting.append((window, saved, job))
                if len(waiting) > most:
                    yield self._result(*waiting.popleft())
            while waiting:
                yield self._result(*waiting.popleft())
        except BaseException:
            self._session.sparkContext.cancelAllJobs()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, windows: Iterable[Window]) -> Iterator[Window]:
        start = time.perf_counter()
        for window in windows:
            self._read.busy_s += time.perf_counter() - start
            self._read.rows += window.kept
            yield window
            start = time.perf_counter()

    def _result(
        self, window: Window, saved: Saved | None, job: Future[_Scored] | None
    ) -> ScoredWindow:
        if job is None:
            return ScoredWindow(window=window, saved=saved)
        start = time.perf_counter()
        scored = job.result()
        self._cluster.busy_s += time.perf_counter() - start
        self._cluster.rows += window.kept
        self._analyzer.inference_s += scored.inference_s / self._slots
        return ScoredWindow(window=window, scores=scored.scores, failed=scored.failed)

    def _score(self, texts: list[str | None]) -> _Scored:
        """One window as one Spark job of one task."""
        packed = _pack(pa.table({"text": pa.array(texts, pa.string())}))
        frame = self._session.createDataFrame([(bytearray(packed),)], "window binary")
        (row,) = frame.coalesce(1).mapInArrow(_window_task(self._spec), RESULT).collect()
        failed = {int(at): reason for at, reason in json.loads(row.failed).items()}
        return _Scored(
            scores=_unpack(bytes(row.scores)), failed=failed, inference_s=row.inference_s
        )


@dataclass(frozen=True, kw_only=True)
class _Scored:
    scores: pa.Table
    failed: dict[int, str]
    inference_s: float


def _window_task(spec: ModelSpec) -> Callable[[Batches], Batches]:
    """What an executor does with packed windows."""

    def work(batches: Batches) -> Batches:
        for batch in batches:
            for packed in batch.column(0).to_pylist():
                analyzer = loaded_analyzer(spec)
                before_s = analyzer.inference_s
                scores, failed = score_texts(analyzer, _unpack(packed)["text"].to_pylist())
                yield pa.RecordBatch.from_pydict(
                    {
                        "scores": pa.array([_pack(scores)], pa.binary()),
                        "failed": [json.dumps(failed)],
                        "inference_s": [analyzer.inference_s - before_s],
                    }
                )

    return work


def score_texts(analyzer: Analyzer, texts: Sequence[str | None]) -> tuple[pa.Table, dict[int, str]]:
    """One row per text, and reasons by position of those that could not be scored."""
    try:
        return analyzer.score(texts), {}
    except Exception as error:
        done, failed = isolate(analyzer.score, [text or "" for text in texts], error)
        parts = dict(done)
        for at in failed:
            parts[at] = analyzer.score([None])
        return pa.concat_tables([parts[at] for at in sorted(parts)]), failed


def score_frame(frame: DataFrame, text_column: str, spec: ModelSpec) -> DataFrame:
    """The rows of a Spark table with the score columns added, scored where they lie.

    A column that bears a score's name is kept under the prefix ``input_``. Raises: UsageError when
    there is no such text column.
    """
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
    from pyspark.sql.types import StructType

    if text_column not in frame.columns:
        raise UsageError(
            f"expected a text column of {', '.join(frame.columns)}, found {text_column!r}; "
            "correct the name"
        )
    names = OutputColumns([to_arrow_schema(frame.schema)])
    at = frame.columns.index(text_column)
    renamed = frame.toDF(*map(names.name, frame.columns))
    schema = StructType([*renamed.schema.fields, *from_arrow_schema(SCORES).fields])
    return renamed.mapInArrow(_rows_task(spec, at), schema)


def _rows_task(spec: ModelSpec, text_at: int) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        for batch in batches:
            scores = loaded_analyzer(spec).score(batch.column(text_at).to_pylist())
            (columns,) = scores.combine_chunks().to_batches() or [None]
            if columns is not None:
                yield pa.RecordBatch.from_arrays(
                    [*batch.columns, *columns.columns],
                    names=[*batch.schema.names, *SCORES.names],
                )

    return work


def _pack(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpack(packed: Any) -> pa.Table:
    return pa.ipc.open_stream(packed).read_all()
