"""Batch scoring from end to end: comments/s, memory, where the time goes, other ways beside it, scaling.

Run: ``python -m benchmarks.batch [DUMP] [--repeat N] [--peers] [--scaling 10000,100000,1000000,5000000]``. Without a
dump 50,000 generated rows are scored. Each pass is a process of its own, as a user would start it. ``--peers`` measures
other ways over the same comments in the same run, and the share of the GEMM roofline. ``--scaling`` scores generated
rows of a real dump's lengths: with the model up to ``--model-rows`` (a million), and every size with the fake scorer,
which does all but the network, so that five million rows take minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import batch_gemm
from benchmarks.batch_dumps import generated
from benchmarks.batch_peers import best_rate, peer_rates
from benchmarks.batch_runs import (
    attempt,
    comments_of,
    machine,
    one_pass,
    repeated_share,
    say,
    texts_of,
)
from benchmarks.batch_scaling import WINDOW_TEXTS, scaling
from nlp.artifact import MODEL_FILE
from nlp.normalize import has_content, normalize
from nlp.scorer import NeuralScorer, load_scorer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--peers", action="store_true", help="other ways, and the roofline")
    parser.add_argument("--peer-texts", type=int, default=2_000)
    parser.add_argument("--scaling", help="rows of generated dumps: 10000,100000,1000000,5000000")
    parser.add_argument("--model-rows", type=int, default=1_000_000, help="most with the model")
    parser.add_argument(
        "--spark", metavar="MASTER", help="also through Spark: local-cluster[2,1,2048]"
    )
    arguments = parser.parse_args()
    say(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump = arguments.dump or generated(folder / "generated.jsonl", arguments.rows)
        middle = end_to_end(dump, folder, arguments.repeat)
        texts = comments_of(folder / "out.parquet")
        attempt(lambda: scoring_stage(texts, middle))
        if arguments.spark:
            attempt(lambda: spark(dump, folder, arguments.spark))
        if arguments.peers:
            attempt(lambda: peers(texts, arguments.peer_texts, middle))
        if arguments.scaling:
            sizes = [int(rows) for rows in arguments.scaling.split(",")]
            scaling(
                folder, [rows for rows in sizes if rows <= arguments.model_rows], with_model=True
            )
            scaling(folder, sizes, with_model=False)


def end_to_end(dump: Path, folder: Path, repeat: int) -> dict[str, Any]:
    """Prints a line a pass and the stages of the median one, which it gives."""
    say(
        f"{dump.name}\n\n| pass | rows in | scored | empty | rejected | repeated | s | comments/s end to end "
        "| cores busy | peak memory MB |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    passes = []
    for number in range(repeat):
        p = one_pass(dump, folder)
        passes.append(p)
        say(
            f"| {number + 1} | {p['rows_in']:,} | {p['scored']:,} | {p['empty']:,} | {p['rejected']:,} "
            f"| {repeated_share(p):.1%} | {p['wall_s']:.1f} | {p['rows_in'] / p['wall_s']:,.0f} "
            f"| {p['cpu_s'] / p['wall_s']:.2f} | {p['peak_mb']:,.0f} |"
        )
    middle = sorted(passes, key=lambda p: p["wall_s"])[len(passes) // 2]
    say(
        "\nthe time holds the start of the process, loading the model and writing the output; median pass:\n"
    )
    say(
        "| stage | s at work | share | rows/s | s waited for work | s waited to hand over |\n|---|---|---|---|---|---|"
    )
    for s in middle["stages"]:
        rate = s["rows"] / s["busy_s"] if s["busy_s"] else 0
        say(
            f"| {s['name']} | {s['busy_s']:.1f} | {s['busy_s'] / middle['seconds']:.0%} | {rate:,.0f} "
            f"| {s['starved_s']:.1f} | {s['blocked_s']:.1f} |"
        )
    return middle


def scoring_stage(texts: list[str], found: dict[str, Any]) -> None:
    """Prints the scoring stage alone, its share of the GEMM roofline and what end to end keeps of it."""
    scorer = load_scorer()
    assert isinstance(scorer, NeuralScorer)
    own = list(dict.fromkeys(t for t in map(normalize, texts) if has_content(t)))
    tokens = scorer.encode(_evenly(own, WINDOW_TEXTS))
    count, total = len(tokens.lengths), int(tokens.lengths.sum())
    rate = best_rate(lambda: scorer.infer(tokens), count)
    tokens_per_s = rate * total / count
    pure_s = texts_of(found) / rate
    say(
        f"\nscoring stage alone ({scorer.numerics}): {rate:,.0f} distinct comments/s, {tokens_per_s:,.0f} tokens/s, "
        f"on {count:,} distinct comments of {total / count:.1f} tokens\nend to end takes {found['wall_s']:.1f} s where the "
        f"{texts_of(found):,} distinct comments alone take {pure_s:.1f} s: {pure_s / found['wall_s']:.0%} of the pure "
        "scoring speed\n"
    )
    gemms = batch_gemm.measured(
        scorer.artifact.path / MODEL_FILE, precision=scorer.engine.precision
    )
    if gemms is None:
        say("roofline: torch and onnx are not installed")
        return
    say(batch_gemm.table(gemms, scorer.engine.precision))
    flop = sum(gemm.flop for gemm in gemms)
    roof = 1 / batch_gemm.seconds_per_token(gemms)
    say(
        f"\n{flop / 1e6:.1f} MFLOP of GEMM a token; these products alone: {roof:,.0f} tokens/s, {roof * flop / 1e9:,.0f} GFLOP/s; "
        f"the scoring stage reaches {tokens_per_s * flop / 1e9:,.0f}, {tokens_per_s / roof:.0%} of it "
        "(padding counts as nothing done)"
    )


def peers(texts: list[str], limit: int, found: dict[str, Any]) -> None:
    """Prints each other way's rate as it is measured."""
    scorer = load_scorer()
    assert isinstance(scorer, NeuralScorer)
    ours = found["rows_in"] / found["wall_s"]
    say(
        "\n| way | comments | comments/s | ours end to end is faster by |\n|---|---|---|---|\n"
        f"| ours, end to end from file to file, all heads, keywords and rules | {found['rows_in']:,} | {ours:,.0f} | – |"
    )
    for name, count, rate in peer_rates(scorer, _evenly(texts, limit)):
        told = (
            "– | not installed | –"
            if rate is None
            else f"{count:,} | {rate:,.0f} | {ours / rate:.1f} x"
        )
        say(f"| {name} | {told} |")


def spark(dump: Path, folder: Path, master: str) -> None:
    """One pass through Spark."""
    found = one_pass(dump, folder, "--engine", "spark", "--master", master)
    say(f"\nspark {master}: {found['rows_in'] / found['wall_s']:,.0f} comments/s end to end")


def _evenly(texts: list[str], limit: int) -> list[str]:
    return texts[:: max(1, len(texts) // limit)][:limit]


if __name__ == "__main__":
    os.environ.pop("TINGFENG_MODEL", None)  # the fake scorer is asked for by name only
    main()
