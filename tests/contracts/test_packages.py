"""The five top-level packages are those of this checkout, import nothing at import time that they should not, and
the command answers at once.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["data", "nlp", "training", "profiles", "serving"])
def test_package_name_resolves_to_this_checkout(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    assert Path(spec.origin).parent == ROOT / name


def test_cli_import_loads_no_heavy_library() -> None:
    code = "import serving.cli.main, sys; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not loaded & {"torch", "transformers", "openvino", "pyarrow", "duckdb", "numpy", "jieba"}


def test_scoring_path_never_imports_torch() -> None:
    code = (
        "import sys, nlp.analyzer, nlp.engines.openvino_engine, serving.batch.score, serving.ingest,"
        " serving.report, profiles.refresh; print(' '.join(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & {"torch", "transformers", "datasets", "training"}


def test_no_init_files_under_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
