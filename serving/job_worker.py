"""Scores one uploaded job, in a process of its own that ends with the service.

Run by the service as ``python -m serving.job_worker FOLDER``, the task on the first line of its
standard input. It leaves ``progress.json`` and, at the end, ``summary.json`` or ``error.json``
beside the result. When the service dies the input ends, and so does this process: no two ever work
on one job.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

NICENESS: Final = 10
ORPHANED: Final = 75  # exit code; nobody is left to read it


def main() -> int:
    """Scores the job in the folder of the first argument."""
    folder = Path(sys.argv[1])
    task = json.loads(_first_line())
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    os.nice(NICENESS)
    try:
        _score(folder, task)
    except Exception as error:
        _leave(folder, "error.json", {"message": _message(error, folder)})
        return 1
    return 0


def _score(folder: Path, task: Mapping[str, Any]) -> None:
    from dataclasses import asdict

    from data.readers import open_dump
    from nlp.analyzer import Analyzer
    from nlp.scorer import load_scorer
    from serving.batch.score import score_dumps

    dump = open_dump(
        str(folder / task["input_file"]),
        format="columns" if task["text_column"] else "auto",
        text_column=task["text_column"],
    )
    done = 0

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        _leave(folder, "progress.json", {"rows_done": done, "rows_total": dump.rows})

    progress(0)
    scorer = load_scorer(
        task["model"],
        engine=task["engine"],
        threads=task["threads"],
        precision=task["precision"],
    )
    out = folder / task["result_file"]
    summary = asdict(score_dumps([dump], out, Analyzer(scorer), progress=progress))
    del summary["formats"]  # it names a path
    _leave(folder, "summary.json", {"summary": summary})


def _message(error: Exception, folder: Path) -> str:
    """What went wrong, without paths of this machine; of an unforeseen error only its kind."""
    ours = ("data", "nlp", "serving", "profiles")
    if type(error).__module__.split(".")[0] not in ours:
        return f"failed with {type(error).__name__}"
    return " ".join(str(error).split()).replace(f"{folder}{os.sep}", "")


def _leave(folder: Path, name: str, value: Mapping[str, Any]) -> None:
    draft = folder / f"{name}.tmp"
    draft.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    draft.replace(folder / name)


def _first_line() -> bytes:
    """Unbuffered: a thread that waits in a buffered read would hold up the exit."""
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(0, 1)):
        line += piece
    return line


def _end_with_the_service() -> None:
    while os.read(0, 4096):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.exit(main())
