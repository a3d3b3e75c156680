"""The process that scores one job, seen from the service: started, waited for, stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from serving.settings import Settings

_PASSED: Final = ("model", "engine", "precision", "threads")


class JobProcess:
    """A started ``serving.job_worker``; its standard input is open while the service lives."""

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
            [sys.executable, "-m", "serving.job_worker", str(folder.resolve())],
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
