"""Scoring over HTTP: forms of a call, features, the cache, poison, storing, health while busy."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.api.errors import ApiError
from serving.api.schemas import AnalyzeAnswer
from tests.serving.api.service_tools import POISON, MakeClient, ScriptedScorer, quick_analyzer

TEXTS = ["好喝，喜欢", "难喝", "@小王", "加微信领福利"]


def results(client: TestClient, **body: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/analyze", json=body)
    assert answer.status_code == 200, answer.text
    AnalyzeAnswer.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_comments_come_back_with_their_ids(client: TestClient) -> None:
    comments = [{"id": "a", "text": "好喝"}, {"id": 7, "text": None, "platform": "douyin"}]
    found = results(client, comments=comments)
    assert [(r["id"], r["status"]) for r in found] == [("a", "ok"), (7, "empty")]


def test_nothing_to_judge_is_empty_with_nulls(client: TestClient) -> None:
    for found in results(client, texts=["", "  ", "@小王"]):
        assert found["status"] == "empty" and found["sentiment"] is None
        assert found["p_neutral"] is None and found["keywords"] == []


def test_one_call_and_many_calls_give_the_same(make_client: MakeClient) -> None:
    together = results(make_client(), texts=TEXTS)
    other = make_client()
    assert [results(other, texts=[text])[0] for text in TEXTS] == together


def test_features_select_members(client: TestClient) -> None:
    (found,) = results(client, texts=["好喝"], features=["emotion", "risks"])
    assert set(found) == {"status", "emotion", "risks", "truncated", "model_version"}


def test_equal_texts_are_scored_once_across_calls(make_client: MakeClient) -> None:
    scorer = ScriptedScorer()
    client = make_client(quick_analyzer(scorer))
    first = results(client, texts=["好评", "好评！！！！！"])
    assert results(client, texts=["好评", "好评！！！！！！！"]) == first
    assert [len(window) for window in scorer.windows] == [2]
    assert client.app.state.service.cache.hits == 2


def test_long_text_says_that_it_was_cut(client: TestClient) -> None:
    long, short = results(client, texts=["好喝" + "茶叶" * 2000, "好喝"])
    assert (long["truncated"], short["truncated"]) == (True, False)


def test_poisoned_text_fails_alone(client: TestClient, make_client: MakeClient) -> None:
    poisoned = make_client(quick_analyzer(ScriptedScorer()))
    found = results(poisoned, texts=["好喝", POISON, "难喝"])
    assert [r["status"] for r in found] == ["ok", "error", "ok"]
    assert found[::2] == results(client, texts=["好喝", "难喝"])


def test_health_answers_while_the_model_is_busy(make_client: MakeClient) -> None:
    scorer = ScriptedScorer()
    client = make_client(quick_analyzer(scorer))
    scorer.gate.clear()
    answers: list[int] = []
    call = threading.Thread(
        target=lambda: answers.append(
            client.post("/v1/analyze", json={"texts": ["好喝"]}).status_code
        )
    )
    call.start()
    while not client.app.state.service.batcher.stuck_s():
        time.sleep(0.002)
    assert client.get("/healthz").status_code == 200 and not answers
    scorer.gate.set()
    call.join(30)
    assert answers == [200]


def test_hung_model_is_unready_then_dead(make_client: MakeClient) -> None:
    client = make_client()
    assert client.get("/readyz").json()["store"] == "absent"
    batcher = client.app.state.service.batcher
    batcher._running[0] = (time.monotonic() - 11, 8)
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    assert client.post("/v1/analyze", json={"texts": ["好"]}).status_code == 503
    batcher._running[0] = (time.monotonic() - 61, 8)
    assert client.get("/healthz").status_code == 503
    batcher._running.clear()
    assert client.get("/readyz").status_code == 200


def test_overload_is_429_with_retry_after_in_the_envelope(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.api.batcher.PATIENCE", 0.0)
    scorer = ScriptedScorer()
    client = make_client(quick_analyzer(scorer), queue_wait_ms=20)
    batcher = client.app.state.service.batcher
    for _ in range(20):
        batcher.rate.observe(64, 1.0)
    scorer.gate.clear()
    waiting = [batcher.submit(["先来的"], None)]
    while not batcher.stuck_s():
        time.sleep(0.002)
    with suppress(ApiError):
        for i in range(50):
            waiting.append(batcher.submit([f"第{i}"], None))
    answer = client.post("/v1/analyze", json={"texts": ["三"]})
    scorer.gate.set()
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["error"]["code"] == "overloaded"
    assert 2 <= len(waiting) < 5 and all(call.future.result(30) for call in waiting)
    assert client.post("/v1/analyze", json={"texts": ["三"]}).status_code == 200


def test_comments_are_scored_and_stored_once(client: TestClient) -> None:
    comment = {
        "id": "1",
        "text": "茶很好喝，喜欢",
        "platform": "douyin",
        "content_id": "v1",
        "user_id": "u1",
        "created_at": "2026-09-28T12:00:00",
    }
    body = {"comments": [comment, {"id": 2, "text": "难喝", "platform": "douyin"}]}
    first, second = (client.post("/v1/comments", json=body).json() for _ in range(2))
    assert [r["sentiment"] for r in first["results"]] == ["positive", "negative"]
    assert first["stored"] == {
        "rows": 2,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "duplicates": 0,
    }
    assert second["stored"]["unchanged"] == 2 and second["results"] == first["results"]
    assert client.get("/readyz").json()["store"] == "ok"


def test_stored_moment_without_a_zone_is_chinese_time(client: TestClient) -> None:
    body = {"comments": [{"id": "1", "text": "好", "created_at": "2026-09-28T08:00:00"}]}
    assert client.post("/v1/comments", json=body).status_code == 200
    from serving.stores import open_existing_store

    with open_existing_store(client.app.state.service.settings) as store:
        (row,) = store.read("SELECT created_at, sentiment FROM comments").to_pylist()
    assert row["created_at"].isoformat() == "2026-09-28T00:00:00+00:00"
    assert row["sentiment"] == "positive"


def test_request_id_is_taken_over_or_made(client: TestClient) -> None:
    given = client.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert given.headers["X-Request-Id"] == "abc-1"
    made = client.get("/nothing", headers={"X-Request-Id": "多 行".encode()})
    assert len(made.headers["X-Request-Id"]) == 32
    assert made.json()["error"]["request_id"] == made.headers["X-Request-Id"]


def test_metrics_name_routes_by_template(client: TestClient) -> None:
    client.post("/v1/analyze", json={"texts": ["好喝", "@小王"]})
    client.get("/v1/profiles/秘密用户")
    text = client.get("/metrics").text
    assert 'tingfeng_requests_total{code="404",route="/v1/profiles/{user}"} 1.0' in text
    assert 'tingfeng_texts_total{source="api",status="empty"} 1.0' in text
    assert "tingfeng_cache_misses" in text and "tingfeng_window_tokens_bucket" in text
    assert "秘密用户" not in text


def test_log_lines_hold_no_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    from serving.api.journal import JsonFormatter

    caplog.set_level(logging.INFO, "tingfeng.api")
    client.post("/v1/analyze", json={"texts": ["绝密的评论"]})
    client.post("/v1/analyze", json={"texts": [{"绝密": 1}]})
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len(lines) == 2 and '"route": "/v1/analyze"' in lines[0]
    assert '"texts": 1' in lines[0] and "绝密" not in "".join(lines)


def test_unforeseen_error_is_500_without_its_message(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("绝密的评论")

    monkeypatch.setattr(client.app.state.service.scoring, "score", fail)
    answer = client.post("/v1/analyze", json={"texts": ["好"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "绝密" not in answer.text + str([vars(r) for r in caplog.records])


def test_info_names_model_and_limits(client: TestClient) -> None:
    found = client.get("/v1/info").json()
    assert found["model"]["name"] == "fake" and found["limits"]["max_texts"] == 256
    assert found["key"] is None and found["runtime"]["duckdb"]
