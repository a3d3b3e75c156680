"""What the scoring stage costs by token budget, padding, streams, hints and fixed shapes.

Run: ``python -m benchmarks.batch_stage [DUMP] [--texts N]``. Each row gives CPU microseconds a token (which other work on
the machine hardly changes) and wall seconds; the faster of two passes after one that does not count.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov

from benchmarks.batch_dumps import generated
from benchmarks.batch_runs import attempt, machine, say
from data.readers import open_dump
from nlp.artifact import MODEL_FILE
from nlp.batching import TOKEN_BUDGET, fill_flat, plan_batches
from nlp.normalize import has_content, normalize
from nlp.scorer import NeuralScorer, load_scorer
from nlp.tokenizer import Tokens

BUDGETS: Final = (1_024, 2_048, 4_096, 8_192)
NEVER: Final = 10**9  # so many texts never come: every batch is padded to one of LENGTHS
FIXED: Final = (128, 16)
Ids = npt.NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", nargs="?", type=Path)
    parser.add_argument(
        "--texts", type=int, default=13_500, help="distinct; a window has that many"
    )
    arguments = parser.parse_args()
    scorer = load_scorer()
    assert isinstance(scorer, NeuralScorer)
    tokens = scorer.encode(distinct_texts(arguments.dump, arguments.texts))
    say(f"{machine()}; {len(tokens.lengths):,} texts, {int(tokens.lengths.sum()):,} tokens\n")
    say(
        "| variant | batches | shapes | computed / real tokens | CPU µs/token | s |\n|---|---|---|---|---|---|"
    )
    run = scorer.engine.infer
    for budget in BUDGETS:
        for name, bulk in (("padded to LENGTHS", NEVER), ("own length", 1)):
            batches = batches_of(tokens, scorer, budget, bulk)
            attempt(
                lambda b=batches, n=f"{name}, {budget:,} tokens": _row(n, b, tokens, _each(run, b))
            )
    batches = batches_of(tokens, scorer, TOKEN_BUDGET, 1)
    model = scorer.artifact.path / MODEL_FILE
    cores = len(os.sched_getaffinity(0))
    for hint in ("LATENCY", "THROUGHPUT"):
        for streams, threads in dict.fromkeys(((1, cores), (cores, cores))):
            name = f"{hint}, {streams} streams on {threads} threads"
            attempt(
                lambda n=name, h=hint, s=streams, t=threads: _row(
                    n, batches, tokens, _streams(model, scorer, batches, h, s, t)
                )
            )
    attempt(lambda: _fixed(model, scorer))


def distinct_texts(dump: Path | None, limit: int) -> list[str]:
    """Distinct normalised comments, evenly drawn from the dump or made."""
    with tempfile.TemporaryDirectory() as folder:
        path = dump or generated(Path(folder) / "generated.jsonl", 3 * limit)
        found = (t for b in open_dump(path).batches() for t in b.records["text"].to_pylist())
        own = dict.fromkeys(t for t in map(normalize, filter(None, found)) if has_content(t))
    texts = list(own)
    return texts[:: max(1, len(texts) // limit)][:limit]


def batches_of(tokens: Tokens, scorer: NeuralScorer, budget: int, bulk: int) -> list[Ids]:
    """The padded ids of every batch of a plan."""
    plan = plan_batches(tokens.lengths, budget=budget, bulk_texts=bulk)
    return [fill_flat(tokens, batch, scorer.tokenizer.pad_id) for batch in plan]


def cpu_and_wall(run: Callable[[], Any], passes: int = 2) -> tuple[float, float]:
    """The least CPU and wall seconds of some passes after one that does not count."""
    run()
    cpu, wall = [], []
    for _ in range(passes):
        start = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return min(cpu), min(wall)


def _row(name: str, batches: list[Ids], tokens: Tokens, run: Callable[[], Any]) -> None:
    cpu, wall = cpu_and_wall(run)
    real, computed = int(tokens.lengths.sum()), sum(ids.size for ids in batches)
    shapes = len({ids.shape for ids in batches})
    say(
        f"| {name} | {len(batches)} | {shapes} | {computed / real:.3f} | {cpu / real * 1e6:.1f} | {wall:.2f} |"
    )


def _each(infer: Callable[[Ids], Any], batches: list[Ids]) -> Callable[[], Any]:
    return lambda: [infer(ids) for ids in batches]


def compiled(model: Any, precision: str, **options: Any) -> Any:
    """A model on the CPU with one stream of its own options."""
    config = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    return ov.Core().compile_model(model, "CPU", config | options)


def _streams(
    model: Path, scorer: NeuralScorer, batches: list[Ids], hint: str, streams: int, threads: int
) -> Callable[[], Any]:
    options = {"PERFORMANCE_HINT": hint, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
    queue = ov.AsyncInferQueue(compiled(str(model), scorer.engine.precision, **options), streams)

    def run() -> None:
        for ids in batches:
            queue.start_async([ids])
        queue.wait_all()

    return run


def _fixed(model: Path, scorer: NeuralScorer) -> None:
    """One shape, compiled for any shape and for this one only."""
    ids = np.random.default_rng(1).integers(10, 4_000, FIXED)
    network = ov.Core().read_model(str(model))
    for name in ("any shape", "this shape only"):
        if name == "this shape only":
            network.reshape(FIXED)
        request = compiled(network, scorer.engine.precision).create_infer_request()
        cpu, wall = cpu_and_wall(lambda r=request: r.infer([ids], share_inputs=True), passes=10)
        say(
            f"| {FIXED}, compiled for {name} | 1 | 1 | – | {cpu / ids.size * 1e6:.1f} | {wall:.3f} |"
        )


if __name__ == "__main__":
    main()
