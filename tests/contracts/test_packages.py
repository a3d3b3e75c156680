"""The five top-level packages: those of this checkout, all of them shipped, light to import."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["data", "nlp", "training", "profiles", "serving"]


@pytest.mark.parametrize("name", PACKAGES)
def test_package_name_resolves_to_this_checkout(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    assert Path(spec.origin).parent == ROOT / name


def test_every_package_is_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for init in (ROOT / name).rglob("__init__.py")
    }
    assert found == set(project["tool"]["setuptools"]["packages"])


@pytest.mark.parametrize("name", PACKAGES)
def test_package_says_what_it_owns(name: str) -> None:
    assert (ROOT / name / "__init__.py").read_text("utf-8").startswith('"""')


def test_cli_import_loads_no_heavy_library() -> None:
    code = "import serving.cli.main, sys; print(' '.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"torch", "transformers", "openvino", "pyarrow", "duckdb", "numpy", "jieba"}


def test_scoring_path_never_imports_torch() -> None:
    code = (
        "import sys, nlp.analyzer, nlp.engines.openvino_engine, serving.batch.score,"
        " serving.ingest, serving.report, profiles.refresh; print(' '.join(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(run.stdout.split()) & {"torch", "transformers", "datasets", "training"}


def test_no_init_files_under_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
