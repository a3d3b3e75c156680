"""The process that scores one job: started with the settings on its standard input, ended with it.

Run by the service as ``python -m serving.api.job_process FOLDER``. It leaves ``progress.json`` and,
at the end, ``summary.json`` or ``error.json`` beside the result. When the service dies its input
ends, and so does this process: no two ever work on one job.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from serving.settings import Settings

NICENESS: Final = 10
ORPHANED: Final = 75  # exit code; nobody is left to read it
_PASSED: Final = ("model", "engine", "precision", "threads")


class JobProcess:
    """A started process, seen from the service."""

    def __init__(
        self,
        folder: Path,
        *,
        input_file: str,
        result_file: str,
        text_column: str | None,
        settings: Settings,
    ) -> None:
        task = {
            "input_file": input_file,
            "result_file": result_file,
            "text_column": text_column,
            **{name: getattr(settings, name) for name in _PASSED},
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "serving.api.job_process", str(folder.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        assert self._process.stdin is not None  # asked for above
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died already; wait() tells

    def wait(self) -> int:
        """The exit code, once there is one; negative after a signal."""
        code = self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        return code

    def stop(self) -> None:
        """Ends it; what it has finished stays."""
        self._process.terminate()


def main() -> int:
    """Scores the job in the folder of the first argument."""
    folder = Path(sys.argv[1])
    task = json.loads(sys.stdin.buffer.readline())
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


def _end_with_the_service() -> None:
    sys.stdin.buffer.read()
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.exit(main())
