"""Every page with no key, a wrong one, a right one, one of another scope; sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from serving.api import create_app
from serving.api.keys import SCOPES, KeyFile
from serving.api.pages.routers import PAGES
from serving.api.pages.session import COOKIE, SESSION_S, Sessions
from serving.api.strict import key_auth
from serving.settings import Settings
from tests.serving.api.service_tools import MakeClient, bearer, quick_analyzer

OPEN_TO_ALL = {"/login", "/assets/{name}"}
ROUTES = [
    (method, route)
    for router in PAGES
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
) -> Iterator[tuple[TestClient, dict[str, str], KeyFile]]:
    """A production service and a key of each scope."""
    home = tmp_path_factory.mktemp("home")
    keys = KeyFile(home)
    tokens = {scope: keys.create(scope, [scope])[1] for scope in SCOPES}
    settings = Settings(home=home, model="fake", env="production")
    client = TestClient(create_app(settings, quick_analyzer()), base_url="https://testserver")
    yield client, tokens, keys
    client.app.state.service.close()


@pytest.fixture(autouse=True)
def fresh(guarded: Any) -> None:
    guarded[0].cookies.clear()
    guarded[0].app.state.service.guard._failures.clear()


def login(client: TestClient, key: str, **more: str) -> Any:
    client.cookies.clear()
    return client.post("/login", data={"key": key, **more}, follow_redirects=False)


def call(client: TestClient, method: str, route: APIRoute, **headers: str) -> int:
    path = route.path.format(**dict.fromkeys(route.param_convertors, "x"))
    given = {"headers": headers, "follow_redirects": False}
    return client.request(method, path, **given).status_code


def test_only_the_form_and_its_looks_are_open_to_all() -> None:
    assert {r.path for _, r in ROUTES if key_auth(r.dependant) is None} == OPEN_TO_ALL


@pytest.mark.parametrize("pair", CLOSED, ids=named)
def test_page_asks_for_a_key_and_its_scope(guarded: Any, pair: tuple[str, APIRoute]) -> None:
    client, tokens, _ = guarded
    method, route = pair
    auth = key_auth(route.dependant)
    assert auth is not None
    assert call(client, method, route) == 401
    assert call(client, method, route, **bearer("tf_000000000000_wrong")) == 401
    assert call(client, method, route, Cookie=f"{COOKIE}=eyJ9.0000") == 401
    for scope, token in tokens.items():
        allowed = auth.scope in (None, scope) or scope == "admin"
        status = call(client, method, route, **bearer(token))
        assert (status not in (401, 403) or method == "POST") if allowed else status == 403, scope
        assert login(client, token).status_code == 303
        status = call(client, method, route)
        assert (
            (status != 401 and (status != 403 or method == "POST")) if allowed else (status == 403)
        ), scope
        client.cookies.clear()


def test_page_without_a_session_is_the_form_that_leads_back(guarded: Any) -> None:
    client, tokens, _ = guarded
    shown = client.get("/comments?sentiment=negative")
    assert shown.status_code == 401 and 'type="password"' in shown.text
    assert 'value="/comments?sentiment=negative"' in shown.text
    answer = login(client, tokens["profiles"], next="/alerts")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    assert client.get("/alerts").status_code == 200


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(guarded: Any) -> None:
    client, tokens, _ = guarded
    said = login(client, tokens["profiles"]).headers["set-cookie"]
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", f"Max-Age={SESSION_S}"):
        assert word in said
    assert tokens["profiles"] not in said


@pytest.mark.parametrize("key", ["", "x", "tf_000000000000_wrong", "键", "x" * 300])
def test_wrong_key_gives_no_session(guarded: Any, key: str) -> None:
    answer = login(guarded[0], key)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    assert (
        not key
        or key not in answer.text.replace("maxlength", "").replace("tingfeng", "")
        or (key == "x")
    )


def test_guessing_at_the_form_is_slowed(guarded: Any) -> None:
    client, tokens, _ = guarded
    statuses = [login(client, "x").status_code for _ in range(35)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert login(client, tokens["profiles"]).status_code == 303


def test_form_from_another_site_does_not_log_in(guarded: Any) -> None:
    client, tokens, _ = guarded
    answer = client.post(
        "/login", data={"key": tokens["admin"]}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_session_ends_with_its_key(guarded: Any) -> None:
    client, _, keys = guarded
    record, token = keys.create("gone", ["profiles"])
    login(client, token)
    assert client.get("/alerts").status_code == 200
    keys.revoke(record.id)
    assert client.get("/alerts").status_code == 401


def test_session_ends_at_its_time_and_bears_no_other_signature(guarded: Any) -> None:
    client, tokens, keys = guarded
    login(client, tokens["profiles"])
    cookie = client.cookies[COOKIE]

    class Asked:
        cookies = {COOKIE: cookie}  # noqa: RUF012

    asked: Any = Asked()
    now = Sessions(keys)
    assert now.key_of(asked) is not None
    later = Sessions(keys, clock=lambda: now._clock() + SESSION_S + 1)
    assert later.key_of(asked) is None
    body, _, signature = cookie.partition(".")
    for forged in (
        f"{body}x.{signature}",
        f"{body}.{signature[:-1]}",
        body,
        ".",
        "",
        f".{signature}",
    ):
        asked.cookies = {COOKIE: forged}
        assert now.key_of(asked) is None, forged


def test_logging_out_needs_the_form_and_forgets(guarded: Any) -> None:
    client, tokens, _ = guarded
    login(client, tokens["profiles"])
    assert client.post("/logout", data={"token": "x"}).status_code == 403
    shown = client.get("/alerts").text
    token = shown.split('name="token" value="')[1].split('"')[0]
    done = client.post("/logout", data={"token": token}, follow_redirects=False)
    assert done.status_code == 303 and "Max-Age=0" in done.headers["set-cookie"]
    assert client.get("/alerts").status_code == 401


def test_session_opens_pages_and_not_the_api(guarded: Any) -> None:
    client, tokens, _ = guarded
    login(client, tokens["admin"])
    assert client.get("/v1/info").status_code == 401


def test_without_keys_pages_are_open_and_no_secret_is_made(
    make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client()
    assert client.get("/alerts").status_code == 200
    assert client.get("/login", follow_redirects=False).headers["location"] == "/"
    assert list(tmp_path.iterdir()) == []


def test_production_without_any_key_is_closed_to_pages(make_client: MakeClient) -> None:
    assert make_client(env="production").get("/").status_code == 401


def test_assets_are_files_of_ours_only(guarded: Any) -> None:
    client = guarded[0]
    assert client.get("/assets/dashboard.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/assets/..%2Frender.py").status_code == 404
    assert client.get("/assets/report.js").status_code == 404
