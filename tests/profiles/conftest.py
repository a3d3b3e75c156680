"""The synthetic table and an empty store for the tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from profiles.store.duckdb_store import DuckDBStore

KEY = bytes(range(32))


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    path = Path(__file__).with_name("synthetic.py")
    spec = importlib.util.spec_from_file_location("synthetic_comments", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scored(synthetic: ModuleType) -> pa.Table:
    return synthetic.scored_comments()


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore(":memory:", key=KEY) as opened:
        yield opened
