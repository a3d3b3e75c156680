"""The Douyin client against a server that answers, and fails, as the documentation says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.readers import open_dump
from serving.sources.douyin_client import DouyinClient
from serving.sources.douyin_fetch import (
    CommentsQuery,
    FetchSummary,
    clean_items,
    fetch_comments,
    fetch_fans,
    fetch_items,
)
from serving.sources.douyin_login import check_credentials, log_in
from serving.sources.douyin_sender import App, FaultError, Sender
from serving.sources.douyin_tokens import TokenStore
from serving.sources.errors import SourceError
from serving.sources.http import CutOff
from serving.sources.pacing import Pacer
from serving.sources.resumable import ResumableOutput
from tests.serving.fake_douyin import KEY, SECRET, Platform, comment, item, start

ITEM = "@v1/+=="
NOW = 1_000_000.0


class Bench:
    """A platform, an account that is logged in, and a clock that sleeps without waiting."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.platform, self.folder, self.now = platform, folder, NOW
        self.slept: list[float] = []
        self.said: list[str] = []
        self.store = TokenStore(folder)

    def sender(self, attempts: int = 4, timeout_s: float = 5.0) -> Sender:
        app = App(base_url=self.platform.base_url, client_key=KEY, client_secret=SECRET)
        pacer = Pacer(per_s=10.0, sleep=self._sleep, clock=lambda: self.now, rng=random.Random(1))
        return Sender(app=app, pacer=pacer, attempts=attempts, timeout_s=timeout_s)

    def log_in(self) -> None:
        log_in(self.sender(), self.store, "code1", self.now)
        self.platform.asked.clear()

    def client(self, **options: Any) -> DouyinClient:
        return DouyinClient(
            self.sender(**options), self.store, now=lambda: self.now, say=self.said.append
        )

    def comments(
        self, *items: str, client: DouyinClient | None = None, **query: Any
    ) -> tuple[FetchSummary, list[dict[str, Any]]]:
        """The summary and the rows of a whole fetch."""
        asked = CommentsQuery(items=items or (ITEM,), **query)
        out = self.folder / "comments.jsonl"
        with ResumableOutput(out, asked.identity("account1"), resume=True) as output:
            summary = fetch_comments(client or self.client(), asked, output)
            output.finish()
        return summary, read_rows(out)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [row["digg_count"] for row in rows]


@pytest.fixture
def platform() -> Iterator[Platform]:
    known = Platform(comments={ITEM: [comment(n) for n in range(95)]})
    server = start(known)
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def bench(tmp_path: Path, platform: Platform) -> Bench:
    made = Bench(tmp_path, platform)
    made.log_in()
    return made


def test_comments_come_page_by_page_once_each_and_are_recognised(bench: Bench) -> None:
    summary, rows = bench.comments()
    assert numbers(rows) == list(range(95))
    assert (summary.rows, summary.pages, summary.faults) == (95, 5, [])
    assert [params["cursor"] for _, params in bench.platform.asked] == ["0", "20", "40", "60", "80"]
    assert {params["item_id"] for _, params in bench.platform.asked} == {ITEM}
    dump = open_dump(bench.folder / "comments.jsonl")
    assert (dump.format, dump.rows) == ("douyin-open-platform-comments", 95)
    first = next(dump.batches()).records.to_pylist()[0]
    assert (first["content_id"], first["comment_id"]) == (ITEM, "@c0/+==")
    assert not (bench.folder / "comments.jsonl.fetch").exists()


def test_replies_follow_their_item_and_name_their_parent(bench: Bench) -> None:
    answered = [comment(n, reply_comment_total=n % 2 * 30) for n in range(4)]
    bench.platform.comments = {ITEM: answered}
    bench.platform.replies = {
        answered[n]["comment_id"]: [comment(100 * n + m) for m in range(30)] for n in (1, 3)
    }
    _, rows = bench.comments(replies=True)
    assert numbers(rows) == [0, 1, 2, 3, *range(100, 130), *range(300, 330)]
    records = next(open_dump(bench.folder / "comments.jsonl").batches()).records.to_pylist()
    assert [r["parent_id"] for r in records[:5]] == [None] * 4 + ["@c1/+=="]
    assert {r["content_id"] for r in records} == {ITEM}


def test_mini_application_uses_its_own_paths_and_params(bench: Bench) -> None:
    bench.comments(app="mini", params={"sort_type": "time"})
    assert set(bench.platform.paths) == {"/api/apps/v1/item/list_comment/"}
    assert bench.platform.asked[0][1]["sort_type"] == "time"
    assert len(bench.platform.asked) == 2  # 50 a page


def test_rows_given_again_on_the_next_page_are_written_once(bench: Bench) -> None:
    rows = [comment(n) for n in range(30)]
    bench.platform.comments = {ITEM: [*rows[:20], *rows[15:]]}
    summary, fetched = bench.comments()
    assert numbers(fetched) == list(range(30)) and summary.duplicates == 5


def test_token_that_ends_midway_is_refreshed_once_and_kept(bench: Bench) -> None:
    bench.platform.faults = {3: "expire"}
    client = bench.client()
    _, rows = bench.comments(client=client)
    assert numbers(rows) == list(range(95))
    assert bench.platform.paths.count("/oauth/refresh_token/") == 1
    assert client.traffic.refreshes == 1
    assert bench.store.load().access_token == bench.platform.access == "act.later+"


def test_token_refused_after_its_refresh_ends_the_fetch(bench: Bench) -> None:
    bench.platform.faults = {1: ("code", 28001003), 3: ("code", 28001008)}
    with pytest.raises(FaultError, match="fetch douyin login"):
        bench.comments()
    assert bench.platform.paths[1] == "/oauth/refresh_token/" and len(bench.platform.asked) == 3


def test_token_near_its_end_is_refreshed_before_it_is_used(bench: Bench) -> None:
    bench.now += 1_296_000 - 300
    bench.comments()
    assert bench.platform.paths[0] == "/oauth/refresh_token/"
    assert bench.platform.paths.count("/oauth/refresh_token/") == 1


def test_login_near_its_end_is_prolonged(bench: Bench) -> None:
    bench.platform.expires_in = "2592000"
    bench.log_in()
    bench.now += 2_592_000 - 86_400
    bench.comments()
    assert bench.platform.paths[0] == "/oauth/renew_refresh_token/"
    assert bench.store.load().refresh_token == "rft.1+"
    assert bench.store.load().refresh_expires_at == pytest.approx(bench.now + 2_592_000, abs=60)


def test_login_that_cannot_be_prolonged_is_said_and_goes_on(bench: Bench) -> None:
    bench.platform.expires_in = "2592000"
    bench.log_in()
    bench.now += 2_592_000 - 86_400
    bench.platform.faults = {1: ("code", 10020)}
    assert bench.comments()[0].rows == 95
    assert len(bench.said) == 1 and "10020" in bench.said[0] and "rft" not in bench.said[0]


def test_ended_login_asks_for_a_new_one(bench: Bench) -> None:
    bench.platform.refresh = "rft.other"
    bench.platform.faults = {1: "expire"}
    with pytest.raises(FaultError, match=r"10010 .*fetch douyin login") as caught:
        bench.comments()
    assert "rft.1" not in str(caught.value) and "***" in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        ("code", 28003018),
        ("code", 28001005),
        ("code", 2100004),
        (500,),
        (503,),
        (429,),
        "cut",
        "drop",
        b"<html>busy</html>",
        b'{"data": {"list": [',
        b"[]",
        b'{"data": null}',
    ],
    ids=str,
)
def test_passing_fault_is_tried_again_later(bench: Bench, fault: Any) -> None:
    bench.platform.faults = {2: fault, 3: fault}
    client = bench.client()
    summary, rows = bench.comments(client=client)
    assert numbers(rows) == list(range(95)) and summary.pages == 5
    assert (client.traffic.requests, client.traffic.retries) == (7, 2)
    waits = [seconds for seconds in bench.slept if seconds > 0.1]
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 2.0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (("code", 28003018), "28003018 described; lower TINGFENG_DOUYIN_REQUESTS_PER_S"),
        ((502,), "HTTP status 502"),
        (b"{", "no JSON object"),
        ("cut", "expected a whole answer"),
    ],
    ids=str,
)
def test_lasting_fault_ends_after_the_attempts_in_one_line(
    bench: Bench, fault: Any, message: str
) -> None:
    bench.platform.faults = dict.fromkeys(range(3, 20), fault)
    with pytest.raises(SourceError, match=message) as caught:
        bench.comments()
    assert len(bench.platform.asked) == 2 + 4
    assert "\n" not in str(caught.value)
    bench.platform.faults.clear()
    summary, rows = bench.comments()  # the same command again goes on
    assert numbers(rows) == list(range(95)) and summary.resumed == 40


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (28001018, "ask for the capability"),
        (2190004, "ask for the capability"),
        (2190001, "run the same command again tomorrow"),
        (2100005, "check the ids"),
        (424242, "424242 described"),
        (28001015, "fetch douyin login"),
    ],
)
def test_final_refusal_is_not_tried_again(bench: Bench, code: int, message: str) -> None:
    bench.platform.faults = {2: ("code", code)}
    with pytest.raises(FaultError, match=message):
        bench.comments()
    assert len(bench.platform.asked) == 2


def test_retry_after_is_waited_for(bench: Bench) -> None:
    bench.platform.faults = {2: (429, {"Retry-After": "7"})}
    bench.comments()
    assert 7.0 in bench.slept


def test_retry_after_of_an_hour_ends_the_run_with_the_wait(bench: Bench) -> None:
    bench.platform.faults = {2: ("code", 28003018, {"Retry-After": "3600"})}
    with pytest.raises(FaultError, match="wait 3600 s"):
        bench.comments()
    assert max(bench.slept) < 1


def test_requests_keep_their_distance(bench: Bench) -> None:
    bench.comments()
    assert bench.slept == pytest.approx([0.1] * 4)


def test_redirect_is_not_followed(bench: Bench) -> None:
    bench.platform.faults = {1: (302, {"Location": bench.platform.base_url + "/elsewhere"})}
    with pytest.raises(FaultError, match="check TINGFENG_DOUYIN_BASE_URL"):
        bench.comments()
    assert "/elsewhere" not in bench.platform.paths


def test_nothing_listening_is_one_line(bench: Bench) -> None:
    client = bench.client(attempts=2)
    bench.platform.base_url = "http://127.0.0.1:9"
    with pytest.raises(CutOff, match="check the base address"):
        bench.client(attempts=2).get("/item/comment/list/", {})
    assert client.open_id == "account1"


def test_server_that_drips_is_given_up(bench: Bench) -> None:
    bench.platform.faults = {1: "drip"}
    with pytest.raises(CutOff, match=r"longer than 0\.2 s"):
        bench.client(attempts=1, timeout_s=0.2).get("/item/comment/list/", {})


@pytest.mark.parametrize("cursor", [20, None, 0])
def test_has_more_without_progress_is_noted_and_the_others_are_fetched(
    bench: Bench, cursor: Any
) -> None:
    page = {"list": [comment(n) for n in range(20)], "cursor": cursor, "has_more": True}
    bench.platform.pages = {"/item/comment/list/": {"data": page}}
    summary, rows = bench.comments(ITEM, "@v2")
    assert {row["item_id"] for row in rows} == {ITEM, "@v2"} and len(rows) == 40
    assert len(summary.faults) == 2 and "cursor that moves on" in summary.faults[0]
    assert len(bench.platform.asked) == (4 if cursor == 20 else 2)


def test_endless_empty_pages_are_noted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = bench.client()

    def empty(_: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"list": None, "cursor": params["cursor"] + 1, "has_more": 1}

    monkeypatch.setattr(client, "get", empty)
    summary, rows = bench.comments(client=client)
    assert rows == [] and "11 pages without rows" in summary.faults[0]


def test_item_that_is_gone_is_noted_and_the_others_are_fetched(bench: Bench) -> None:
    summary, rows = bench.comments("@gone", ITEM)
    assert len(rows) == 95
    (fault,) = summary.faults
    assert fault.startswith("item @gone: ") and "2111007" in fault


def test_list_that_is_none_is_refused(bench: Bench) -> None:
    bench.platform.pages = {"/item/comment/list/": {"data": {"list": {"0": {}}}}}
    with pytest.raises(SourceError, match="expected a list of objects"):
        bench.comments()


def test_items_listed_are_contents_with_their_counts(bench: Bench) -> None:
    bench.platform.items = [item(n) for n in range(45)]
    out = bench.folder / "items.jsonl"
    with ResumableOutput(out, {}, resume=True) as output:
        summary = fetch_items(bench.client(), [], output)
        output.finish()
    assert (summary.rows, summary.pages, summary.faults) == (45, 3, [])
    dump = open_dump(out)
    assert (dump.kind, dump.format, dump.rows) == ("contents", "douyin-open-platform-items", 45)
    assert next(dump.batches()).records.to_pylist()[1]["like_count"] == 101


def test_items_asked_for_come_in_batches_and_missing_ones_are_noted(bench: Bench) -> None:
    bench.platform.items = [item(n) for n in range(45)]
    wanted = [f"@v{n}" for n in range(30)] + ["@gone"]
    out = bench.folder / "items.jsonl"
    with ResumableOutput(out, {}, resume=True) as output:
        summary = fetch_items(bench.client(), wanted, output)
        output.finish()
    assert [row["item_id"] for row in read_rows(out)] == wanted[:-1]
    assert summary.faults == ["item @gone: not given by the platform"]
    assert [len(params["item_ids"]) for _, params in bench.platform.asked] == [20, 11]


def test_fans_are_rows_of_buckets(bench: Bench) -> None:
    bench.platform.fans = {
        "all_fans_num": 1234,
        "gender_distributions": [{"item": "1", "value": 400}, {"item": "2", "value": 834}],
        "age_distributions": [{"item": "12~17", "value": 3}],
        "flow_contributions": [{"flow": "vv", "fans_sum": 5, "all_sum": 50}],
    }
    rows = fetch_fans(bench.client(), {}, "2026-01-01T00:00:00+00:00")
    found = [(r["distribution"], r["item"], r["value"], r["all_sum"]) for r in rows]
    assert found == [
        ("gender", "male", 400, None),
        ("gender", "female", 834, None),
        ("age", "12-17", 3, None),
        ("flow_contributions", "vv", 5, 50),
    ]
    assert {r["all_fans_num"] for r in rows} == {1234}


def test_fans_of_a_small_account_say_why_there_are_none(bench: Bench) -> None:
    with pytest.raises(SourceError, match="more than 100 fans"):
        fetch_fans(bench.client(), {}, "")


def test_wrong_secret_is_named_but_not_shown(bench: Bench) -> None:
    sender = bench.sender()
    assert check_credentials(sender) == 7200
    wrong = App(base_url=sender.app.base_url, client_key=KEY, client_secret="other-s3cret")
    sender.app = wrong
    with pytest.raises(FaultError, match="TINGFENG_DOUYIN_CLIENT_SECRET") as caught:
        check_credentials(sender)
    assert "other-s3cret" not in str(caught.value) and "other-s3cret" not in repr(sender)


def test_used_code_is_said(bench: Bench) -> None:
    with pytest.raises(FaultError, match="10007"):
        log_in(bench.sender(), bench.store, "code-used", NOW)


def test_items_copied_from_an_address_are_decoded_and_unique() -> None:
    assert clean_items(["%40v1%2F%2B%3D%3D", ITEM, "@v2"]) == [ITEM, "@v2"]
