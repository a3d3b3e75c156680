"""Peak memory of scoring wide CSV files of growing size, all but the network.

Run: ``python -m benchmarks.batch_memory [--gigabytes 0.1,1,3] [--columns 24] [--suffix .parquet] [--limit-mb N]``. The fake
scorer stands for the network, whose memory does not depend on the input (the scaling table of ``benchmarks.batch`` shows it).
Needs about twice the largest size on the disk. ``--limit-mb`` gives each run no more address space than that.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from benchmarks.batch_dumps import wide_csv
from benchmarks.batch_runs import attempt, machine, one_pass, say

MB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", default="0.1,1,3")
    parser.add_argument("--columns", type=int, default=24, help="text columns beside the comment")
    parser.add_argument("--suffix", default=".parquet", choices=(".parquet", ".csv", ".jsonl"))
    parser.add_argument("--limit-mb", type=int, help="address space of a run (RLIMIT_AS)")
    parser.add_argument("--folder", type=Path, help="where there is room; else the system's")
    arguments = parser.parse_args()
    say(
        f"{machine()}\n\n| CSV MB | rows | s | CPU s | rows/s | peak memory MB |\n|---|---|---|---|---|---|"
    )
    sizes = [round(float(size) * 1e9) for size in arguments.gigabytes.split(",")]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        dump = folder / "wide.csv"
        _limit(arguments.limit_mb)
        for size in sizes:
            rows = wide_csv(dump, size, columns=arguments.columns)
            found = attempt(
                lambda: one_pass(dump, folder, "--model", "fake", suffix=arguments.suffix)
            )
            if found is not None:
                say(
                    f"| {dump.stat().st_size / 1e6:,.0f} | {rows:,} | {found['wall_s']:.1f} | {found['cpu_s']:.1f} "
                    f"| {rows / found['wall_s']:,.0f} | {found['peak_mb']:,.0f} |"
                )


def _limit(megabytes: int | None) -> None:
    """Processes started from now on get no more address space."""
    if megabytes:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * MB, hard))


if __name__ == "__main__":
    main()
