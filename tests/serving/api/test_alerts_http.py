"""Incidents and silences over HTTP: filters, pages, what people do, and how the watch is doing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from serving.alerts.incidents import Alert, Incident, key_text
from serving.alerts.journal import FILE, Journal
from serving.api.alert_schemas import AlertsAnswer, IncidentDetail, SilencesAnswer
from serving.api.keys import KeyFile
from serving.cli.main import main
from tests.serving.api.service_tools import MakeClient, bearer

NOW = 1_790_000_000


def incident(number: int, **changed: Any) -> Incident:
    key = {"brand": "all", "platform": "douyin", "content": f"73{number:02}"}
    name = "|".join(f"{k}={v}" for k, v in sorted(key.items()))
    alert = Alert(
        key=key,
        kind="burst",
        since=NOW,
        window_s=900,
        observed=48,
        expected=6.0,
        comments=77,
        p_value=1e-9,
        p_share=1e-4,
    )
    made = Incident(
        id=f"inc-{number:012x}",
        key=key,
        severity="warning",
        opened_at=NOW + number // 2 * 60,  # two at a time
        alerts={name: alert},
        evidence=[{"text": "杯底有虫子", "why": "点赞最多", "likes": 3}],
    )
    made.note(NOW, "opened")
    for member, value in changed.items():
        setattr(made, member, value)
    return made


@pytest.fixture
def known(client: TestClient, tmp_path: Path) -> TestClient:
    """Five incidents: 0 closed, 1 acknowledged, 2 critical, 3 silenced, 4 plain."""
    changes: list[dict[str, Any]] = [
        {"closed_at": NOW + 900},
        {"acknowledged_by": "值班"},
        {"severity": "critical", "risks": ["food_safety"]},
        {"held": "silenced"},
        {},
    ]
    with Journal(tmp_path / FILE) as journal, journal.transaction():
        for number, change in enumerate(changes):
            journal.save_incident(incident(number, **change), live=True)
    return client


def ids(client: TestClient, query: str) -> list[int]:
    answer = client.get(f"/v1/alerts?{query}")
    assert answer.status_code == 200, answer.text
    AlertsAnswer.model_validate(answer.json())
    return [int(one["incident_id"][-12:], 16) for one in answer.json()["alerts"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 2, 3, 0, 1]),
        ("state=open", [4, 2, 3, 1]),
        ("state=closed", [0]),
        ("state=acknowledged", [1]),
        ("state=held", [3]),
        ("severity=critical", [2]),
        ("key=content=7303", [3]),
        ("key=content=7303&key=platform=douyin&state=open", [3]),
        ("key=content=7303&key=platform=weibo", []),
        (f"since={NOW + 120}", [4]),  # seconds since 1970 are a moment too
        ("since=2026-09-21T14:14:00Z", [4, 2, 3]),
        ("since=2026-09-21T22:14:00", [4, 2, 3]),  # without a zone it is UTC+8
    ],
)
def test_filters(known: TestClient, query: str, found: list[int]) -> None:
    assert ids(known, query) == found


def test_pages_hold_every_incident_once(known: TestClient) -> None:
    seen, cursor = [], ""
    while True:
        answer = known.get(f"/v1/alerts?limit=2{cursor}").json()
        seen += [one["incident_id"] for one in answer["alerts"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "query", ["state=lost", "key=colour=red", "key=content", "cursor=x", "limit=0", "since=later"]
)
def test_wrong_filters_are_422(known: TestClient, query: str) -> None:
    answer = known.get(f"/v1/alerts?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_one_incident_has_timeline_and_evidence(known: TestClient) -> None:
    found = known.get(f"/v1/alerts/inc-{2:012x}").json()
    IncidentDetail.model_validate(found)
    assert found["evidence"][0]["text"] == "杯底有虫子" and found["state"] == "open"
    assert found["timeline"] == [{"at": "2026-09-21T14:13:20Z", "what": "opened", "detail": ""}]
    assert found["observed"] == 48 and found["key"] == {"platform": "douyin", "content": "7302"}


@pytest.mark.parametrize("name", ["inc-none", "inc-", f"inc-{2:012x}"[:-1]])
def test_unknown_incident_is_404(known: TestClient, name: str) -> None:
    for answer in (known.get(f"/v1/alerts/{name}"), known.post(f"/v1/alerts/{name}/ack")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_ack_and_assign(known: TestClient, tmp_path: Path) -> None:
    path = f"/v1/alerts/inc-{4:012x}"
    assert known.post(f"{path}/ack").json()["acknowledged_by"] == "operator"
    answer = known.post(f"{path}/ack", json={"by": "值班"})
    assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
    assert known.post(f"{path}/assign", json={"to": "公关组"}).json()["assigned_to"] == "公关组"
    assert known.post(f"{path}/assign", json={}).status_code == 422
    assert known.post(f"{path}/assign").status_code == 415
    assert known.post(f"{path}/ack", content=b"{}").status_code == 415
    steps = [one["what"] for one in known.get(path).json()["timeline"]]
    assert steps == ["opened", "acknowledged", "acknowledged", "assigned"]
    with Journal(tmp_path / FILE) as journal:
        assert journal.incident(f"inc-{4:012x}").acknowledged_by == "值班"


def test_key_that_acknowledges_is_named(
    make_client: MakeClient, keys: KeyFile, tmp_path: Path
) -> None:
    with Journal(tmp_path / FILE) as journal:
        journal.save_incident(incident(4), live=True)
    record, token = keys.create("desk", ["alerts"])
    answer = make_client().post(f"/v1/alerts/inc-{4:012x}/ack", headers=bearer(token))
    assert answer.json()["acknowledged_by"] == record.id


def test_silences_begin_are_listed_and_end(known: TestClient) -> None:
    body = {"matchers": {"content": "7301"}, "minutes": 120, "by": "值班", "why": "已知问题"}
    made = known.post("/v1/silences", json=body)
    assert made.status_code == 201 and made.json()["by"] == "值班"
    listed = known.get("/v1/silences").json()
    SilencesAnswer.model_validate(listed)
    assert listed["silences"] == [made.json()]
    path = f"/v1/silences/{made.json()['silence_id']}"
    ended = known.delete(path)
    assert ended.status_code == 200 and ended.json()["ends_at"] < made.json()["ends_at"]
    assert known.get("/v1/silences").json() == {"silences": []}
    assert known.delete(path).json() == ended.json()
    assert known.delete("/v1/silences/sil-none").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"matchers": {}},
        {"matchers": {"colour": "red"}},
        {"matchers": {"content": ""}},
        {"matchers": {"content": "1"}, "minutes": 0},
        {"matchers": {"content": "1"}, "minutes": 1e9},
    ],
)
def test_wrong_silences_are_422(known: TestClient, body: dict[str, Any]) -> None:
    assert known.post("/v1/silences", json=body).status_code == 422


def test_file_that_another_process_writes_is_503(
    known: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.api.alert_access.WAIT_S", 0.05)
    with Journal(tmp_path / FILE) as journal, journal.transaction():
        answer = known.post(f"/v1/alerts/inc-{4:012x}/ack")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert known.get("/v1/alerts").status_code == 200


def test_readyz_and_metrics_show_how_the_watch_is_doing(client: TestClient, tmp_path: Path) -> None:
    def shown() -> tuple[dict[str, Any], str]:
        return client.get("/readyz").json()["alerts"], client.get("/metrics").text

    assert shown()[0] == {"status": "absent", "last_pass_at": None, "last_comment_at": None}
    now = int(time.time())
    with Journal(tmp_path / FILE) as journal:
        for name in ("passed", "last_comment"):
            journal.put(name, now)
        assert shown()[0]["status"] == "watching"
        silence = incident(9, key={"source": "comments"})
        silence.alerts = {"source=comments": next(iter(silence.alerts.values()))}
        journal.save_incident(silence, live=True)
        told, metrics = shown()
        assert told["status"] == "no_comments" and told["last_pass_at"].endswith("Z")
        assert 'tingfeng_watch{status="no_comments"} 1.0' in metrics
        assert 'tingfeng_watch_open_incidents{severity="warning"} 1.0' in metrics
        value = client.app.state.service.metrics.registry.get_sample_value
        assert value("tingfeng_watch_timestamp_seconds", {"last": "pass"}) == now
        journal.put("passed", now - 700)
        assert shown()[0]["status"] == "stale"
        journal.put("every_s", 300)
        assert shown()[0]["status"] == "no_comments"
    (tmp_path / FILE).write_bytes(b"no database" * 99)
    assert shown()[0]["status"] == "unknown" and client.get("/readyz").status_code == 200


@pytest.fixture
def watch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[], list[dict[str, Any]]]:
    """One pass of ``tingfeng alerts watch store``; the messages."""
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path))

    def run() -> list[dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", "alerts", "watch", "store", "--passes", "1"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_comments_posted_to_the_store_are_watched(
    client: TestClient, watch: Callable[[], list[dict[str, Any]]]
) -> None:
    dice, now = np.random.default_rng(4), int(time.time())
    calm = [(now - 3600 - int(t), dice.random() < 0.2) for t in dice.integers(0, 86_400, 250)]
    bad = [(now - 2700 + 30 * k, True) for k in range(80)]
    assert post(client, calm, "a") == 250
    assert watch() == []
    assert post(client, bad, "b") == 80
    (told,) = watch()
    assert told["kind"] == "opened" and told["key"]["content"] == "v1"
    assert told["observed"] > 5 * told["expected"]
    assert watch() == []
    (listed,) = client.get("/v1/alerts?state=open&key=content=v1").json()["alerts"]
    assert listed["incident_id"] == told["incident_id"]
    assert client.get("/readyz").json()["alerts"]["status"] == "watching"


def post(client: TestClient, comments: list[tuple[int, Any]], prefix: str) -> int:
    rows = [
        {
            "id": f"{prefix}{k}",
            "text": "太差了" if bad else "今天周几",
            "platform": "douyin",
            "content_id": "v1",
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        }
        for k, (at, bad) in enumerate(comments)
    ]
    answer = client.post("/v1/comments", json={"comments": rows})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["stored"]["inserted"])


@pytest.fixture
def of_two(
    make_client: MakeClient, keys: KeyFile, tmp_path: Path
) -> tuple[TestClient, dict[str, Any]]:
    """An incident of each of two tenants and one of nobody's; keys of each and the operator."""
    made = {
        name: bearer(keys.create(name, ["profiles", "alerts"], tenant=name)[1])
        for name in ("shop", "mall", "default")
    }
    with Journal(tmp_path / FILE) as journal, journal.transaction():
        for number, tenant in enumerate(("shop", "mall", None)):
            one = incident(number)
            if tenant is not None:
                one.key["tenant"] = tenant
                alert = one.alerts.pop(next(iter(one.alerts)))
                alert.key = one.key
                one.alerts[key_text(one.key)] = alert
            journal.save_incident(one, live=True)
    return make_client(), made


def test_key_of_a_tenant_sees_and_changes_that_tenants_incidents_only(
    of_two: tuple[TestClient, dict[str, Any]],
) -> None:
    client, keys = of_two
    counts = {
        name: [
            one["key"].get("tenant") for one in client.get("/v1/alerts", headers=h).json()["alerts"]
        ]
        for name, h in keys.items()
    }
    assert counts["shop"] == ["shop"] and counts["mall"] == ["mall"]
    assert set(counts["default"]) == {"shop", "mall", None}
    narrowed = client.get("/v1/alerts?key=tenant=shop", headers=keys["default"]).json()
    assert len(narrowed["alerts"]) == 1
    assert client.get("/v1/alerts?key=tenant=mall", headers=keys["shop"]).json()["alerts"] == []
    own, other = "/v1/alerts/inc-000000000000", "/v1/alerts/inc-000000000001"
    assert client.get(own, headers=keys["shop"]).status_code == 200
    for refused in (
        client.get(other, headers=keys["shop"]),
        client.post(f"{other}/ack", headers=keys["shop"]),
        client.post(f"{other}/assign", json={"to": "x"}, headers=keys["shop"]),
    ):
        assert refused.status_code == 404, refused.text
    assert client.post(f"{own}/ack", headers=keys["shop"]).status_code == 200


def test_silence_of_a_tenants_key_is_about_that_tenant_only(
    of_two: tuple[TestClient, dict[str, Any]],
) -> None:
    client, keys = of_two
    made = client.post("/v1/silences", json={"matchers": {"content": "1"}}, headers=keys["shop"])
    assert made.json()["matchers"] == {"content": "1", "tenant": "shop"}
    theirs = {"matchers": {"tenant": "mall"}}
    assert client.post("/v1/silences", json=theirs, headers=keys["shop"]).status_code == 403
    assert client.get("/v1/silences", headers=keys["mall"]).json()["silences"] == []
    path = f"/v1/silences/{made.json()['silence_id']}"
    assert client.delete(path, headers=keys["mall"]).status_code == 404
    assert client.delete(path, headers=keys["shop"]).status_code == 200
