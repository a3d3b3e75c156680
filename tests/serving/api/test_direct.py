"""The short way of POST /v1/analyze answers as the framework does, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.api.direct import Direct
from tests.serving.api.service_tools import MakeClient

JSON = {"Content-Type": "application/json"}
CALLS: dict[str, dict[str, Any]] = {
    "texts": {"json": {"texts": ["好喝", "难喝", "", "好喝"]}},
    "comments": {"json": {"comments": [{"id": 1, "text": "好喝"}, {"id": "b", "text": None}]}},
    "features": {"json": {"texts": ["好喝"], "features": ["risks"]}},
    "deadline": {"json": {"texts": ["好喝"]}, "headers": {"X-Deadline-Ms": "9000"}},
    "wrong deadline": {"json": {"texts": ["好喝"]}, "headers": {"X-Deadline-Ms": "soon"}},
    "large": {"json": {"texts": ["好喝" * 900] * 40}},
    "too many": {"json": {"texts": ["好"] * 5000}},
    "neither": {"json": {}},
    "both": {"json": {"texts": ["好"], "comments": [{"id": 1, "text": "好"}]}},
    "unknown member": {"json": {"texts": ["好"], "lang": "zh"}},
    "not texts": {"json": {"texts": [1, None, {"a": []}]}},
    "a list": {"json": ["好"]},
    "no body": {"headers": JSON},
    "no JSON": {"content": b"{", "headers": JSON},
    "name twice": {"content": b'{"texts": ["a"], "texts": ["b"]}', "headers": JSON},
    "no UTF-8": {"content": b'{"texts": ["\xff"]}', "headers": JSON},
    "form": {"data": {"texts": "好"}},
    "half a surrogate": {"content": b'{"texts": ["\\ud800"]}', "headers": JSON},
}


@pytest.mark.parametrize("name", CALLS)
def test_both_ways_give_the_same_answer(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def ask() -> tuple[int, Any, dict[str, str]]:
        answer = make_client().post("/v1/analyze", **CALLS[name])
        found = answer.json()
        if "error" in found:
            assert found["error"].pop("request_id") == answer.headers["x-request-id"]
        kept = {k: v for k, v in answer.headers.items() if k != "x-request-id"}
        return answer.status_code, found, kept | {"content-length": ""}

    short = ask()
    monkeypatch.setattr(Direct, "__call__", lambda self, *rest: self._app(*rest))
    assert ask() == short


def test_valid_calls_do_not_meet_the_framework(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    client.post("/v1/analyze", json={"texts": ["好喝"]})  # loads what is loaded at the first call

    async def framework(*_: object) -> None:
        raise AssertionError

    answers = [client.post("/v1/analyze", json={"texts": ["好喝"]}).status_code]
    monkeypatch.setattr("fastapi.routing.APIRoute.handle", framework)
    answers.append(client.post("/v1/analyze", json={"texts": ["好喝"]}).status_code)
    assert answers == [200, 200]
    text = client.app.state.service.metrics.render().decode()
    assert 'tingfeng_requests_total{code="200",route="/v1/analyze"} 3.0' in text
    assert json.dumps("好喝") not in text
