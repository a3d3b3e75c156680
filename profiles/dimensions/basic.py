"""Basic attributes: of all that sources say about a person, what survives, and how sure it is.

Which source is believed, and how far, is data (``basic.yaml``). A field's claims are ordered by
source, then recency, then how often they were told, then value; the first survives. Its confidence
is that of its source times the share of the field's belief that agrees with it: one CRM that says
"female" has 0.95; a CRM against a platform of 0.7 that says otherwise 0.95 · 0.95 / 1.65 = 0.55.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import ratio, visible
from profiles.dimensions.rules import rules

FIELDS: Final = ("gender", "age", "region", "verified", "registered_at")  # what accounts tell
_UNKNOWN_RANK: Final = 1_000
_TABLES: Final = ("comments", "users", "events", "orders")


def claims(comments: ir.Table, users: ir.Table, as_of: datetime) -> ir.Table:
    """Return what sources say: one row per person, field, value, source table and platform.

    Columns: user_id, field, value (text), source ("users:crm", "comments:douyin"), rank (smaller is
    believed before greater), belief (0..1), n, last_seen (null for accounts, which bear no date of
    their own), row_id (the account, or the greatest id of the comments).
    """
    given = rules("basic")
    told = [_of_users(users, field, given) for field in given["fields"] if field in FIELDS]
    return ibis.union(*told, _of_comments(comments, as_of, given))


def basic_rows(said: ir.Table) -> ir.Table:
    """Return per person how many rows ``claims`` rest on: accounts and comments. user_id, n."""
    comments = said.source.startswith("comments:")
    return said.group_by("user_id").aggregate(
        n=said.n.sum(where=comments).fill_null(0) + said.row_id.nunique(where=~comments)
    )


def basic_fields(said: ir.Table) -> ir.Table:
    """Return what survives of ``claims``: one row per person and field.

    Columns: user_id, field, value, source, confidence, n (rows that say so), n_conflicts (other
    values told), last_seen, row_id.
    """
    key = ["user_id", "field"]
    values = said.group_by(*key, "value").aggregate(
        n=said.n.sum(), belief=said.belief.sum(), last_seen=said.last_seen.max()
    )
    field = values.group_by(*key).aggregate(whole=values.belief.sum(), n_values=values.count())
    order = [
        ibis.asc(said["rank"]),
        ibis.desc(said.last_seen, nulls_first=False),
        ibis.desc(said.n),
        ibis.asc(said.value),
        ibis.asc(said.source),
        ibis.asc(said.row_id),
    ]
    place = ibis.row_number().over(ibis.window(group_by=key, order_by=order))
    best = said.mutate(place=place).filter(lambda t: t.place == 0)
    best = best.select(*key, "value", "source", "row_id", own="belief")
    found = best.join(values, [*key, "value"]).join(field, key)
    return found.select(
        *key,
        "value",
        "source",
        confidence=ratio(found.own * found.belief, found.whole).round(2),
        n=found.n,
        n_conflicts=found.n_values - 1,
        last_seen=found.last_seen,
        row_id=found.row_id,
    )


def spans(
    comments: ir.Table, users: ir.Table, events: ir.Table, orders: ir.Table, as_of: datetime
) -> ir.Table:
    """Return one row per person and platform with any row that is visible.

    Columns: user_id, platform, n_comments, n_users, n_events, n_orders, first_seen, last_seen.
    """
    parts = [
        _span(visible(comments, as_of), "comments", "created_at"),
        _span(visible(events, as_of, "time"), "events", "time"),
        _span(visible(orders, as_of, "time"), "orders", "time"),
        _span(users.mutate(none=ibis.null("timestamp('UTC', 3)")), "users", "none"),
    ]
    rows = ibis.union(*parts)
    return rows.group_by("user_id", "platform").aggregate(
        **{f"n_{name}": rows[f"n_{name}"].sum() for name in _TABLES},
        first_seen=rows.first_seen.min(),
        last_seen=rows.last_seen.max(),
    )


def _span(rows: ir.Table, name: str, at: str) -> ir.Table:
    counted = rows.group_by("user_id", "platform").aggregate(
        n=rows.count(), first_seen=rows[at].min(), last_seen=rows[at].max()
    )
    counts = {f"n_{one}": counted.n if one == name else ibis.literal(0, "int64") for one in _TABLES}
    return counted.select(
        "user_id", "platform", **counts, first_seen="first_seen", last_seen="last_seen"
    )


def _of_users(users: ir.Table, field: str, given: Any) -> ir.Table:
    column = "created_at" if field == "registered_at" else field
    believed = float(given["fields"][field].get("users", 0.5))
    told = users.filter(users[column].notnull())
    value = told[column]
    text = value.strftime("%Y-%m-%d") if field == "registered_at" else value.cast("string")
    platforms = given["platforms"]
    belief = told.platform.cases(*((k, float(v)) for k, v in platforms.items()), else_=believed)
    rank = told.platform.cases(*((k, i) for i, k in enumerate(platforms)), else_=_UNKNOWN_RANK)
    return told.select(
        "user_id",
        field=ibis.literal(field),
        value=text,
        source=ibis.literal("users:") + told.platform.fill_null(""),
        rank=rank.cast("int64"),
        belief=belief.cast("float64"),
        n=ibis.literal(1, "int64"),
        last_seen=ibis.null("timestamp('UTC', 3)"),
        row_id=told.account_id,
    )


def _of_comments(comments: ir.Table, as_of: datetime, given: Any) -> ir.Table:
    believed = float(given["fields"]["ip_region"].get("comments", 0.5))
    told = visible(comments, as_of).filter(lambda t: t.region.notnull())
    counted = told.group_by("user_id", "platform", "region").aggregate(
        n=told.count(), last_seen=told.created_at.max(), row_id=told.comment_id.max()
    )
    return counted.select(
        "user_id",
        field=ibis.literal("ip_region"),
        value=counted.region,
        source=ibis.literal("comments:") + counted.platform.fill_null(""),
        rank=ibis.literal(_UNKNOWN_RANK + 1, "int64"),
        belief=ibis.literal(believed, "float64"),
        n=counted.n.cast("int64"),
        last_seen=counted.last_seen,
        row_id=counted.row_id,
    )
