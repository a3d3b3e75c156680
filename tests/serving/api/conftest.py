"""What the tests of the service share: clients of fresh services, and their keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from nlp.analyzer import Analyzer
from serving.api import create_app
from serving.api.keys import KeyFile
from serving.settings import Settings
from tests.serving.api.service_tools import MakeClient, quick_analyzer


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    """A client of a fresh service; arguments are settings."""
    made: list[TestClient] = []

    def make(analyzer: Analyzer | None = None, **settings: Any) -> TestClient:
        app = create_app(
            Settings(**{"home": tmp_path, "model": "fake", **settings}),
            analyzer or quick_analyzer(),
        )
        app.state.service.warm = True  # quick analyzers have no dictionaries
        made.append(TestClient(app))
        return made[-1]

    yield make
    for client in made:
        client.app.state.service.close()


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    return make_client()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path)
