"""Groups, influence, lifetime value, retention, paths, campaigns, baselines, lists over HTTP.

What an admin gets is what the command line prints; who is no admin gets no small group.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from data.columns import ORDERS
from serving.api import create_app
from serving.api.keys import KeyFile
from serving.cli.common import open_store
from serving.cli.main import app
from serving.settings import Settings
from tests.serving.api.service_tools import bearer, quick_analyzer
from tests.serving.people_tools import BUYERS, LOYAL, PERSONS, fill_home

DAY = "2026-05-01"
OUTCOMES = [
    {"campaign_id": "c1", "platform": "douyin", "user_id": f"u{i:02d}", "sent": i % 2 == 0}
    | {"arm": "holdout" if i % 2 else "treatment", "converted": i % 4 == 0, "amount_cny": 9.5}
    for i in range(PERSONS)
]


class Caller:
    """Calls with one key."""

    def __init__(self, client: TestClient, token: str) -> None:
        self._client, self._headers = client, bearer(token)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        given = {} if body is None else {"json": body}
        found = self._client.request(method, path, headers=self._headers, **given)
        return found.status_code, found.json() if found.content else None

    def page(self, path: str) -> str:
        """A page of the dashboard."""
        return self._client.get(path, headers=self._headers).text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("served")
    fill_home(home)
    return home


@pytest.fixture(scope="module")
def callers(home: Path) -> Iterator[tuple[Caller, Caller]]:
    """One with the scope admin, one with profiles alone; the smallest group is 15."""
    keys = KeyFile(home)
    tokens = [keys.create(scope, [scope])[1] for scope in ("admin", "profiles")]
    chosen = Settings(home=home, model="fake", min_group=15, packs=[])
    client = TestClient(create_app(chosen, quick_analyzer()))
    yield Caller(client, tokens[0]), Caller(client, tokens[1])
    client.app.state.service.close()


def printed(home: Path, *words: str) -> Any:
    """What a command prints as JSON."""
    env = {"TINGFENG_HOME": str(home), "TINGFENG_PACKS": "[]"}
    found = CliRunner().invoke(app, [*words, "--json"], env=env)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (
            f"rfm --as-of {DAY} --compare-to 2026-04-15 --cut median",
            f"/v1/segments/rfm?as_of={DAY}&compare_to=2026-04-15&cut=median",
        ),
        ("groups --k 2", "/v1/segments/groups?k=2"),
        (
            "retention --start view --back pay --unit day",
            "/v1/retention?start=view&back=pay&unit=day",
        ),
        ("paths --start view --steps 3", "/v1/paths?start=view&steps=3"),
        (f"baseline --as-of {DAY}", f"/v1/baselines?as_of={DAY}"),
        (f"advice --as-of {DAY}", f"/v1/advice?as_of={DAY}"),
    ],
)
def test_admin_gets_what_the_command_prints(
    callers: Any, home: Path, words: str, path: str
) -> None:
    status, found = callers[0]("GET", path)
    assert (status, found) == (200, printed(home, *words.split()))


def test_other_keys_see_no_small_group(callers: Any) -> None:
    team = callers[1]
    rfm = team("GET", f"/v1/segments/rfm?as_of={DAY}&compare_to=2026-04-15")[1]
    assert rfm["persons"] == 15 and rfm["migration"]["segments8"]["未购买"]["重要价值"] is None
    loyal = next(row for row in rfm["summary8"] if row["key"] == "重要价值")
    assert (loyal["persons"], loyal["revenue_cny"], loyal["share"]) == (None, None, None)
    groups = team("GET", "/v1/segments/groups?k=2")[1]
    assert [one["persons"] for one in groups["groups"]] == [15, 15]
    back = team("GET", "/v1/retention?start=view&back=pay&unit=day")[1]
    assert [one["persons"] for one in back["cohorts"]] == [30]
    links = team("GET", "/v1/paths?start=view")[1]["links"]
    assert links and all(one["persons"] in (15, 30) for one in links)
    assert team("GET", "/v1/advice?where=spending.orders >= 4")[0] == 422


def bought(dice: random.Random) -> list[int]:
    """Days of one person's orders, as BG/NBD has them come and end."""
    rate, leaves = dice.gammavariate(0.8, 1 / 20), dice.betavariate(1, 4)
    days, day = [], float(dice.randrange(100))
    while day < 360:
        days.append(int(day))
        if dice.random() < leaves:
            break
        day += dice.expovariate(rate)
    return sorted(set(days))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a year's orders of 200 persons."""
    home, dice = tmp_path_factory.mktemp("shop"), random.Random(7)
    rows = [
        {"order_id": f"o{i}-{day}", "platform": "shop", "user_id": f"b{i}"}
        | {"amount_cny": dice.gammavariate(4, 10)}
        | {"time": datetime(2025, 1, 1, 4, tzinfo=UTC) + timedelta(days=day)}
        for i in range(200)
        for day in bought(dice)
    ]
    with open_store(Settings(home=home, model="fake"), create=True) as store:
        store.load("orders", pa.Table.from_pylist(rows, schema=ORDERS), "load")
    return home


def test_lifetime_value_is_the_commands_and_has_a_floor(shop: Path) -> None:
    keys = KeyFile(shop)
    tokens = [keys.create(scope, [scope])[1] for scope in ("admin", "profiles")]
    client = TestClient(create_app(Settings(home=shop, model="fake"), quick_analyzer()))
    admin, team = (Caller(client, token) for token in tokens)
    asked = "end=2025-12-31&unit=day&horizon=30&discount=0.01"
    words = "ltv --end 2025-12-31 --unit day --horizon 30 --discount 0.01"
    status, found = admin("GET", f"/v1/segments/ltv?{asked}")
    assert (status, found) == (200, printed(shop, *words.split()))
    hidden = team("GET", f"/v1/segments/ltv?{asked}")[1]
    assert hidden["persons"] == 200 and hidden["repeaters"] == found["repeaters"] // 10 * 10
    assert admin("GET", "/v1/segments/ltv?end=2025-01-01")[1]["error"]["code"] == "too_few_rows"
    assert team("GET", "/v1/segments/ltv?end=2025-01-01")[0] == 422
    assert admin("GET", "/v1/segments/ltv?end=2025-02-01&calibration_end=2025-03-01")[0] == 422
    client.app.state.service.close()


def test_who_is_influential_is_for_admin(callers: Any) -> None:
    admin, team = callers
    status, found = admin("GET", "/v1/influence")
    assert (status, found["error"]["code"]) == (422, "too_few_rows")
    assert team("GET", "/v1/influence?hops=9")[0] == 422


def test_kept_segments_are_rules_of_audiences(callers: Any) -> None:
    admin, team = callers
    assert team("POST", "/v1/segments/rfm", {})[0] == 403
    assert admin("POST", "/v1/segments/rfm", {"as_of": DAY})[1]["kept"] == 2 * BUYERS
    counted = admin("POST", "/v1/audiences/count", {"rule": "segment = 重要价值"})[1]
    assert counted["n"] == LOYAL
    made = admin("POST", "/v1/segments/groups", {"k": 2, "keep": True})[1]
    assert made["kept"] == PERSONS and made["model"]["format"] == "tingfeng-groups-1"
    again = admin("POST", "/v1/segments/groups", {"model": made["model"]})[1]
    assert again["groups"] == made["groups"] and again["kept"] == 0
    compared = {"k": 2, "compare_to": made["model"]}
    drift = admin("POST", "/v1/segments/groups", compared)[1]["drift"]
    assert [pair["changed"] for pair in drift] == [False, False]
    status, found = admin("POST", "/v1/segments/groups", {"model": {"format": "x"}})
    assert status == 422 and "expected a model of groups" in found["error"]["message"]


def test_campaign_goes_from_costs_to_tags(callers: Any, home: Path) -> None:
    admin, team = callers
    cost = {"campaign_id": "c1", "campaign_name": "新茶", "time": "2026-04-01", "cost_cny": 50}
    assert team("POST", "/v1/campaigns", {"campaigns": [cost]})[0] == 403
    assert admin("POST", "/v1/campaigns", {"campaigns": [cost]})[1]["inserted"] == 1
    assert admin("POST", "/v1/campaigns/feedback", {"feedback": OUTCOMES})[1]["inserted"] == PERSONS
    assert (
        admin("POST", "/v1/campaigns/feedback", {"feedback": OUTCOMES})[1]["unchanged"] == PERSONS
    )
    status, found = admin("GET", "/v1/campaigns/新茶/report")
    assert (status, found) == (200, printed(home, "campaign", "report", "c1"))
    assert found["lift"]["difference"] == 0.5 and found["returns"]["cost_cny"] == 50
    hidden = team("GET", "/v1/campaigns/c1/report")[1]
    assert [arm["persons"] for arm in hidden["arms"]] == [15, 15]
    assert hidden["lift"] is None and "admin" in hidden["notes"][-1]
    assert admin("POST", "/v1/campaigns/c1/tags")[1]["persons"] == PERSONS
    assert printed(home, "campaign", "tag", "c1")["persons"] == PERSONS
    assert admin("GET", "/v1/campaigns/none/report")[0] == 404
    assert admin("GET", "/v1/campaigns/c1/report?orders_from=2026-04-01")[0] == 422


def test_baselines_are_kept_by_admin(callers: Any) -> None:
    admin, team = callers
    assert team("POST", "/v1/baselines", {"by": "all"})[0] == 403
    assert admin("POST", "/v1/baselines", {"as_of": DAY})[1]["kept"] > 0
    seen = {one["metric"] for one in team("GET", f"/v1/baselines?as_of={DAY}")[1]["latest"]}
    assert "exposure" in seen and "repurchase" not in seen  # ten buyers a day are too few


def test_audiences_overlap_list_members_and_export(callers: Any, home: Path) -> None:
    admin, team = callers
    for name, rule in (("买家", "spending.orders >= 1"), ("老客", "spending.orders >= 4")):
        body = {"name": name, "rule": rule, "holdout": 0.2}
        assert admin("POST", "/v1/audiences", body)[0] == 201
    found = admin("POST", "/v1/audiences/overlap", {"names": ["买家", "老客"]})[1]["overlaps"]
    assert found == printed(home, "audience", "overlap", "买家", "老客")
    assert (found[0]["n_a"], found[0]["both"]) == (BUYERS, LOYAL)
    hidden = team("POST", "/v1/audiences/overlap", {"names": ["买家", "老客"]})[1]["overlaps"][0]
    assert (hidden["n_a"], hidden["both"], hidden["jaccard"]) == (15, None, None)
    assert team("GET", "/v1/audiences/买家/members")[0] == 403
    page = admin("GET", "/v1/audiences/买家/members?limit=15")[1]
    rest = admin("GET", f"/v1/audiences/买家/members?after={page['next']}")[1]
    listed = page["members"] + rest["members"]
    assert listed == printed(home, "audience", "members", "买家")["members"]
    out = admin("GET", "/v1/audiences/买家/members?held_out=true")[1]["members"]
    assert out == [one for one in listed if one["held_out"]] and out
    assert len(admin("POST", "/v1/audiences/refresh")[1]["audiences"]) == 2
    rows = [
        {"person_id": one["person_id"], "type": "phone", "value": f"138{at:08d}", "consent": "是"}
        for at, one in enumerate(listed)
    ]
    body = {"platform": "tencent_phone_sha256", "called": "spring", "identifiers": rows}
    assert team("POST", "/v1/audiences/买家/export", body)[0] == 403
    manifest = admin("POST", "/v1/audiences/买家/export", body)[1]
    assert manifest["persons"] == BUYERS - len(out) == manifest["rows"]
    data = base64.b64decode(manifest["files"][0]["content_base64"])
    assert hashlib.sha256(data).hexdigest() == manifest["files"][0]["sha256"]
    assert admin("POST", "/v1/audiences/买家/export", body | {"platform": "x"})[0] == 422
    assert admin("POST", "/v1/audiences/谁/export", body)[0] == 404


def test_dashboard_shows_what_the_key_may_see(callers: Any) -> None:
    admin, team = callers
    for name, rule in (("访客", "spending.orders >= 1"), ("熟客", "spending.orders >= 4")):
        assert admin("POST", "/v1/audiences", {"name": name, "rule": rule})[0] == 201
    rule = "/audiences/count?rule=spending.orders >= 1"
    assert admin("GET", rule)[1] == {"n": BUYERS, "persons": PERSONS, "least": 1}
    assert team("GET", rule)[1] == {"n": 15, "persons": 30, "least": 15}
    assert team("GET", rule[:-1] + "4")[1]["n"] is None
    pages = [one.page("/audiences?rule=spending.orders >= 1") for one in callers]
    assert f'<b class="big">{BUYERS}</b> 人 / 全部 {PERSONS} 人' in pages[0]
    assert '<b class="big">15</b> 人 / 全部 30 人' in pages[1] and "向下取整" in pages[1]
    assert "熟客（10）" in pages[0] and "熟客（少于 15）" in pages[1]
    assert "向下取整" not in pages[0]
    shown, hidden = (one.page("/audiences/熟客") for one in callers)
    assert shown.count('href="/people/') == LOYAL and "<b>10</b> 人" in shown
    assert (
        'href="/people/' not in hidden
        and "<b>少于 15</b> 人" in hidden
        and "成员</h2>" not in hidden
    )
    for name in ("访客", "熟客"):
        admin("DELETE", f"/v1/audiences/{name}")


def test_funnel_tells_trend_reasons_and_actors(callers: Any) -> None:
    admin, team = callers
    spec = {"steps": [{"event": "view"}, {"event": "pay"}]}
    found = admin("POST", "/v1/funnels?trend=day&reasons=true", spec)[1]
    assert [one["entered"] for one in found["trend"]] == [PERSONS] and "reasons" in found
    rounded = team("POST", "/v1/funnels?trend=week", spec)[1]
    assert [one["entered"] for one in rounded["trend"]] == [30]
    assert rounded["steps"][1]["low"] < 0.5 < rounded["steps"][1]["high"]
    assert team("POST", "/v1/funnels/actors?step=2", spec)[0] == 403
    page = admin("POST", "/v1/funnels/actors?step=2&outcome=dropped&limit=5", spec)[1]
    assert (page["n"], len(page["persons"])) == (PERSONS - BUYERS, 5) and page["next"]
    assert admin("POST", "/v1/funnels/actors?step=1&outcome=dropped", spec)[0] == 422


@pytest.mark.parametrize(
    "query", ["as_off=2026-05-01", "as_of=2026-05-01&as_of=2026-05-02", "as_of=0001-01-01"]
)
def test_unknown_repeated_and_absurd_parameters_are_422(callers: Any, query: str) -> None:
    status, found = callers[0]("GET", f"/v1/segments/rfm?{query}")
    assert (status, found["error"]["code"]) == (422, "invalid")
