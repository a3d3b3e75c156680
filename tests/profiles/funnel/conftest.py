"""The reference events, made once; what several test files ask."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from profiles.funnel.funnel import Funnel, read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import Relation, open_events


@pytest.fixture(scope="session")
def splitmix() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "splitmix_events", Path(__file__).with_name("splitmix.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def million(splitmix: ModuleType) -> Iterator[Relation]:
    with open_events(splitmix.events(1_000_000, 50_000)) as opened:
        yield opened


@pytest.fixture(scope="session")
def ask() -> Callable[..., Funnel]:
    """The funnel of rows (a table, or dictionaries with person_id, event, time)."""

    def asked(rows: pa.Table | list[dict[str, Any]], **spec: Any) -> Funnel:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        with open_events(table) as opened:
            return read_funnel(opened, parse_spec(spec))

    return asked
