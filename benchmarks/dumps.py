"""Every dump of a folder through ``tingfeng score --format auto``: is every row accounted for, in order.

Run: ``python -m benchmarks.dumps DIR``. Contents are scored by their text as well; tables without a text are only
read. Order is checked by reading the input again and comparing every text with the output's row.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.readers import Dump, open_dump


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print("| dump | recognised as | rows in | scored | empty | rejected | in order | repairs |")
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(p for p in parser.parse_args().folder.iterdir() if p.is_file()):
        print(_row(path), flush=True)


def _row(path: Path) -> str:
    dump = open_dump(path)
    if dump.kind != "comments":
        kept = sum(b.original.num_rows for b in dump.batches())
        repairs = _repairs(dump)
        return f"| {path.name} | {dump.format} ({dump.kind}) | {dump.rows:,} | read: {kept:,} | – | {dump.rows - kept:,} | – | {repairs} |"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.parquet"
        command = [sys.executable, "-m", "serving.cli.main", "score", str(path), "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        table = pq.read_table(out)
    texts = [t for b in dump.batches() for t in b.records["text"].to_pylist()]
    empty = table["sentiment"].null_count
    in_order = _holds(table, texts)
    return (
        f"| {path.name} | {dump.format} | {dump.rows:,} | {table.num_rows - empty:,} | {empty:,} "
        f"| {dump.rows - table.num_rows:,} | {'yes' if in_order else 'NO'} | {_repairs(dump)} |"
    )


def _holds(table: pa.Table, texts: list[str | None]) -> bool:
    """Whether some column holds exactly these texts in exactly this order."""
    return any(table[name].to_pylist() == texts for name in table.column_names)


def _repairs(dump: Dump) -> str:
    return ", ".join(f"{key} {n:,}" for key, n in dump.repairs.counts.items()) or "–"


if __name__ == "__main__":
    main()
