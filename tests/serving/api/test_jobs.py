"""Jobs: uploads, a run in a real process, tenants, idempotency, cancelling, restarts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.api.job_shelf import JobShelf
from serving.api.jobs import JobRunner
from serving.api.keys import KeyFile
from tests.serving.api.service_tools import MakeClient, bearer

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}
ROWS = "".join(
    json.dumps({"comment_id": str(i), "text": text}, ensure_ascii=False) + "\n"
    for i, text in enumerate(["好喝，喜欢", "难喝", "", "天气不错"])
).encode()
PATIENCE_S = 240


class ScriptedProcess:
    """Stands for the process of a job: ends with the codes given, or when stopped."""

    codes: list[int] = []  # noqa: RUF012 - set by each test
    folders: list[Path] = []  # noqa: RUF012

    def __init__(self, folder: Path, **_: Any) -> None:
        self.folders.append(folder)
        self._stopped = False

    def wait(self) -> int:
        """A scripted code; without one, waits to be stopped."""
        if self.codes:
            return self.codes.pop(0)
        while not self._stopped:
            time.sleep(0.005)
        return -15

    def stop(self) -> None:
        """Ends it."""
        self._stopped = True


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedProcess]:
    ScriptedProcess.codes, ScriptedProcess.folders = [], []
    monkeypatch.setattr("serving.api.jobs.JobProcess", ScriptedProcess)
    return ScriptedProcess


def until(client: TestClient, job_id: str, *statuses: str, **more: Any) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}", **more).json()
        if job["status"] in statuses:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


def test_upload_is_scored_by_a_process_and_downloaded(client: TestClient) -> None:
    created = client.post("/v1/jobs", content=ROWS, headers=NDJSON)
    assert created.status_code == 202, created.text
    job_id = created.json()["id"]
    assert created.headers["location"] == f"/v1/jobs/{job_id}"
    job = until(client, job_id, "done", "failed")
    assert job["status"] == "done", job
    assert (job["rows_done"], job["rows_total"]) == (4, 4)
    summary = job["summary"]
    assert [summary[k] for k in ("rows_in", "scored", "empty", "rejected")] == [4, 3, 1, 0]
    result = client.get(job["result"])
    rows = [json.loads(line) for line in result.text.splitlines()]
    assert [row["comment_id"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["sentiment"] for row in rows[:3]] == ["positive", "negative", None]
    assert client.get(f"/v1/jobs/{job_id}/rejects").text == ""
    many = {"Range": "bytes=" + ",".join(["0-1"] * 10_000)}
    assert client.get(job["result"], headers=many).status_code in (416, 431)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404


def test_unusable_upload_fails_with_a_reason_and_without_paths(
    client: TestClient, tmp_path: Path
) -> None:
    body = b"a,b\n1,2\n3,4\n"
    job_id = client.post("/v1/jobs?text_column=评论", content=body, headers=CSV).json()["id"]
    job = until(client, job_id, "done", "failed")
    assert job["status"] == "failed" and "expected" in job["error"]
    assert str(tmp_path) not in job["error"]
    assert client.get(f"/v1/jobs/{job_id}/result").status_code == 409


@pytest.mark.usefixtures("scripted")
def test_same_idempotency_key_is_one_job_and_another_body_a_conflict(client: TestClient) -> None:
    headers = NDJSON | {"Idempotency-Key": "k1"}
    first = client.post("/v1/jobs", content=ROWS, headers=headers)
    again = client.post("/v1/jobs", content=ROWS, headers=headers)
    other = client.post("/v1/jobs", content=ROWS + b"\n", headers=headers)
    assert [a.status_code for a in (first, again, other)] == [202, 200, 409]
    assert first.json()["id"] == again.json()["id"]
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


@pytest.mark.usefixtures("scripted")
def test_jobs_are_listed_newest_first_in_pages(client: TestClient) -> None:
    made = [client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"] for _ in range(3)]
    page = client.get("/v1/jobs?limit=2").json()
    rest = client.get("/v1/jobs", params={"cursor": page["next"]}).json()
    assert [job["id"] for job in page["jobs"] + rest["jobs"]] == made[::-1]
    assert rest["next"] is None


@pytest.mark.usefixtures("scripted")
def test_too_many_unfinished_jobs_are_refused(make_client: MakeClient) -> None:
    client = make_client(job_max_waiting=1)
    client.post("/v1/jobs", content=ROWS, headers=NDJSON)
    refused = client.post("/v1/jobs", content=ROWS, headers=NDJSON)
    assert refused.status_code == 429 and refused.headers["Retry-After"]


def test_upload_over_the_limit_leaves_nothing(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(job_max_bytes=100)
    refused = client.post("/v1/jobs", content=iter([b"x" * 60] * 5), headers=NDJSON)
    assert refused.status_code == 413
    assert not list((tmp_path / "jobs").iterdir())


@pytest.mark.usefixtures("scripted")
def test_other_tenant_does_not_see_the_job(make_client: MakeClient, keys: KeyFile) -> None:
    client = make_client()
    mine, theirs = (bearer(keys.create(t, ["analyze"], tenant=t)[1]) for t in ("a", "b"))
    job_id = client.post("/v1/jobs", content=ROWS, headers=NDJSON | mine).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}", headers=mine).status_code == 200
    for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")):
        answer = client.request(method, f"/v1/jobs/{job_id}{path}", headers=theirs)
        assert answer.status_code == 404
    assert client.get("/v1/jobs", headers=theirs).json()["jobs"] == []


def test_running_and_waiting_jobs_are_cancelled(client: TestClient, scripted: Any) -> None:
    first, second = (
        client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"] for _ in range(2)
    )
    until(client, first, "running")
    for job_id in (second, first):
        assert client.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    third = client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"]
    until(client, third, "running")
    for _ in range(200):  # the status is written just before the process starts
        if len(scripted.folders) == 2:
            break
        time.sleep(0.02)
    assert [f.name for f in scripted.folders] == [first, third]


def test_job_goes_on_after_a_restart(make_client: MakeClient, scripted: Any) -> None:
    client = make_client()
    job_id = client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"]
    until(client, job_id, "running")
    client.app.state.service.close()
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"
    scripted.codes = [0]
    again = make_client()
    again.app.state.service.jobs.start()
    assert until(again, job_id, "done")["error"] is None


def test_job_whose_process_dies_is_tried_three_times(client: TestClient, scripted: Any) -> None:
    scripted.codes = [-9, -11, -9]
    job_id = client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"]
    job = until(client, job_id, "failed")
    assert "died" in job["error"] and len(scripted.folders) == 3


def test_full_disk_is_507_and_leaves_nothing(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("serving.api.upload._save", full)
    assert client.post("/v1/jobs", content=ROWS, headers=NDJSON).status_code == 507
    assert not list((tmp_path / "jobs").iterdir())


def test_old_jobs_and_broken_uploads_are_tidied(
    make_client: MakeClient, scripted: Any, tmp_path: Path
) -> None:
    client = make_client(job_keep_days=1e-9)
    scripted.codes = [0]
    job_id = client.post("/v1/jobs", content=ROWS, headers=NDJSON).json()["id"]
    deadline = time.monotonic() + PATIENCE_S
    shelf = client.app.state.service.shelf
    while next(iter(shelf.all()), None) and next(shelf.all()).status != "done":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / "jobs" / f".{job_id}").mkdir()
    service = client.app.state.service
    JobRunner(JobShelf(tmp_path / "jobs"), service.settings, service.metrics).start()
    assert not list((tmp_path / "jobs").iterdir())
