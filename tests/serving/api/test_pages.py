"""The dashboard's pages: empty, with data, hostile texts; every number is its list's length."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from data.labels import INTERESTS
from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from profiles.audiences.saved import save_audience
from profiles.conditions.text import parse
from profiles.refresh import refresh
from serving.alerts.incidents import Alert, Incident, key_text
from serving.alerts.journal import FILE, Journal
from serving.api import create_app
from serving.api.floor import Floor
from serving.api.pages.login import local_path
from serving.api.pages.render import POLICY
from serving.people import open_people
from serving.settings import Settings
from serving.stores import open_existing_store

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>难喝\x07{{7*7}}"
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
INCIDENT = "inc-0123456789ab"
PAGES = ("/", "/comments", "/people", "/audiences", "/alerts", "/contents", "/report")


def one_comment(at: int, text: str) -> dict[str, Any]:
    return {
        "id": f"c{at}",
        "text": text,
        "platform": "douyin",
        "content_id": "v<1>" if at % 2 else "v2",
        "user_id": f"u{at % 4}",
        "created_at": f"2026-09-{1 + at % 27:02d}T{at % 24:02d}:30:00+08:00",
        "like_count": at,
    }


def incident(home: Path) -> None:
    key = {"platform": "douyin", "content": "v2"}
    alert = Alert(
        key=key,
        kind="burst",
        since=1_790_000_000,
        window_s=3600,
        observed=12,
        expected=1.5,
        comments=20,
        p_value=1e-6,
        p_share=1e-4,
    )
    quote = {"comment_id": "c0", "text": HOSTILE, "why": "获赞最多", "likes": 3, "at": None}
    made = Incident(
        id=INCIDENT,
        key=key,
        severity="critical",
        opened_at=1_790_000_000,
        alerts={key_text(key): alert},
        risks=["food_safety"],
        evidence=[quote],
        timeline=[(1_790_000_000, "opened", HOSTILE)],
    )
    with Journal(home / FILE) as journal, journal.transaction():
        journal.save_incident(made, live=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with scored comments, profiles, an audience and an incident."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, model="fake")
    texts = [HOSTILE, "味道很好喝", "太难喝了，杯子里有虫子，再也不买", "包装好看", "？？"]
    rows = [one_comment(at, texts[at % len(texts)]) for at in range(60)]
    client = TestClient(create_app(settings, Analyzer(FakeScorer())))
    assert client.post("/v1/comments", json={"comments": rows}).status_code == 200
    client.app.state.service.close()
    with open_existing_store(settings) as store:
        refresh(store, AS_OF, "run-1")
        people, as_of = open_people(store, settings)
        rule = parse("emotion.negative >= 1")
        save_audience(people, "爱<b>抱怨", rule, as_of=as_of, run="run-2")
    incident(home)
    return home


@pytest.fixture(scope="module")
def filled(home: Path) -> Iterator[TestClient]:
    client = TestClient(create_app(Settings(home=home, model="fake"), Analyzer(FakeScorer())))
    yield client
    client.app.state.service.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[TestClient]:
    client = TestClient(create_app(Settings(home=tmp_path, model="fake"), Analyzer(FakeScorer())))
    yield client
    client.app.state.service.close()


def person_of(client: TestClient) -> str:
    found = re.search(r'href="/people/([0-9a-f]+)"', client.get("/comments").text)
    assert found is not None
    return found[1]


def token_of(text: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


def test_pages_of_an_empty_home_say_what_to_do_and_make_nothing(
    bare: TestClient, tmp_path: Path
) -> None:
    statuses = {path: bare.get(path).status_code for path in PAGES}
    assert statuses == {**dict.fromkeys(PAGES, 200), "/comments": 404, "/report": 404}
    assert "tingfeng ingest" in bare.get("/").text
    assert "tingfeng refresh" in bare.get("/contents").text
    assert bare.get("/people/x").status_code == 404
    assert bare.get("/audiences/count?rule=interest.food%20known").json() == {"n": 0, "persons": 0}
    assert [path.name for path in tmp_path.iterdir()] == []


def test_every_page_has_the_policy_and_no_inline_script(filled: TestClient) -> None:
    person = person_of(filled)
    more = (f"/people/{person}", f"/people/{person}/rows?field=emotion", f"/alerts/{INCIDENT}")
    for path in (*PAGES[:-1], *more, "/contents/v2", "/audiences/爱<b>抱怨"):
        answer = filled.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert not re.findall(r"<script(?! src=)|<style| style=| on[a-z]+=\"", answer.text), path
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text), path


def test_hostile_texts_are_shown_and_never_markup(filled: TestClient) -> None:
    seen = 0
    for path in ("/", "/comments", "/contents/v2", f"/alerts/{INCIDENT}", "/alerts"):
        text = filled.get(path).text
        assert "<script>alert" not in text and "<img" not in text and "\x07" not in text, path
        assert "49" not in re.findall(r"难喝\S{0,3}", text)
        seen += "&lt;script&gt;alert(1)" in text
    assert seen >= 4
    assert "<b>抱怨" not in filled.get("/audiences").text
    echoed = filled.get("/comments", params={"keyword": HOSTILE.replace("\x07", "")}).text
    assert "<script>alert" not in echoed and "0</span> 条评论" in echoed


@pytest.mark.parametrize("path", ["/", "/contents", "/contents/v2", "/contents/v<1>"])
def test_numbers_lead_to_as_many_comments(filled: TestClient, path: str) -> None:
    text = filled.get(path).text
    found = {
        (html.unescape(href), int(n))
        for href, n in re.findall(r'href="(/comments[^"]*)" data-n="(\d+)"', text)
    }
    assert len(found) >= 4
    for href, n in found:
        listed = re.search(r'id="total" data-n="(\d+)"', filled.get(href).text)
        assert listed is not None and int(listed[1]) == n, href


def test_columns_of_the_trend_sum_up_to_all_comments(filled: TestClient) -> None:
    tips = set(re.findall(r'data-tip="(\S+)　共 (\d+) 条', filled.get("/").text))
    assert sum(int(n) for _, n in tips) == 60


def test_comments_are_paged_and_ordered(filled: TestClient) -> None:
    first, second = (filled.get(f"/comments?order=liked&page={n}").text for n in (1, 2))
    likes = [int(n) for n in re.findall(r"赞 (\d+)", first + second)]
    mute = set(range(4, 60, 5))  # of two question marks: after all that say something
    assert likes == sorted(set(range(60)) - mute, reverse=True) + sorted(mute, reverse=True)
    assert "第 51–60 条" in second and 'rel="prev"' in second and 'rel="next"' not in second


@pytest.mark.parametrize(
    "query", ["since=yesterday", "after=x", "sentiment=", "person=" + "x" * 300, "until=%00"]
)
def test_filter_that_cannot_be_meant_is_refused(filled: TestClient, query: str) -> None:
    answer = filled.get(f"/comments?{query}")
    assert answer.status_code == 422 and "输入有误" in answer.text


def test_person_is_found_by_the_id_at_the_source_which_is_kept_nowhere(filled: TestClient) -> None:
    token = token_of(filled.get("/people").text)
    data = {"user": "u2", "platform": "douyin", "token": token}
    answer = filled.post("/people", data=data, follow_redirects=False)
    assert answer.status_code == 303 and re.fullmatch(
        r"/people/[0-9a-f]{32}", answer.headers["location"]
    )
    shown = filled.get(answer.headers["location"]).text
    for title in ("基本属性", "兴趣偏好", "消费能力", "社交关系", "行为路径", "情感态度"):
        assert title in shown
    missing = filled.post("/people", data={**data, "user": "nobody<b>"})
    assert missing.status_code == 404 and "nobody" not in missing.text
    assert filled.get("/people/u2", follow_redirects=False).status_code == 303


def test_rows_behind_a_value_of_a_person(filled: TestClient) -> None:
    person = person_of(filled)
    shown = filled.get(f"/people/{person}").text
    links = re.findall(r'href="(/people/[^"]+/rows\?field=emotion\.negative)"', shown)
    assert links
    assert "条记录" in filled.get(html.unescape(links[0])).text
    assert filled.get(f"/people/{person}/rows?field=nothing").status_code == 422


def test_people_lists_who_leads_by_name_for_admin_alone(
    filled: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = filled.get("/people").text
    assert "评论最多" in shown and "差评最多" in shown and "消费最多" not in shown  # no orders
    first = re.findall(r'href="/people/([0-9a-f]{32})"', shown)
    assert first and filled.get(f"/people/{first[0]}").status_code == 200
    monkeypatch.setattr(
        "serving.api.pages.people.floor_for", lambda *_: Floor(least=5, names=False)
    )
    assert "评论最多" not in filled.get("/people").text


def test_rule_box_counts_and_says_what_it_cannot_read(filled: TestClient) -> None:
    count = filled.get("/audiences/count", params={"rule": "emotion.negative >= 1"}).json()
    assert 0 < count["n"] <= count["persons"] == 4
    text = filled.get("/audiences", params={"rule": "emotion.negative >= 1"}).text
    assert f'<b class="big">{count["n"]}</b>' in text and "爱&lt;b&gt;抱怨" in text
    wrong = "<i>food ="
    assert "fault" in filled.get("/audiences/count", params={"rule": wrong}).json()
    assert "<i>food" not in filled.get("/audiences", params={"rule": wrong}).text
    listed = filled.get("/audiences/爱<b>抱怨").text
    assert len(set(re.findall(r'href="/people/([0-9a-f]+)"', listed))) == count["n"]
    assert filled.get("/audiences/none").status_code == 404


def test_incident_shows_and_is_acknowledged_once_the_form_is_ours(
    filled: TestClient, home: Path
) -> None:
    shown = filled.get(f"/alerts/{INCIDENT}").text
    assert "12 条" in shown and "1.5 条" in shown and "8.0 倍" in shown and "确认收到" in shown
    url = f"/alerts/{INCIDENT}/ack"
    data = {"by": "值班<b>", "token": token_of(shown)}
    assert filled.post(url, data={"by": "x"}).status_code == 403
    assert filled.post(url, data={**data, "token": "0" * 64}).status_code == 403
    for name, value in (("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.test")):
        assert filled.post(url, data=data, headers={name: value}).status_code == 403
    assert filled.post(url, json=data).status_code == 400
    assert filled.get(url).status_code == 405
    with Journal(home / FILE) as journal:
        assert journal.incident(INCIDENT).acknowledged_by is None
    done = filled.post(url, data=data, headers={"Origin": "null"})
    assert done.status_code == 200 and "已确认" in done.text and "值班&lt;b&gt;" in done.text
    with Journal(home / FILE) as journal:
        assert journal.incident(INCIDENT).acknowledged_by == "值班<b>"
    assert filled.get("/alerts/inc-nothing").status_code == 404
    assert filled.get("/alerts/inc-0123", follow_redirects=False).status_code == 303


def test_report_is_where_the_first_page_was(filled: TestClient, home: Path) -> None:
    (home / "report.html").write_text("<p>报告</p>", encoding="utf-8")
    answer = filled.get("/report")
    assert "报告" in answer.text and "frame-ancestors" in answer.headers["content-security-policy"]


def test_content_hours_hold_every_dated_comment(filled: TestClient) -> None:
    tips = set(re.findall(r'data-tip="([^"　]+)　共 (\d+) 条', filled.get("/contents/v2").text))
    assert sum(int(n) for _, n in tips) == 30


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/alerts?x=1", "/alerts?x=1"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("/\n/evil", "/"),
        ("", "/"),
    ],
)
def test_login_leads_to_this_service_only(asked: str, goes: str) -> None:
    assert local_path(asked) == goes


def test_topics_are_named_in_chinese(filled: TestClient) -> None:
    text = filled.get("/").text
    keys = re.findall(r"/comments\?interest=(\w+)", text)
    assert all(INTERESTS[key] in text for key in keys)
