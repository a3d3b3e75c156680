"""Batch scoring from end to end: comments/s, memory, where the time goes, peers, scaling.

Run: ``python -m benchmarks.batch [DUMP] [--repeat N] [--peers] [--scaling 10000,100000,1000000]``. Without a dump
50,000 generated rows are scored. Each pass is a process of its own, as a user would start it; the table gives the
median. ``--peers`` measures other ways over the same texts in the same run, and the share of the GEMM roofline.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.batch_peers import peers_table
from data.corpus import read_corpus
from data.sample.corpus import read_lines

COMMON_ROWS = 0.2  # share of generated rows that repeat a common short comment, where asked for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument(
        "--repeated", action="store_true", help="let a fifth of the generated rows be common ones"
    )
    parser.add_argument(
        "--peers", action="store_true", help="other ways over the same texts, and the roofline"
    )
    parser.add_argument("--peer-texts", type=int, default=2_000)
    parser.add_argument(
        "--scaling", help="rows of generated dumps, such as 10000,100000,1000000,5000000"
    )
    parser.add_argument(
        "--spark", metavar="MASTER", help="also through Spark, e.g. local-cluster[2,1,2048]"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump = arguments.dump or generated(folder, arguments.rows, repeated=arguments.repeated)
        _end_to_end(dump, folder, arguments.repeat)
        if arguments.spark:
            middle = _one_pass(dump, folder, "--engine", "spark", "--master", arguments.spark)
            print(
                f"\nspark {arguments.spark}: {middle['rows_in'] / middle['wall_s']:,.0f} comments/s end to end"
            )
        if arguments.peers:
            print("\n" + peers_table(_texts(folder / "out.parquet", arguments.peer_texts)))
        if arguments.scaling:
            _scaling(folder, [int(rows) for rows in arguments.scaling.split(",")])


def _end_to_end(dump: Path, folder: Path, repeat: int) -> None:
    passes = [_one_pass(dump, folder) for _ in range(repeat)]
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
        "the wall time holds the start of the process, loading the model and writing the output\n"
    )
    print(
        "| stage | s at work | share | rows/s | s waited for work | s waited to hand over |\n|---|---|---|---|---|---|"
    )
    for s in middle["stages"]:
        rate = s["rows"] / s["busy_s"] if s["busy_s"] else 0
        print(
            f"| {s['name']} | {s['busy_s']:.1f} | {s['busy_s'] / middle['seconds']:.0%} | {rate:,.0f} "
            f"| {s['starved_s']:.1f} | {s['blocked_s']:.1f} |"
        )


def _scaling(folder: Path, sizes: list[int]) -> None:
    print(
        "\n| generated rows | s | comments/s | ms/row against the smallest | peak memory MB |\n|---|---|---|---|---|"
    )
    first = 0.0
    for rows in sizes:
        dump = generated(folder, rows, repeated=False)
        found = _one_pass(dump, folder)
        per_row = found["seconds"] / rows
        first = first or per_row
        print(
            f"| {rows:,} | {found['seconds']:.1f} | {rows / found['seconds']:,.0f} | {per_row / first:.2f} | {found['peak_mb']:,.0f} |"
        )
        dump.unlink()


def _one_pass(dump: Path, folder: Path, *options: str) -> dict[str, Any]:
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "serving.cli.main", "score", str(dump), *options]
    command += ["--out", str(folder / "out.parquet"), "--summary", str(summary), "--no-resume"]
    with (folder / "log").open("w") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)  # the peak of this pass alone
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / "log").read_text())
    told = json.loads(summary.read_text(encoding="utf-8"))
    return told | {"wall_s": wall, "peak_mb": usage.ru_maxrss / 1024}


def _texts(scored: Path, limit: int) -> list[str]:
    """Texts of the dump that was just scored, in arrival order, evenly drawn."""
    import pyarrow.parquet as pq

    table = pq.read_table(scored)
    name = next(n for n in ("text", "content", "评论", "评论内容") if n in table.column_names)
    texts = [text for text in table[name].to_pylist() if text and text.strip()]
    return texts[:: max(1, len(texts) // limit)][:limit]


def generated(folder: Path, rows: int, *, repeated: bool) -> Path:
    """Distinct comments made by joining two written ones, so that no cache or de-duplication helps; with
    ``repeated`` a share of them are common short comments instead.
    """
    texts = [r["text"] for r in read_corpus()] + [line.text for line in read_lines()]
    common = ["哈哈哈", "好评", "1", "来了", "支持", "[赞]", "好看", "第一"]
    rng = random.Random(1)
    path = folder / f"douyin_generated_{rows}.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            text = f"{rng.choice(texts)[:12]}{rng.choice(texts)}"
            if repeated and rng.random() < COMMON_ROWS:
                text = rng.choice(common)
            row = {"comment_id": str(10**17 + number), "content": text, "like_count": 0}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    main()
