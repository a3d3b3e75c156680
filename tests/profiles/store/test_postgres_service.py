"""What asks in DuckDB's own SQL says so in one line or page on another store; the rest answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from profiles.store.postgres_store import PostgresStore
from serving.api import create_app
from serving.cli import main
from serving.settings import Settings
from serving.stores import open_or_create_store

REFUSED = ("/", "/comments", "/people/x", "/audiences", "/contents")


@pytest.fixture
def config(postgres_schema: str, tmp_path: Path) -> Settings:
    found = Settings(home=tmp_path, store=postgres_schema, model="fake")
    with open_or_create_store(found) as store:
        assert isinstance(store, PostgresStore)
    return found


def test_pages_answer_with_one_page_and_the_api_with_one_line(config: Settings) -> None:
    client = TestClient(create_app(config, Analyzer(FakeScorer())), raise_server_exceptions=False)
    try:
        for path in REFUSED:
            found = client.get(path, headers={"accept": "text/html"})
            assert (found.status_code, "DuckDB" in found.text) == (501, True), path
            assert found.headers["content-type"].startswith("text/html")
        for path in ("/people", "/alerts"):
            assert client.get(path).status_code == 200
        error = client.get("/v1/baselines")
        assert (error.status_code, error.json()["error"]["code"]) == (501, "unsupported_store")
    finally:
        client.app.state.service.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "verb", [["baseline"], ["baseline", "--save"], ["campaign", "report", "x"]]
)
def test_commands_answer_with_one_line(
    verb: list[str],
    config: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TINGFENG_HOME", str(config.home))
    monkeypatch.setattr(sys, "argv", ["tingfeng", *verb, "--store", str(config.store)])
    with pytest.raises(SystemExit) as stop:
        main.main()
    told = capsys.readouterr()
    assert stop.value.code == 1 and told.out == ""
    assert told.err.startswith("error: expected a store in a DuckDB file")
    assert told.err.count("\n") == 1 and "Traceback" not in told.err
