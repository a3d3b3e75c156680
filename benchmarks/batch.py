"""Batch scoring from end to end: comments/s, memory, and where the time goes.

Run: ``python -m benchmarks.batch [DUMP] [--repeat N]``. Without a dump 50,000 generated rows are
scored. Each pass is a
process of its own, as a user would start it; the table gives the median.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data.corpus import read_corpus
from data.sample.corpus import read_lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dump = arguments.dump or _generated(Path(folder), arguments.rows)
        passes = [_one_pass(dump, Path(folder)) for _ in range(arguments.repeat)]
    middle = sorted(passes, key=lambda p: p["wall_s"])[len(passes) // 2]
    print(f"\n{dump.name}: {middle['rows_in']:,} rows, median of {len(passes)} passes\n")
    print(
        "| rows in | scored | empty | rejected | s | comments/s end to end | share in the model | peak memory MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {middle['rows_in']:,} | {middle['scored']:,} | {middle['empty']:,} | {middle['rejected']:,} "
        f"| {middle['wall_s']:.1f} | {middle['rows_in'] / middle['wall_s']:,.0f} "
        f"| {middle['inference_share']:.0%} | {middle['peak_mb']:,.0f} |"
    )
    rates = [p["rows_in"] / p["wall_s"] for p in passes]
    print(
        f"\nrange {min(rates):,.0f}–{max(rates):,.0f} comments/s, median {statistics.median(rates):,.0f}; "
        "the wall time holds the start of the process, loading the model and writing the output"
    )


def _one_pass(dump: Path, folder: Path) -> dict[str, float]:
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "serving.cli.main", "score", str(dump)]
    command += ["--out", str(folder / "out.parquet"), "--summary", str(summary), "--no-resume"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return json.loads(summary.read_text(encoding="utf-8")) | {"wall_s": wall, "peak_mb": peak}


def _generated(folder: Path, rows: int) -> Path:
    """Distinct comments made by joining two written ones, so that no cache or de-duplication helps."""
    texts = [r["text"] for r in read_corpus()] + [line.text for line in read_lines()]
    rng = random.Random(1)
    path = folder / "douyin_generated.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            text = f"{rng.choice(texts)[:12]}{rng.choice(texts)}"
            row = {"comment_id": str(10**17 + number), "content": text, "like_count": 0}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    main()
