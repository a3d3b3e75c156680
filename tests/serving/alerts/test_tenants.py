"""Tenants: kept apart in counts, incidents, evidence, messages and channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from serving.alerts.comments import count_keys, with_tenant
from serving.alerts.delivery.config import parse_config
from serving.alerts.dispatch import inhibited
from serving.alerts.incidents import related
from serving.alerts.intake import identity_hashes
from serving.alerts.journal import Journal
from serving.alerts.notice import Notice
from serving.alerts.replay import replay
from serving.alerts.rules import Rules, load_rules
from serving.alerts.watch import Watcher
from serving.errors import UsageError

Make = Callable[..., pa.Table]
DAY_S = 86_400


@pytest.fixture(scope="module")
def two_tenants(quiet_days: Make, comments: Make, monday: int) -> list[pa.Table]:
    """The same content watched for two tenants; a storm among one's comments only."""
    storm = comments(monday + 9 * DAY_S + 12 * 3600, 3600, 80, 72, seed=77, tenant="甲")
    return [quiet_days(10, tenant="甲"), quiet_days(10, tenant="乙"), storm]


def test_storm_of_one_tenant_is_an_incident_of_that_tenant_alone(
    two_tenants: list[pa.Table], rules: Rules
) -> None:
    told: list[Notice] = []
    (found,) = replay(two_tenants, rules, told.append)
    assert found.key["tenant"] == "甲"
    assert all(alert.key["tenant"] == "甲" for alert in found.alerts.values())
    assert "甲" in told[0].title and told[0].key["tenant"] == "甲"


def test_counts_of_a_tenant_do_not_enter_keys_without_one(
    two_tenants: list[pa.Table], comments: Make, monday: int, rules: Rules
) -> None:
    mixed = pa.concat_tables([two_tenants[2], comments(monday, 300, 10, 5)])
    keys = {one.key: one.comments for one in count_keys(mixed, rules.watch)}
    assert keys[("brand", "all"),] == 10
    assert sum(n for key, n in keys.items() if key[0] == ("tenant", "甲") and len(key) == 2) <= 80
    assert {key[0][0] for key in keys} == {"tenant", "brand"}


def test_nothing_of_one_tenant_is_related_to_another() -> None:
    mine, theirs = ({"tenant": t, "brand": "all"} for t in ("甲", "乙"))
    assert related(mine, {**mine, "content": "1"})
    assert not related(mine, theirs) and not related(mine, {"brand": "all"})


def test_inhibition_stays_within_a_tenant_whatever_the_rules(
    two_tenants: list[pa.Table], rules: Rules
) -> None:
    (grave,) = replay(two_tenants, rules)
    grave.closed_at, grave.severity = None, "critical"
    minor = type(grave)(
        id="inc-2", key={**grave.key, "tenant": "乙"}, severity="warning", opened_at=0
    )
    by_brand = rules.notify.model_copy(update={"inhibit_equal": ("brand",)})
    assert not inhibited(minor, [grave, minor], by_brand)
    minor.key["tenant"] = "甲"
    assert inhibited(minor, [grave, minor], by_brand)


def test_evidence_is_the_tenants_own(two_tenants: list[pa.Table], rules: Rules) -> None:
    quiet = two_tenants[1]
    place = quiet.schema.get_field_index("text")
    secret = quiet.set_column(place, "text", pa.array(["秘密"] * quiet.num_rows))
    (found,) = replay([two_tenants[0], secret, two_tenants[2]], rules)
    assert found.evidence and all("秘密" not in one["text"] for one in found.evidence)


def test_option_names_the_tenant_of_comments_that_have_none(comments: Make, monday: int) -> None:
    table = pa.concat_tables(
        [comments(monday, 300, 3, 1), comments(monday, 300, 2, 1, tenant="乙")]
    )
    assert with_tenant(table, "甲")["tenant"].to_pylist() == ["甲"] * 3 + ["乙"] * 2
    assert with_tenant(table, None) is table
    assert load_rules(tenant="甲").tenant == "甲" and load_rules().tenant is None
    with pytest.raises(UsageError, match="tenant"):
        load_rules(tenant="")


def test_same_comment_counts_once_for_each_tenant(
    comments: Make, monday: int, tmp_path: Path
) -> None:
    table = comments(monday, 300, 4, 1)
    hashes = [identity_hashes(with_tenant(table, tenant)) for tenant in (None, "甲", "乙")]
    assert len(set(map(int, [h for one in hashes for h in one]))) == 12
    seen: dict[str, int] = {}
    with Journal(tmp_path / "a.sqlite") as journal:
        for tenant in ("甲", "乙", "甲"):
            watcher = Watcher(journal, load_rules(tenant=tenant), _Once(table), _Nowhere())
            journal.put("cursors", {})
            watcher.run_pass(monday + 3600)
            seen = {str(dict(k).get("tenant")): 1 for k in watcher.monitor.keys}
    assert set(seen) == {"甲", "乙"}


class _Once:
    name = "once"

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def done(self) -> bool:
        return False

    def read(self, cursor: dict[str, Any]) -> tuple[list[pa.Table], dict[str, Any]]:
        return [self._table], cursor


class _Nowhere:
    def offer(self, notice: Notice) -> None:
        del notice


def test_channel_gets_its_tenants_messages_only(two_tenants: list[pa.Table], rules: Rules) -> None:
    told: list[Notice] = []
    replay(two_tenants, rules, told.append)
    channels = parse_config(
        {"channels": {t: {"kind": "stdout", "match": {"tenant": t}} for t in ("甲", "乙")}}, "t"
    ).channels
    assert channels["甲"].takes(told[0]) and not channels["乙"].takes(told[0])
