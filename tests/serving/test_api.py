"""The API around a scorer without weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from serving.api import create_app
from serving.api.app import MAX_BODY_BYTES, MAX_CHARS, MAX_TEXTS
from serving.errors import UsageError
from serving.settings import Settings
from serving.stores import open_or_create_store


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create_app(Settings(home=tmp_path), Analyzer(FakeScorer())))


def test_analyze_gives_one_result_per_text_in_order(client: TestClient) -> None:
    answer = client.post("/v1/analyze", json={"texts": ["好喝，喜欢", "难喝", "@小王"]})
    assert answer.status_code == 200
    assert [r["sentiment"] for r in answer.json()["results"]] == ["positive", "negative", None]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"texts": []},
        {"texts": "好"},
        {"texts": [1]},
        {"texts": ["好"] * (MAX_TEXTS + 1)},
        {"texts": ["好"], "x": 1},
    ],
)
def test_analyze_wrong_body_is_422_in_the_envelope(client: TestClient, body: object) -> None:
    answer = client.post("/v1/analyze", json=body)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "hint", "request_id"}


def test_errors_never_echo_the_comment(client: TestClient) -> None:
    answer = client.post("/v1/analyze", json={"texts": [{"secret": "不要回显"}]})
    assert "不要回显" not in answer.text


def test_analyze_too_long_text_is_413(client: TestClient) -> None:
    assert client.post("/v1/analyze", json={"texts": ["好" * (MAX_CHARS + 1)]}).status_code == 413


def test_body_over_the_limit_is_413(client: TestClient) -> None:
    assert client.post("/v1/analyze", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_unknown_person_is_404(client: TestClient, tmp_path: Path) -> None:
    open_or_create_store(Settings(home=tmp_path)).close()
    answer = client.get("/v1/profiles/nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_profile_without_a_store_is_404_and_makes_none(client: TestClient, tmp_path: Path) -> None:
    answers = [client.get("/v1/profiles/nobody"), client.get("/v1/contents/v1/insight")]
    for answer in answers:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (404, "not_found")
        assert "tingfeng ingest" in error["message"]
    assert not list(tmp_path.iterdir())


def test_setting_that_names_no_store_stops_the_service(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found 'foo'"):
        create_app(Settings(home=tmp_path, store="foo"), Analyzer(FakeScorer()))


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").json()["model_version"] == FakeScorer.model_version


def test_report_page_is_the_newest_report(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/report").status_code == 404
    (tmp_path / "report.html").write_text("<p>报告</p>", encoding="utf-8")
    assert client.get("/report").text == "<p>报告</p>"


def test_docs_page_names_no_other_host(client: TestClient) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200 and "openapi.json" in answer.text
    assert not re.findall(r"https?:|[\"'(]//|@import|url\(", answer.text)
    assert "default-src 'none'" in answer.text and "connect-src 'self'" in answer.text
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", answer.text)
    assert client.get("/redoc").status_code == 404  # its page would load from a public host


def test_docs_page_reads_an_openapi_with_every_route(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/analyze", "/v1/profiles/{user}", "/healthz"} <= set(paths)
    assert "/docs" not in paths


def test_unknown_path_answers_in_the_envelope(client: TestClient) -> None:
    answer = client.get("/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
