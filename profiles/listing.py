"""The comments behind a number: those that a filter leaves, newest or most liked first.

A filter has the names and the meaning of ``profiles.overview``: a comment counts once for a label
however often it bears it, days are days in China, and undated comments are in every list but those
of days. So the list behind a number has as many comments as the number says.

Growth: one pass over the columns that the filter names; the page's rows only are read whole. Stores
that are no DuckDB file filter and order themselves (``profiles.listing_portable``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final, Literal

from profiles.listing_portable import find_comments
from profiles.overview import UNJUDGED
from profiles.persons import by_person
from profiles.sql import LOCAL_DAY, SEEN, TELLS, check_as_of, run_sql
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

Order = Literal["newest", "liked"]


@dataclass(frozen=True, kw_only=True)
class CommentFilter:
    """What comments have to be; what is None does not matter. ``since`` and ``until`` are days in
    China, both included; ``after`` and ``before`` moments, the second excluded.

    ``sentiment`` may be "unjudged", or "judged" for any; ``polarity`` is that of ``aspect``.
    """

    sentiment: str | None = None
    platform: str | None = None
    content: str | None = None
    person: str | None = None
    since: date | None = None
    until: date | None = None
    after: datetime | None = None
    before: datetime | None = None
    emotion: str | None = None
    interest: str | None = None
    aspect: str | None = None
    polarity: str | None = None
    risk: str | None = None
    flag: str | None = None
    keyword: str | None = None
    risky: bool | None = None  # with any risk
    truncated: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CommentPage:
    """``total`` comments pass the filter; ``rows`` are those of one page, as dicts."""

    total: int
    rows: list[dict[str, Any]]


_LABEL: Final = "len(list_filter({column}, lambda one: one.{member} = ${name})) > 0"
_WHERE: Final[dict[str, str | Callable[[Any], str]]] = {
    "sentiment": lambda value: {
        UNJUDGED: "sentiment IS NULL AND $sentiment IS NOT NULL",
        "judged": "sentiment IS NOT NULL AND $sentiment IS NOT NULL",
    }.get(value, "sentiment = $sentiment"),
    "platform": "platform = $platform",
    "content": "content_id = $content",
    "person": "user_id = $person",
    "since": f"{LOCAL_DAY} >= $since",
    "until": f"{LOCAL_DAY} <= $until",
    "after": "created_at >= $after",
    "before": "created_at < $before",
    "emotion": "emotion = $emotion",
    "interest": _LABEL.format(column="interests", member="topic", name="interest"),
    "aspect": _LABEL.format(column="aspects", member="aspect", name="aspect"),
    "risk": "list_contains(risks, $risk)",
    "flag": "list_contains(flags, $flag)",
    "keyword": "list_contains(keywords, $keyword)",
    "risky": "(coalesce(len(risks), 0) > 0) = $risky",
    "truncated": "coalesce(truncated, false) = $truncated",
}
_ASPECT: Final = (
    "len(list_filter(aspects, lambda one: one.aspect = $aspect AND one.polarity = $polarity)) > 0"
)
_ORDERS: Final[dict[Order, str]] = {
    "newest": "created_at DESC NULLS LAST, platform, comment_id",
    "liked": f"{TELLS} DESC, coalesce(like_count, 0) DESC, platform, comment_id",
}


_SHOWN: Final = """SELECT comment_id, platform, content_id, user_id, text, created_at,
    coalesce(like_count, 0) AS like_count, sentiment,
    round(sentiment_score::DOUBLE, 6) AS score, risks, truncated"""


def read_comments(
    store: Store,
    chosen: CommentFilter,
    as_of: datetime,
    *,
    order: Order = "newest",
    limit: int = 50,
    offset: int = 0,
) -> CommentPage:
    """Return the comments that pass a filter as of a moment.

    Rows have comment_id, platform, content_id, title (of the content, or None), user_id (the
    person, or None), text, created_at, like_count, sentiment, score, risks and truncated.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    place = f"ORDER BY {_ORDERS[order]} LIMIT {limit:d} OFFSET {offset:d}"
    if isinstance(store, DuckDBStore):
        total, rows = _read_here(store, chosen, as_of, place)
    else:
        total, found = find_comments(store, chosen, as_of, order, limit + offset)
        sql = f"{_SHOWN} FROM own WHERE {SEEN} {place}"
        rows = run_sql(sql, {"own": found}, as_of).to_pylist()
    return CommentPage(total=total, rows=_titled(store, rows))


def _read_here(
    store: DuckDBStore, chosen: CommentFilter, as_of: datetime, place: str
) -> tuple[int, list[dict[str, Any]]]:
    """How many comments pass, and the rows of the page, in DuckDB's SQL."""
    given = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    given = {name: value for name, value in given.items() if value is not None}
    where = _where(given)
    if chosen.aspect is None:
        given.pop("polarity", None)
    source = by_person("comments") if chosen.person is not None else "FROM comments"
    base = f"FROM ({source}) AS own WHERE {' AND '.join([SEEN, *where])}"
    given |= {"as_of": as_of}
    total = store.read(f"SELECT count(*) AS n {base}", given)["n"][0].as_py()
    return int(total), store.read(f"{_SHOWN} {base} {place}", given).to_pylist()


def _titled(store: Store, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the title of their content; None where it was not loaded."""
    ids = sorted({row["content_id"] for row in rows if row["content_id"] is not None})
    found = store.rows_where("contents", "content_id", ids).to_pylist() if ids else []
    titles = {(one["platform"], one["content_id"]): one["title"] for one in found}
    return [{**row, "title": titles.get((row["platform"], row["content_id"]))} for row in rows]


def _where(given: dict[str, Any]) -> list[str]:
    """The tests of a filter, each with its parameter."""
    tests = []
    for name, value in given.items():
        if name == "polarity":
            continue
        if name == "aspect" and "polarity" in given:
            tests.append(_ASPECT)
            continue
        rule = _WHERE[name]
        tests.append(rule if isinstance(rule, str) else rule(value))
    return tests
