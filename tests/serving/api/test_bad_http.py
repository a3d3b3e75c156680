"""Bad input over HTTP: a clear 4xx in the envelope, never a 5xx, never an echo of the text.

What the server's parser refuses before the application sees it is in ``test_server``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.serving.api.service_tools import MakeClient

JSON = {"Content-Type": "application/json"}
SECRET = "不要回显"


def body(text: str) -> dict[str, Any]:
    return {"content": text.encode("utf-8", "surrogatepass"), "headers": JSON}


def texts(value: Any, **more: Any) -> dict[str, Any]:
    return body(json.dumps({"texts": value, **more}, ensure_ascii=False))


BAD: dict[str, tuple[str, str, dict[str, Any], set[int]]] = {
    "no body": ("POST", "/v1/analyze", {}, {415}),
    "no body, JSON": ("POST", "/v1/analyze", {"headers": JSON}, {422}),
    "length not a number": (
        "POST",
        "/v1/analyze",
        {"content": b"{}", "headers": JSON | {"Content-Length": "-1"}},
        {400},
    ),
    "length of a gigabyte": (
        "POST",
        "/v1/analyze",
        {"content": b"{}", "headers": JSON | {"Content-Length": "1000000000"}},
        {413},
    ),
    "large headers": ("GET", "/healthz", {"headers": {"X-Long": "x" * 20_000}}, {431}),
    "many headers": ("GET", "/healthz", {"headers": {f"X-{i}": "1" for i in range(200)}}, {431}),
    "long address": ("GET", "/v1/jobs?cursor=" + "a" * 20_000, {}, {431}),
    "text/plain": (
        "POST",
        "/v1/analyze",
        {"content": b'{"texts":["a"]}', "headers": {"Content-Type": "text/plain"}},
        {415},
    ),
    "another charset": (
        "POST",
        "/v1/analyze",
        {
            "content": '{"texts":["好"]}'.encode("gbk"),
            "headers": {"Content-Type": "application/json; charset=gbk"},
        },
        {415},
    ),
    "multipart": ("POST", "/v1/analyze", {"files": {"texts": b"a"}}, {415}),
    "gzip": (
        "POST",
        "/v1/analyze",
        body("{}") | {"headers": JSON | {"Content-Encoding": "gzip"}},
        {415},
    ),
    "unknown encoding": (
        "POST",
        "/v1/analyze",
        body("{}") | {"headers": JSON | {"Content-Encoding": "zstd, br"}},
        {415},
    ),
    "null": ("POST", "/v1/analyze", texts(None), {422}),
    "a string": ("POST", "/v1/analyze", texts(SECRET), {422}),
    "nested list": ("POST", "/v1/analyze", texts([[SECRET]]), {422}),
    "mixed": ("POST", "/v1/analyze", texts([1, True, {SECRET: SECRET}]), {422}),
    "empty list": ("POST", "/v1/analyze", texts([]), {422}),
    "too many": ("POST", "/v1/analyze", texts(["好"] * 257), {422}),
    "very many": ("POST", "/v1/analyze", texts([""] * 300_000), {422}),
    "too long": ("POST", "/v1/analyze", texts(["好" * 100_001]), {413}),
    "both forms": ("POST", "/v1/analyze", texts(["好"], comments=[]), {422}),
    "huge integer": ("POST", "/v1/analyze", body('{"texts":[' + "9" * 5000 + "]}"), {400}),
    "1e400": ("POST", "/v1/analyze", body('{"texts":[1e400]}'), {422}),
    "NaN": ("POST", "/v1/analyze", body('{"texts":[NaN]}'), {400}),
    "infinity": ("POST", "/v1/analyze", body('{"texts":[-Infinity]}'), {400}),
    "lone surrogate": ("POST", "/v1/analyze", body('{"texts":["不要回显\\ud800"]}'), {400}),
    "duplicate names": ("POST", "/v1/analyze", body('{"texts":["a"],"texts":["不要回显"]}'), {400}),
    "unknown name": ("POST", "/v1/analyze", texts(["好"], **{SECRET: 1}), {422}),
    "__proto__": ("POST", "/v1/analyze", texts(["好"], __proto__={}), {422}),
    "deep": ("POST", "/v1/analyze", body("[" * 100_000 + "]" * 100_000), {400}),
    "a little too deep": (
        "POST",
        "/v1/analyze",
        texts(["["], x=json.loads("[" * 40 + "]" * 40)),
        {400},
    ),
    "invalid UTF-8": (
        "POST",
        "/v1/analyze",
        {"content": b'{"texts":["\xff"]}', "headers": JSON},
        {400},
    ),
    "half": ("POST", "/v1/analyze", body('{"texts":["不要回显'), {400}),
    "a list": ("POST", "/v1/analyze", body('["不要回显"]'), {422}),
    "unknown feature": ("POST", "/v1/analyze", texts(["好"], features=[SECRET]), {422}),
    "a model by address": (
        "POST",
        "/v1/analyze",
        texts(["好"], model="http://example.com/x"),
        {422},
    ),
    "bad deadline": (
        "POST",
        "/v1/analyze",
        texts(["好"]) | {"headers": JSON | {"X-Deadline-Ms": "-1"}},
        {422},
    ),
    "bad comment": ("POST", "/v1/comments", body('{"comments":[{"text":"不要回显"}]}'), {422}),
    "bad count": (
        "POST",
        "/v1/comments",
        body('{"comments":[{"id":"1","text":"不要回显","like_count":-1}]}'),
        {422},
    ),
    "bad moment": (
        "POST",
        "/v1/comments",
        body('{"comments":[{"id":"1","text":"好","created_at":"不要回显"}]}'),
        {422},
    ),
    "job out of the folder": ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd", {}, {404}),
    "job with NUL": ("GET", "/v1/jobs/a%00b", {}, {422}),
    "job of nobody": ("GET", "/v1/jobs/job-20260101T000000.000000Z-000000000000/result", {}, {404}),
    "user with NUL": ("GET", "/v1/profiles/%00", {}, {422}),
    "wrong method": ("GET", "/v1/analyze", {}, {405}),
    "TRACE": ("TRACE", "/v1/analyze", {}, {405}),
    "double slashes": ("POST", "//v1//analyze", texts(["好"]), {404}),
    "slash at the end": ("POST", "/v1/analyze/", texts(["好"]), {404}),
    "path parameter": ("POST", "/v1/analyze;x=1", texts(["好"]), {404}),
    "limit 0": ("GET", "/v1/jobs?limit=0", {}, {422}),
    "limit -1": ("GET", "/v1/jobs?limit=-1", {}, {422}),
    "limit 1e9": ("GET", "/v1/jobs?limit=1000000000", {}, {422}),
    "edited cursor": ("GET", "/v1/jobs?cursor=不要回显", {}, {422}),
    "empty job": ("POST", "/v1/jobs", {"headers": {"Content-Type": "text/csv"}}, {422}),
    "job as JSON": ("POST", "/v1/jobs", body("{}"), {415}),
    "job to nowhere": (
        "POST",
        "/v1/jobs?out=..%2fx",
        {"content": b"text\n1\n", "headers": {"Content-Type": "text/csv"}},
        {422},
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    from serving.api import create_app
    from serving.settings import Settings
    from tests.serving.api.service_tools import quick_analyzer

    home = tmp_path_factory.mktemp("home")
    return TestClient(create_app(Settings(home=home, model="fake"), quick_analyzer()))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_clear_refusal(shared: TestClient, name: str) -> None:
    method, path, more, expected = BAD[name]
    answer = shared.request(method, path, **more)
    assert answer.status_code in expected, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "hint", "request_id"}
    assert SECRET not in answer.text and answer.json()["error"]["hint"]


def test_chunked_body_is_counted_as_it_comes(make_client: MakeClient) -> None:
    client = make_client(max_body_bytes=1_000)
    sent = 0

    def pieces() -> Any:
        nonlocal sent
        for _ in range(1_000):
            sent += 100
            yield b"x" * 100

    answer = client.post("/v1/analyze", content=pieces(), headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_special_characters_of_a_text_are_scored(client: TestClient) -> None:
    strange = ["\u0000好喝", "\u202e好", "[CLS]好", "a\u0300" * 500, "🏳️‍🌈", "<script>好</script>"]
    answer = client.post("/v1/analyze", json={"texts": strange})
    assert answer.status_code == 200 and len(answer.json()["results"]) == len(strange)


def test_forged_forwarding_headers_are_not_written_down(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    caplog.set_level(logging.INFO, "tingfeng.api")
    client.get("/healthz", headers={"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"})
    assert "6.6.6.6" not in str([vars(record) for record in caplog.records])


def test_other_host_is_refused_where_hosts_are_named(make_client: MakeClient) -> None:
    client = make_client(allowed_hosts="localhost,[::1]")
    for host, status in (("evil.example", 400), ("localhost:8000", 200), ("[::1]:8000", 200)):
        assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_cross_origin_is_off_by_default_and_never_with_credentials(make_client: MakeClient) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    plain = make_client().options("/v1/analyze", headers=origin)
    assert "access-control-allow-origin" not in plain.headers
    named = make_client(cors_origins="https://own.example")
    own = named.get("/healthz", headers={"Origin": "https://own.example"})
    assert own.headers["access-control-allow-origin"] == "https://own.example"
    assert "access-control-allow-credentials" not in own.headers
    for bad in ("https://evil.example", "null"):
        other = named.get("/healthz", headers={"Origin": bad})
        assert "access-control-allow-origin" not in other.headers


def test_answers_of_the_api_are_not_cached_or_sniffed(client: TestClient) -> None:
    headers = client.post("/v1/analyze", json={"texts": ["好"]}).headers
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
