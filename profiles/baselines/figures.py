"""Key figures from stored rows, as series by scope: all, content, or segment.

``exposure`` views and impressions; ``followers`` follows less unfollows; ``interaction_rate``
persons who like, comment, share or collect of those who view; ``conversion`` persons who pay of
those who view; ``repurchase`` buyers who had bought before of all buyers; ``roi`` (amount of orders
- cost) / cost, where there was cost. Days are those of UTC+8, weeks begin on Monday. Counts of a
day without rows are 0 between the first and the last day; shares of it are not known.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from profiles.baselines.errors import BaselineError
from profiles.bench import lent_for_reading
from profiles.persons import by_person
from profiles.sql import LOCAL_ZONE, check_as_of
from profiles.store.base import Store

SCOPES: Final = ("all", "content", "segment")
SHARES: Final = frozenset({"interaction_rate", "conversion", "repurchase"})
COUNTS: Final = frozenset({"exposure", "followers"})
# what a scope reads; an order names no content
_TABLES: Final = {
    "all": ("events", "orders", "campaigns", "person_identifiers"),
    "content": ("events", "campaigns", "person_identifiers"),
    "segment": ("events", "orders", "campaigns", "person_identifiers"),
}
METRICS: Final = ("exposure", "followers", "interaction_rate", "conversion", "repurchase", "roi")

_EVENTS: Final = """
SELECT {scope} AS scope_id, {period} AS period,
    count(*) FILTER (event IN ('view', 'impression')) AS exposure,
    count(*) FILTER (event = 'follow') - count(*) FILTER (event = 'unfollow') AS followers,
    count(DISTINCT e.user_id) FILTER (event IN ('view', 'impression')) AS viewers,
    count(DISTINCT e.user_id) FILTER (event IN ('like', 'comment', 'share', 'collect')) AS active,
    count(DISTINCT e.user_id) FILTER (event = 'pay') AS payers
FROM ({events}) AS e {join} WHERE e.time <= $as_of AND {scope} IS NOT NULL GROUP BY ALL"""
_ORDERS: Final = """
SELECT {scope} AS scope_id, {period} AS period, count(DISTINCT e.user_id) AS buyers,
    count(DISTINCT e.user_id) FILTER (e.time > first_at) AS again, sum(amount_cny) AS amount
FROM (SELECT *, min(time) OVER (PARTITION BY user_id) AS first_at FROM ({orders})) AS e {join}
WHERE e.time <= $as_of AND {scope} IS NOT NULL GROUP BY ALL"""
_COST: Final = """
SELECT {period} AS period, sum(cost_cny) AS cost, sum(shown_count) AS shown
FROM campaigns AS e WHERE e.time <= $as_of GROUP BY ALL"""


def read_figures(
    store: Store,
    as_of: datetime,
    *,
    scope: str = "all",
    unit: str = "day",
    segments: pa.Table | None = None,
) -> pa.Table:
    """Rows of ``scope_id, metric, period, value, n`` as of a moment; ``n`` is what a share is of.

    ``segments`` has ``person_id`` and ``segment``; without it the region of ``users`` is the
    segment.

    Raises:
        BaselineError: scope or unit are none of those known.
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    if scope not in SCOPES or unit not in ("day", "week"):
        raise BaselineError(
            f"expected a scope of {', '.join(SCOPES)} and a unit of day or week, found "
            f"{scope!r} and {unit!r}; correct it"
        )
    segments = segments if segments is not None else regions(store)
    with (
        lent_for_reading(store, _TABLES[scope]) as here,
        here.registered("segments_in", segments),
    ):
        return here.read(_sql(scope, unit), {"as_of": as_of})


def regions(store: Store) -> pa.Table:
    """``person_id, segment``: the region of every user."""
    with lent_for_reading(store, ("users", "person_identifiers")) as here:
        return here.read(
            f"""SELECT user_id AS person_id, min(region) AS segment
                FROM ({by_person("users")}) GROUP BY user_id"""
        )


def _sql(scope: str, unit: str) -> str:
    period = f"date_trunc('{unit}', timezone('{LOCAL_ZONE}', e.time))::DATE"
    name = {"all": "''", "content": "e.content_id", "segment": "s.segment"}[scope]
    join = "LEFT JOIN segments_in s ON s.person_id = e.user_id" if scope == "segment" else ""
    events = _EVENTS.format(scope=name, period=period, join=join, events=by_person("events"))
    orders = _ORDERS.format(scope=name, period=period, join=join, orders=by_person("orders"))
    cost = _COST.format(period=period)
    parts = [
        "SELECT scope_id, 'exposure' AS metric, period, exposure AS value, NULL AS n FROM ev",
        "SELECT scope_id, 'followers', period, followers, NULL FROM ev",
        "SELECT scope_id, 'interaction_rate', period, least(active / viewers, 1), viewers FROM ev"
        " WHERE viewers > 0",
        "SELECT scope_id, 'conversion', period, least(payers / viewers, 1), viewers FROM ev"
        " WHERE viewers > 0",
    ]
    if scope != "content":  # an order names no content
        parts.append("SELECT scope_id, 'repurchase', period, again / buyers, buyers FROM bought")
    if scope == "all":
        parts.append(
            """SELECT '', 'roi', cost.period, (coalesce(amount, 0) - cost) / cost, NULL
               FROM cost LEFT JOIN bought USING (period) WHERE cost > 0"""
        )
    bought = orders if scope != "content" else "SELECT NULL AS scope_id LIMIT 0"
    return f"""
        WITH ev AS ({events}), bought AS ({bought}), cost AS ({cost})
        SELECT scope_id::VARCHAR AS scope_id, metric, period, value::DOUBLE AS value, n::DOUBLE AS n
        FROM ({" UNION ALL ".join(parts)}) ORDER BY scope_id, metric, period"""
