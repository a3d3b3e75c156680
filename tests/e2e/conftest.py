"""One run of the demo for all tests of what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RunDemo = Callable[[Path], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run_demo() -> RunDemo:
    """Runs ``tingfeng demo`` as its own process, with the model ``fake``."""

    def run(out: Path) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TINGFENG_")}
        return subprocess.run(
            [sys.executable, "-m", "serving.cli.main", "demo", "--out", str(out)],
            cwd=out.parent,
            env=kept | {"TINGFENG_MODEL": "fake", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=900,
        )

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, run_demo: RunDemo) -> Path:
    """The folder of a finished demo; tests only read it."""
    out = tmp_path_factory.mktemp("run") / "demo"
    done = run_demo(out)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout and "Traceback" not in done.stderr
    return out
