"""Every route with no key, a wrong one, the right one, one of another scope; and what is around."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from serving.api import create_app
from serving.api.keys import SCOPES, KeyFile
from serving.api.routers import ROUTERS
from serving.api.strict import key_auth
from serving.settings import Settings
from tests.serving.api.service_tools import MakeClient, bearer, quick_analyzer

OPEN_TO_ALL = {"/healthz", "/readyz"}
ROUTES = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
CLOSED = [(m, r) for m, r in ROUTES if r.path not in OPEN_TO_ALL]


def named(pair: Any) -> str:
    return f"{pair[0]} {pair[1].path}"


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A production service and a key of each scope."""
    home = tmp_path_factory.mktemp("home")
    keys = KeyFile(home)
    tokens = {scope: keys.create(scope, [scope])[1] for scope in SCOPES}
    settings = Settings(home=home, model="fake", env="production")
    client = TestClient(create_app(settings, quick_analyzer()))
    yield client, tokens
    client.app.state.service.close()


def call(client: TestClient, method: str, route: APIRoute, **headers: str) -> int:
    path = route.path.format(**dict.fromkeys(route.param_convertors, "x"))
    return client.request(method, path, headers=headers).status_code


def test_only_health_is_open_to_all() -> None:
    without = {route.path for _, route in ROUTES if key_auth(route.dependant) is None}
    assert without == OPEN_TO_ALL


@pytest.mark.parametrize("pair", CLOSED, ids=named)
def test_route_asks_for_a_key_and_its_scope(guarded: Any, pair: tuple[str, APIRoute]) -> None:
    client, tokens = guarded
    method, route = pair
    auth = key_auth(route.dependant)
    assert auth is not None
    client.app.state.service.guard._failures.clear()
    assert call(client, method, route) == 401
    assert call(client, method, route, **bearer("tf_000000000000_wrong")) == 401
    for scope, token in tokens.items():
        status = call(client, method, route, **bearer(token))
        if auth.scope in (None, scope) or scope == "admin":
            assert status not in (401, 403), scope
        else:
            assert status == 403, scope


@pytest.mark.parametrize("path", sorted(OPEN_TO_ALL))
def test_health_needs_no_key(guarded: Any, path: str) -> None:
    assert guarded[0].get(path).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "{}",
        "Bearer {}x",
        "Bearer x{}",
        "Bearer {half}",
        "Bearer tf__",
        "Bearer 键",
    ],
)
def test_malformed_authorization_is_401(guarded: Any, form: str) -> None:
    client, tokens = guarded
    client.app.state.service.guard._failures.clear()
    token = tokens["analyze"]
    header = form.replace("{half}", token[:20]).replace("{}", token).encode()
    answer = client.get("/v1/info", headers={b"Authorization": header})
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
    assert token not in answer.text


def test_scheme_is_read_in_any_case(guarded: Any) -> None:
    client, tokens = guarded
    assert (
        client.get("/v1/info", headers={"Authorization": f"bearer {tokens['analyze']}"}).status_code
        == 200
    )


def test_two_keys_or_one_in_the_address_are_refused(guarded: Any) -> None:
    client, tokens = guarded
    client.app.state.service.guard._failures.clear()
    good = ("Authorization", f"Bearer {tokens['admin']}")
    assert client.get("/v1/info", headers=[good, good]).status_code == 401
    found = client.get("/v1/info?api_key=x", headers=[good])
    assert (found.status_code, found.json()["error"]["code"]) == (401, "key_in_url")


def test_key_is_checked_before_the_body(guarded: Any) -> None:
    client = guarded[0]
    client.app.state.service.guard._failures.clear()
    assert (
        client.post("/v1/analyze", content=b"{", headers={"Content-Type": "x"}).status_code == 401
    )


def test_guessing_is_slowed_but_good_keys_pass(guarded: Any) -> None:
    client, tokens = guarded
    client.app.state.service.guard._failures.clear()
    statuses = [client.get("/v1/info", headers=bearer("x")).status_code for _ in range(40)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert client.get("/v1/info", headers=bearer(tokens["analyze"])).status_code == 200


def test_docs_and_metrics_are_open_outside_production_only(make_client: MakeClient) -> None:
    paths = ("/docs", "/openapi.json", "/metrics")
    assert [make_client().get(p).status_code for p in paths] == [200] * 3
    closed = make_client(env="production")
    assert [closed.get(p).status_code for p in paths] == [401] * 3
    opened = make_client(env="production", public_docs=True, public_metrics=True)
    assert [opened.get(p).status_code for p in paths] == [200] * 3


def test_production_without_any_key_is_closed(make_client: MakeClient) -> None:
    assert make_client(env="production").get("/v1/info").status_code == 401


def test_running_service_sees_keys_made_revoked_and_removed(
    make_client: MakeClient, keys: KeyFile
) -> None:
    client = make_client()
    assert client.get("/v1/info").status_code == 200
    record, token = keys.create("x", ["analyze"])
    assert client.get("/v1/info").status_code == 401
    assert client.get("/v1/info", headers=bearer(token)).json()["key"]["id"] == record.id
    keys.revoke(record.id)
    found = client.get("/v1/info", headers=bearer(token))
    assert (found.status_code, found.json()["error"]["code"]) == (401, "key_revoked")
    keys.path.unlink()
    assert client.get("/v1/info").status_code == 401
    assert client.get("/v1/info", headers=bearer(token)).status_code == 401


def test_expired_key_is_refused(make_client: MakeClient, keys: KeyFile) -> None:
    _, token = keys.create("x", ["analyze"], lifetime=timedelta(microseconds=1))
    found = make_client().get("/v1/info", headers=bearer(token))
    assert (found.status_code, found.json()["error"]["code"]) == (401, "key_expired")


def test_rate_and_quota_of_a_key(make_client: MakeClient, keys: KeyFile) -> None:
    client = make_client()
    _, few = keys.create("few", ["analyze"], requests_per_min=2)
    answers = [client.get("/v1/info", headers=bearer(few)) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 31
    _, daily = keys.create("daily", ["analyze"], texts_per_day=3)
    call = {"json": {"texts": ["好", "坏"]}, "headers": bearer(daily)}
    answers = [client.post("/v1/analyze", **call) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert answers[1].json()["error"]["code"] == "quota_exceeded"
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 86_400


def test_audit_log_has_the_key_and_no_text(
    make_client: MakeClient, keys: KeyFile, tmp_path: Path
) -> None:
    client = make_client()
    record, token = keys.create("x", ["analyze"], tenant="t1")
    client.post("/v1/analyze", json={"texts": ["绝密的评论"]}, headers=bearer(token))
    client.get("/v1/profiles/绝密", headers=bearer(token))
    client.app.state.service.close()
    text = (tmp_path / "audit.jsonl").read_text("utf-8")
    first, second = map(json.loads, text.splitlines())
    assert (first["key"], first["tenant"], first["texts"]) == (record.id, "t1", 1)
    assert (first["status"], second["status"]) == (200, 403)
    assert second["route"] == "/v1/profiles/{user}"
    assert "绝密" not in text and token not in text
