"""Funnels, segments, audiences, tags and fields over HTTP, exactly and behind the floor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.api import create_app
from serving.api.keys import KeyFile
from serving.settings import Settings
from tests.serving.api.service_tools import bearer, quick_analyzer
from tests.serving.people_tools import BUYERS, LOYAL, PERSONS, fill_home

SPEC = {"steps": [{"event": "view"}, {"event": "pay"}], "window_s": 86400}


class Caller:
    """Calls with one key."""

    def __init__(self, client: TestClient, token: str) -> None:
        self._client, self._headers = client, bearer(token)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        given = {} if body is None else {"json": body}
        found = self._client.request(method, path, headers=self._headers, **given)
        return found.status_code, found.json() if found.content else None


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, Caller]]:
    """One with the scope admin, one with profiles alone; the smallest group is 15."""
    home = tmp_path_factory.mktemp("served")
    fill_home(home)
    keys = KeyFile(home)
    tokens = [keys.create(scope, [scope])[1] for scope in ("admin", "profiles")]
    chosen = Settings(home=home, model="fake", min_group=15, packs=["beauty"])
    client = TestClient(create_app(chosen, quick_analyzer()))
    yield Caller(client, tokens[0]), Caller(client, tokens[1])
    client.app.state.service.close()


def test_counts_are_exact_for_admin_and_rounded_for_others(callers: Any) -> None:
    admin, team = callers
    rule = {"rule": "spending.orders >= 1"}
    assert admin("POST", "/v1/audiences/count", rule)[1]["n"] == BUYERS
    status, found = team("POST", "/v1/audiences/count", rule)
    assert (status, found["n"], found["persons"], found["least"]) == (200, 15, 30, 15)
    tree = {"rule": {"field": "spending.orders", "op": ">=", "value": 4}}
    assert admin("POST", "/v1/audiences/count", tree)[1]["n"] == LOYAL
    assert team("POST", "/v1/audiences/count", tree)[1]["n"] is None
    line = {"where": "interest.top = food or not spending.orders >= 1"}
    assert admin("POST", "/v1/audiences/count", line)[1]["n"] == PERSONS - LOYAL


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"rule": "spending.order > 1"}, "did you mean spending.orders"),
        ({"rule": "spending.orders >"}, "expected a value"),
        ({"rule": {"all": [{"field": "basic.age", "op": "~", "value": 1}]}}, "basic.age"),
        ({"rule": {"field": "spending.orders", "op": ">", "value": 10**400}}, "expected a number"),
        ({"rule": "basic.region = '\x00'"}, "U+0000"),
        ({}, "either rule or where"),
        ({"rule": "tag = a", "where": "tag = b"}, "either rule or where"),
        ({"rule": "tag = a", "more": 1}, "unknown"),
    ],
)
def test_rules_that_cannot_be_meant_are_422(callers: Any, body: Any, part: str) -> None:
    status, found = callers[1]("POST", "/v1/audiences/count", body)
    assert status == 422 and part in found["error"]["message"]
    assert set(found["error"]) == {"code", "message", "hint", "request_id"}


def test_an_audience_is_kept_listed_advised_and_removed(callers: Any) -> None:
    admin, team = callers
    body = {"name": "买家", "rule": "spending.orders >= 1", "holdout": 0.2}
    status, made = team("POST", "/v1/audiences", body)
    assert (status, made["version"], made["n"]) == (201, 1, 15)
    assert admin("POST", "/v1/audiences", body | {"holdout": 0.1})[1]["version"] == 2
    assert [a["n"] for a in admin("GET", "/v1/audiences")[1]["audiences"]] == [BUYERS]
    shown = admin("GET", "/v1/audiences/买家")[1]
    assert [v["version"] for v in shown["versions"]] == [1, 2]
    status, advice = team("GET", "/v1/audiences/买家/advice")
    assert (status, advice["persons"]) == (200, 15)
    assert all(line["text"] for line in advice["brief"]["lines"]) and advice["facts"]["comments"]
    assert team("DELETE", "/v1/audiences/买家") == (204, None)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/advice")):
        status, found = team(method, "/v1/audiences/买家" + path)
        assert (status, found["error"]["code"]) == (404, "not_found")


def test_small_groups_are_refused_without_admin(callers: Any) -> None:
    admin, team = callers
    body = {"name": "少数", "rule": "spending.orders >= 4"}
    status, found = team("POST", "/v1/audiences", body)
    assert (status, found["error"]["code"]) == (422, "group_too_small")
    assert admin("POST", "/v1/audiences", body)[0] == 201
    assert team("GET", "/v1/audiences/少数")[1]["n"] is None
    assert team("GET", "/v1/audiences/少数/advice")[0] == 422
    assert admin("GET", "/v1/audiences/少数/advice")[1]["persons"] == LOYAL
    too_small = body | {"min_size": 99, "name": "大"}
    assert "at least 99" in admin("POST", "/v1/audiences", too_small)[1]["error"]["message"]


def test_funnel_answers_from_the_store(callers: Any) -> None:
    admin, team = callers
    status, found = admin("POST", "/v1/funnels", SPEC)
    assert status == 200 and [s["persons"] for s in found["steps"]] == [PERSONS, BUYERS]
    assert found["steps"][1]["conversion_from_first"] == BUYERS / PERSONS
    assert found["dropped"][0]["persons"] == PERSONS - BUYERS
    rounded = team("POST", "/v1/funnels", SPEC)[1]
    assert [s["persons"] for s in rounded["steps"]] == [30, 15]
    assert rounded["dropped"][0]["persons"] == 15
    status, found = admin("POST", "/v1/funnels", {"steps": [{"event": ""}], "order": "x"})
    assert status == 422 and "2 fault(s)" in found["error"]["message"]


def test_rfm_answers_from_the_store(callers: Any) -> None:
    admin, team = callers
    found = admin("GET", "/v1/segments/rfm?as_of=2026-05-01")[1]
    assert (found["persons"], found["segments8"]["重要价值"]) == (BUYERS, LOYAL)
    assert sum(found["segments11"].values()) == BUYERS and len(found["segments11"]) == 11
    hidden = team("GET", "/v1/segments/rfm?as_of=2026-05-01&method=ntile")[1]
    assert hidden["persons"] == 15 and hidden["segments8"]["重要价值"] is None
    assert admin("GET", "/v1/segments/rfm?as_of=soon")[0] == 422


def test_catalogue_names_fields_and_tags(callers: Any) -> None:
    admin, team = callers
    fields = {f["field"]: f for f in team("GET", "/v1/persons/fields")[1]["fields"]}
    assert fields["spending.orders"]["name"] == "订单数"
    assert "between" in fields["spending.orders"]["operators"] and "segment" in fields
    tags = {t["tag"]: t for t in admin("GET", "/v1/tags")[1]["tags"]}
    assert tags["beauty_oil_control"]["n"] == 0 and tags["beauty_oil_control"]["name"]
    assert all(tag["n"] is None for tag in team("GET", "/v1/tags")[1]["tags"])
