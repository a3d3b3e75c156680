"""Every row behind a value of a profile: what ``rows`` caps at three, listed to the last one.

A field is a dimension, or a dimension and what is counted in it: ``interest.food``,
``emotion.price``, ``spending.tea_drinks``, ``behaviour.view``, ``basic.region``. Rows are those
visible as of the last refresh.

Growth: a scan of the tables that the dimension reads, for one person; not for millions of calls.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

import pyarrow as pa

from profiles.bench import lent_for_reading
from profiles.dimensions import DIMENSIONS
from profiles.errors import ProfilesError
from profiles.persons import by_person
from profiles.read import find_person
from profiles.signals import EVENT_SIGNALS
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

READ_TABLES: Final = (
    *("comments", "events", "orders", "users"),
    *("content_topics", "person_identifiers", "persons", "profiles", "meta"),
)
_COMMENT: Final = """SELECT 'comments' AS "table", comment_id AS id, platform, created_at AS time,
    text AS what FROM ({comments}) AS own WHERE user_id = $person
    AND (created_at IS NULL OR created_at <= $as_of)"""
_EVENT: Final = """SELECT 'events' AS "table", concat_ws('@', event, content_id) AS id, platform,
    time, event AS what FROM ({events}) AS own WHERE user_id = $person AND time <= $as_of"""
_ORDER: Final = """SELECT 'orders' AS "table", order_id AS id, platform, time,
    concat_ws(' ', '¥' || amount_cny, items) AS what
    FROM ({orders}) AS own WHERE user_id = $person AND time <= $as_of"""
_USER: Final = """SELECT 'users' AS "table", account_id AS id, platform,
    NULL::TIMESTAMPTZ AS time, concat_ws(' ', gender, age, region) AS what
    FROM ({users}) AS own WHERE user_id = $person"""


class UnknownFieldError(ProfilesError):
    """There is no such field to trace."""


def trace(store: Store, user: str, field: str, platform: str | None = None) -> list[dict[str, Any]]:
    """Return the rows behind a field, newest first: table, id, platform, time (or None), what.

    Of a store that is no DuckDB file the person's rows are lent to one.

    Raises:
        UnknownFieldError: the field's dimension does not exist.
        UnknownPersonError: nobody answers to the id, or persons of several platforms do.
    """
    dimension, _, key = field.partition(".")
    if dimension not in DIMENSIONS:
        raise UnknownFieldError(
            f"expected a field of {', '.join(DIMENSIONS)}, such as interest.food, found {field!r}; "
            "name one of them"
        )
    person = find_person(store, user, platform)
    (row,) = store.rows_where("profiles", "person_id", [person]).to_pylist()
    sql = " UNION ALL ".join(f"({part})" for part in _parts(dimension, bool(key)))
    with lent_for_reading(store, (), rows=_own_rows(store, person)) as here:
        rows = _run(here, sql, person, key, row["as_of"])
    return cast(list[dict[str, Any]], rows.to_pylist())


def _own_rows(store: Store, person: str) -> dict[str, Any]:
    """What a trace of one person can read, by table; nothing for a DuckDB file, which is not
    copied.
    """
    if isinstance(store, DuckDBStore):
        return {}
    members = store.table("person_identifiers").filter(lambda t: t.person_id == person)
    accounts = [person, *store.fetch(members)["key"].to_pylist()]
    own = {
        name: store.table(name).filter(lambda t: t.user_id.isin(accounts))
        for name in ("comments", "events", "orders", "users")
    }
    topics = store.table("content_topics").semi_join(own["events"], "content_id")
    return {**own, "person_identifiers": members, "content_topics": topics}


def _run(store: DuckDBStore, sql: str, person: str, key: str, as_of: datetime) -> pa.Table:
    tables = {name: by_person(name) for name in ("comments", "events", "orders", "users")}
    filled = sql.format(**tables)
    given = {"person": person, "as_of": as_of, "key": key}
    used = {name: value for name, value in given.items() if f"${name}" in filled}
    return store.read(f'{filled} ORDER BY time DESC NULLS LAST, "table", id', used)


def _parts(dimension: str, keyed: bool) -> list[str]:
    """The SELECTs of a dimension, those of one key where one is given."""
    telling = ", ".join(f"'{name}'" for name in EVENT_SIGNALS)
    about = f"""event IN ({telling}) AND EXISTS (FROM content_topics AS told
        WHERE told.content_id = own.content_id AND told.platform IS NOT DISTINCT FROM own.platform
        {"AND told.topic = $key" if keyed else ""})"""
    spoken = (
        "list_contains(list_transform(interests, lambda i: i.topic), $key)"
        if keyed
        else "len(interests) > 0"
    )
    attitude = """(list_contains(list_transform(aspects, lambda a: a.aspect), $key)
        OR sentiment = $key OR emotion = $key)"""
    parts: dict[str, list[tuple[str, str]]] = {
        "basic": [(_USER, ""), (_COMMENT, "region IS NOT NULL")],
        "interest": [(_COMMENT, spoken), (_EVENT, about)],
        "spending": [(_ORDER, _of_category() if keyed else "")],
        "social": [(_COMMENT, "")],
        "behaviour": [(_EVENT, "event = $key" if keyed else "")],
        "emotion": [(_COMMENT, attitude if keyed else "")],
    }
    return [f"{sql} AND {rest}" if rest else sql for sql, rest in parts[dimension]]


def _of_category() -> str:
    """The first category with a word in the goods, as ``profiles.dimensions.spending`` has it."""
    import re

    from profiles.dimensions.rules import rules

    categories = rules("spending")["categories"].items()
    branches = " ".join(
        f"WHEN regexp_matches(coalesce(items, ''), '{'|'.join(map(re.escape, one['words']))}') "
        f"THEN '{name}'"
        for name, one in categories
    )
    return f"CASE {branches} ELSE 'other' END = $key"
