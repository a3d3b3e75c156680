"""kill -9 at random moments of a watch: incidents lost, messages repeated.

A driver process watches a prepared stream, a piece a pass, with messages appended to a file; it is killed at
random moments after it has begun and started again until the stream is through.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600
DRIVER = """
import sys
from pathlib import Path
import pyarrow.feather as feather
from serving.alerts.journal import Journal
from serving.alerts.notifier import JsonlNotifier
from serving.alerts.rules import load_rules
from serving.alerts.watch import Watcher

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
stream = feather.read_table(folder / "stream.arrow")
pieces = [stream.slice(at, rows) for at in range(0, stream.num_rows, rows)]

class Pieces:
    name = "pieces"
    def done(self): return False
    def read(self, cursor):
        at = cursor.get("at", 0)
        return ([pieces[at]] if at < len(pieces) else []), {"at": at + 1}

with Journal(folder / "alerts.sqlite") as journal:
    watcher = Watcher(journal, load_rules(), Pieces(), JsonlNotifier(folder / "told.jsonl"))
    print("ready", flush=True)
    while (journal.get("cursors") or {}).get("pieces", {}).get("at", 0) < len(pieces):
        at = (journal.get("cursors") or {}).get("pieces", {}).get("at", 0)
        watcher.run_pass(int(pieces[at]["at"][-1].as_py()))
    watcher.hand_over()
print("done", flush=True)
"""


def write_dump(table: pa.Table, path: Path) -> None:
    """Prepares a sorted stream of watched comments for the driver."""
    import pyarrow.feather as feather

    feather.write_feather(table, path)


def kill_at_random(folder: Path, *, kills: int, moments: Callable[[], float], rows: int = 6) -> int:
    """Runs the driver to its end, killed so many times on the way (fewer where it was quicker)."""
    done = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder), str(rows)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        if done < kills:
            time.sleep(moments())
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        if process.returncode == 0:
            return done
        done += 1


def messages(folder: Path) -> list[dict[str, Any]]:
    """What was handed over, in order; a line torn by a kill is left out, its message comes again."""
    path = folder / "told.jsonl"
    found = []
    for line in path.read_text("utf-8", errors="replace").split("\n") if path.exists() else []:
        start = line.rfind('{"kind"')
        try:
            found.append(json.loads(line[max(start, 0) :]))
        except ValueError:
            continue
    return found
