"""Time and memory of batch scoring by rows of the input; generated rows, each size a process of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.batch_dumps import generated
from benchmarks.batch_peers import best_rate
from benchmarks.batch_runs import attempt, comments_of, one_pass, repeated_share, say, texts_of
from nlp.normalize import has_content, normalize
from nlp.scorer import load_scorer

WINDOW_TEXTS: Final = 16_384  # the scoring stage is measured on as many texts as a window holds


def scaling(folder: Path, sizes: list[int], *, with_model: bool) -> None:
    """Prints time and memory by rows; without the model through the fake scorer."""
    options = () if with_model else ("--model", "fake")
    say(
        f"\n| generated rows, {'the model' if with_model else 'fake scorer: all but the network'} | repeated | s | comments/s "
        "| s per row against the smallest | against the one before | peak memory MB | end to end / pure scoring |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    before: list[float] = []
    for rows in sizes:
        dump = generated(folder / f"generated_{rows}.jsonl", rows)
        p = attempt(partial(one_pass, dump, folder, *options))
        dump.unlink()
        if p is None:
            continue
        before.append(p["seconds"] / rows)
        pure = f"{_pure_share(p, folder):.0%}" if with_model else "–"
        say(
            f"| {rows:,} | {repeated_share(p):.1%} | {p['seconds']:.1f} | {rows / p['seconds']:,.0f} | {before[-1] / before[0]:.2f} "
            f"| {before[-1] / before[max(0, len(before) - 2)]:.2f} | {p['peak_mb']:,.0f} | {pure} |"
        )


def _pure_share(found: dict[str, Any], folder: Path) -> float:
    """The scoring stage's own time for the texts of the dump just scored, as a share of the run's."""
    scorer = load_scorer()
    own = dict.fromkeys(map(normalize, comments_of(folder / "out.parquet", WINDOW_TEXTS)))
    tokens = scorer.encode([text for text in own if has_content(text)])
    rate = best_rate(lambda: scorer.infer(tokens), len(tokens.lengths), passes=1)
    return texts_of(found) / rate / float(found["seconds"])
