"""The comments behind a number on any engine: the filter of ``profiles.listing`` as an expression.

The engine filters, counts and orders; only the rows of a page, and for "liked" the most liked ones
until enough of them say something, are brought here. What a page's rows look like is decided by
the same SELECT as on a DuckDB file.

Growth: one pass over the comments by the engine, an index look-up for a person or a content.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from profiles.overview import UNJUDGED
from profiles.sql import LOCAL_ZONE, TELLS, run_sql
from profiles.store.base import Store
from profiles.store.layout import load_ibis

if TYPE_CHECKING:
    from profiles.listing import CommentFilter, Order

_READ: Final = (
    *("comment_id", "platform", "content_id", "user_id", "text", "created_at", "like_count"),
    *("sentiment", "sentiment_score", "risks", "truncated"),
)
_FIRST: Final = 4  # times the rows of the page are looked at before more are asked for
_N_TELLING: Final = f"SELECT count(*) AS n FROM own WHERE {TELLS} AND $as_of IS NOT NULL"


def find_comments(
    store: Store, chosen: CommentFilter, as_of: datetime, order: Order, wanted: int
) -> tuple[int, pa.Table]:
    """Return how many comments pass, and rows among which the first ``wanted`` of the order are."""
    rows = _passing(store, chosen, as_of)
    total = int(store.fetch(rows.agg(n=rows.count()))["n"][0].as_py())
    if order == "newest":
        places = [rows.created_at.desc(), "platform", "comment_id"]
        return total, store.fetch(rows.order_by(places).limit(wanted))
    places = [rows.like_count.fill_null(0).desc(), "platform", "comment_id"]
    size = _FIRST * wanted
    while True:
        found = store.fetch(rows.order_by(places).limit(size))
        telling = run_sql(_N_TELLING, {"own": found}, as_of)["n"][0].as_py()
        if telling >= wanted or size >= total:
            return total, found
        size *= _FIRST


def _passing(store: Store, chosen: CommentFilter, as_of: datetime) -> Any:
    """The comments that pass, with the columns of a page; ``user_id`` is the person asked for."""
    table = store.table("comments")
    tests = [table.created_at.isnull() | (table.created_at <= _moment(as_of))]
    for name, test in _TESTS.items():
        value = getattr(chosen, name)
        if value is not None:
            tests.append(test(table, value))
    if chosen.aspect is not None:
        tests.append(_speaks_of(table, chosen.aspect, chosen.polarity))
    if chosen.person is not None:
        tests.append(table.user_id.isin(_accounts(store, chosen.person)))
    rows = table.filter(reduce(and_, tests)).select(*_READ)
    if chosen.person is None:
        return rows
    return rows.mutate(user_id=load_ibis().literal(chosen.person))


def _accounts(store: Store, person: str) -> list[str]:
    """The accounts that are this person; none where the id has become another's."""
    members = store.rows_where("person_identifiers", "person_id", [person])["key"].to_pylist()
    own = store.rows_where("person_identifiers", "key", [person])["person_id"].to_pylist()
    return sorted({*members, *([person] if own in ([], [person]) else [])})


def _moment(value: datetime) -> Any:
    return load_ibis().literal(value.astimezone(UTC), type="timestamp('UTC')")


def _midnight(day: date) -> Any:
    return _moment(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(LOCAL_ZONE)))


def _sentiment(table: Any, value: str) -> Any:
    if value == UNJUDGED:
        return table.sentiment.isnull()
    return table.sentiment.notnull() if value == "judged" else table.sentiment == value


def _speaks_of(table: Any, aspect: str, polarity: str | None) -> Any:
    if polarity is None:
        return table.aspects.map(lambda one: one.aspect).contains(aspect)
    said = table.aspects.map(lambda one: one.aspect + "/" + one.polarity)
    return said.contains(f"{aspect}/{polarity}")


_TESTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "sentiment": _sentiment,
    "platform": lambda table, value: table.platform == value,
    "content": lambda table, value: table.content_id == value,
    "since": lambda table, value: table.created_at >= _midnight(value),
    "until": lambda table, value: table.created_at < _midnight(value + timedelta(days=1)),
    "after": lambda table, value: table.created_at >= _moment(value),
    "before": lambda table, value: table.created_at < _moment(value),
    "emotion": lambda table, value: table.emotion == value,
    "interest": lambda table, value: table.interests.map(lambda one: one.topic).contains(value),
    "risk": lambda table, value: table.risks.contains(value),
    "flag": lambda table, value: table.flags.contains(value),
    "keyword": lambda table, value: table.keywords.contains(value),
    "risky": lambda table, value: (table.risks.length().fill_null(0) > 0) == value,
    "truncated": lambda table, value: table.truncated.fill_null(False) == value,
}
