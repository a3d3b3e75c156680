"""Every page, route and command that reads says the same of a PostgreSQL store as of a file's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from profiles.audiences.saved import save_audience
from profiles.conditions.text import parse
from profiles.listing import CommentFilter, read_comments
from profiles.refresh import refresh
from profiles.store.base import Store
from profiles.store.postgres_store import PostgresStore
from serving.api import create_app
from serving.cli.main import app
from serving.people import open_people
from serving.settings import Settings
from serving.stores import open_existing_store, open_or_create_store

AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
TEXTS = ("味道很好喝 [赞]", "太难喝了，杯子里有虫子，再也不买", "包装好看", "？？", "<b>物流慢</b>")
# what a page says of the moment it was made, and of itself
_PASSING = re.compile(
    r'name="token" value="[0-9a-f]+"|截至 [^<，]+|<time[^>]*>[^<]*</time>|<td>[\d -]+:\d\d</td>'
    r'|"as_of":"[^"]*"|统计于 [\d :-]+'
)
PAGES = (
    "/",
    "/comments",
    "/comments?order=liked&page=2",
    "/comments?sentiment=negative&since=2026-09-03&until=2026-09-20",
    "/contents",
    "/contents/v1?platform=douyin",
    "/people",
    "/people/{person}",
    *(f"/people/{{person}}/rows?field={one}" for one in ("emotion", "spending", "behaviour")),
    "/audiences?rule=social.comments%20>=%202",
    "/audiences/count?rule=emotion.comments%20>=%201",
    "/audiences/many",
    "/v1/baselines?unit=week",
    "/v1/baselines?by=segment",
    "/v1/contents/v1/insight?platform=douyin",
    "/v1/campaigns/spring/report",
)
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"sentiment": "unjudged"},
    {"sentiment": "judged", "platform": "douyin", "content": "v1"},
    {"since": AS_OF.date() - timedelta(20), "until": AS_OF.date() - timedelta(8)},
    {"after": AS_OF - timedelta(days=12), "before": AS_OF - timedelta(days=5)},
    {"emotion": "like"},
    {"interest": "food"},
    {"aspect": "taste"},
    {"aspect": "taste", "polarity": "negative"},
    {"risk": "food_safety"},
    {"flag": "complaint"},
    {"keyword": "虫子"},
    {"risky": True},
    {"risky": False, "truncated": False},
)


class Both(NamedTuple):
    """The settings of a store in a file and of one on a server, with the same rows."""

    file: Settings
    server: Settings


def comments() -> list[dict[str, Any]]:
    return [
        {
            "id": f"c{at:02d}",
            "text": TEXTS[at % len(TEXTS)],
            "platform": "douyin",
            "content_id": f"v{at % 3}",
            "user_id": f"u{at % 4}",
            "created_at": f"2026-09-{1 + at % 27:02d}T{at % 24:02d}:30:00+08:00",
            "like_count": at % 7,
        }
        for at in range(60)
    ]


def rows() -> dict[str, pa.Table]:
    days = [AS_OF - timedelta(days=at % 40) for at in range(80)]
    stamps = pa.array(days, pa.timestamp("ms", "UTC"))
    users = [f"u{at % 9}" for at in range(80)]
    one = pa.table({"platform": ["douyin"] * 80, "user_id": users, "time": stamps})
    kinds = pa.array([("view", "like", "pay", "view")[at % 4] for at in range(80)])
    contents = pa.array([f"v{at % 3}" for at in range(80)])
    ids = pa.array([f"o{at}" for at in range(80)])
    amounts = pa.array([1.5 * at for at in range(80)])
    arms = pa.array(["holdout" if at % 9 < 3 else "treatment" for at in range(80)])
    sent = pa.table({"platform": ["douyin"] * 80, "user_id": users, "arm": arms})
    sent = sent.append_column("campaign_id", pa.repeat("c1", 80))
    sent = sent.append_column("shown", pa.array([at % 9 >= 4 for at in range(80)]))
    sent = sent.append_column("converted", pa.array([at % 9 > 5 for at in range(80)]))
    return {
        "events": one.append_column("event", kinds).append_column("content_id", contents),
        "orders": one.append_column("order_id", ids).append_column("amount_cny", amounts),
        "users": pa.table(
            {
                "platform": ["douyin"] * 9,
                "user_id": [f"u{at}" for at in range(9)],
                "region": [("浙江", "四川")[at % 2] for at in range(9)],
                "phone": [f"1390000000{at // 2}" for at in range(9)],
            }
        ),
        "contents": pa.table(
            {"platform": ["douyin"], "content_id": ["v1"], "title": ["新品<b>"], "text": ["喝"]}
        ),
        "campaigns": pa.table(
            {
                "platform": ["douyin"],
                "campaign_id": ["c1"],
                "campaign_name": ["spring"],
                "time": pa.array([AS_OF], pa.timestamp("ms", "UTC")),
                "cost_cny": [600.0],
            }
        ),
        "feedback": sent,
    }


def fill(settings: Settings) -> None:
    client = TestClient(create_app(settings, Analyzer(FakeScorer())))
    assert client.post("/v1/comments", json={"comments": comments()}).status_code == 200
    client.app.state.service.close()  # type: ignore[attr-defined]
    with open_or_create_store(settings) as store:
        for kind, table in rows().items():
            store.load(kind, table, "load")
        refresh(store, AS_OF, "run-1")
        people, as_of = open_people(store, settings)
        save_audience(people, "many", parse("social.comments >= 1"), as_of=as_of, run="run-2")


@pytest.fixture(scope="module")
def both(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    import psycopg

    home = tmp_path_factory.mktemp("both")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS pages CASCADE; CREATE SCHEMA pages")
    mark = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{mark}options=-csearch_path%3Dpages"
    found = Both(Settings(home=home, model="fake"), Settings(home=home, model="fake", store=url))
    for settings in found:
        fill(settings)
    yield found
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA pages CASCADE")


def answers(settings: Settings, paths: tuple[str, ...]) -> dict[str, tuple[int, str]]:
    """What every address says, without what passes."""
    client = TestClient(create_app(settings, Analyzer(FakeScorer())))
    try:
        while "refresh" in client.get("/").headers:  # the overview is still being counted
            pass
        found = {path: client.get(path) for path in paths}
    finally:
        client.app.state.service.close()  # type: ignore[attr-defined]
    return {path: (one.status_code, _PASSING.sub("", one.text)) for path, one in found.items()}


def test_pages_and_routes_say_the_same_of_both(both: Both) -> None:
    with open_existing_store(both.server) as store:
        assert isinstance(store, PostgresStore)
        person = store.fetch(store.table("profiles").select("person_id").order_by("person_id"))
        paths = tuple(one.format(person=person["person_id"][0].as_py()) for one in PAGES)
    file, server = (answers(one, paths) for one in both)
    for path in paths:
        assert file[path][0] == 200, (path, file[path])
        assert server[path] == file[path], path
    assert "新品&lt;b&gt;" in server["/contents"][1] and "太难喝" in server["/comments"][1]


def test_lists_of_comments_are_the_same_row_by_row(both: Both) -> None:
    found: list[list[Any]] = []
    for settings in both:
        with open_existing_store(settings) as store:
            persons = store.fetch(store.table("profiles").select("person_id"))["person_id"]
            chosen = [*FILTERS, *({"person": one} for one in sorted(persons.to_pylist())[:4])]
            found.append([_pages(store, CommentFilter(**one)) for one in chosen])
    for one, other, filters in zip(*found, chosen, strict=True):
        assert one == other, filters
    assert sum(pages[0].total > 0 for pages in found[0]) > len(FILTERS) - 2


def _pages(store: Store, chosen: CommentFilter) -> list[Any]:
    now = AS_OF + timedelta(days=1)
    return [
        read_comments(store, chosen, now, order=order, limit=7, offset=offset)
        for order in ("newest", "liked")
        for offset in (0, 21)
    ]


def test_commands_answer_as_on_a_file(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    verbs = (
        ("baseline", "--save", "--as-of", "2026-10-02"),
        ("baseline", "--by", "content", "--unit", "week", "--as-of", "2026-10-02"),
        ("campaign", "report", "spring"),
        ("campaign", "report", "c1", "--orders-from", "2026-09-01", "--orders-to", "2026-10-01"),
        ("campaign", "tag", "spring"),
        ("profile", "u1", "--trace", "spending"),
        ("drift", "--as-of", "2026-10-01"),
        ("rfm", "--as-of", "2026-10-01"),
        ("audience", "list"),
        ("tag", "list"),
        ("consent", "count"),
        ("identity", "audit"),
    )
    monkeypatch.setenv("TINGFENG_HOME", str(both.file.home))
    for verb in verbs:
        told = []
        for settings in both:
            where = ["--store", settings.store] if settings.store else []
            done = CliRunner().invoke(app, [*verb, "--json", *where])
            assert done.exit_code == 0, (verb, done.output, done.exception)
            told.append(_without_moments(json.loads(done.stdout)))
        assert told[0] == told[1], verb
    kept = []
    for settings in both:
        with open_existing_store(settings) as store:
            tables = [
                store.fetch(store.table(name).drop("as_of", "run_id")).to_pylist()
                for name in ("baselines", "campaign_tags")
            ]
        kept.append([sorted(table, key=repr) for table in tables])
    assert kept[0] == kept[1] and all(kept[0])


def _without_moments(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: _without_moments(v) for k, v in found.items() if k not in ("saved_at",)}
    return [_without_moments(one) for one in found] if isinstance(found, list) else found
