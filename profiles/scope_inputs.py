"""The stored rows of the persons in scope, as the tables that the dimensions read.

Each input is read once into a temporary table with numbered persons; each dimension sees those of
its own scope through views ``<dimension>_<input>``. What only social relations and emotions read of
comments, texts above all, is read where somebody's are computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from profiles.dimensions import DIMENSIONS
from profiles.persons import by_person, relations_by_person
from profiles.scope import Reach
from profiles.store.duckdb_store import DuckDBStore

_COMMENTS: Final = (
    *("comment_id", "platform", "content_id", "created_at", "region", "interests"),
    *("parent_id", "text", "like_count", "reply_count"),  # from here on for some dimensions alone
    *("sentiment", "sentiment_score", "p_negative", "p_neutral", "p_positive", "emotion"),
    "aspects",
)
_FOR_EMOTION: Final = frozenset(("text", "like_count", *_COMMENTS[10:]))
_FOR_SOCIAL: Final = frozenset(("text", "parent_id", "like_count", "reply_count"))
# of the other tables by person
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "users": (
        *("platform", "gender", "age", "region", "follower_count", "following_count", "verified"),
        "created_at",
    ),
    "events": ("platform", "event", "time", "content_id"),
    "orders": ("order_id", "platform", "time", "amount_cny", "items"),
}
# who is tied to a person need not be in scope: they are told apart by a hash
_RELATIONS: Final = f"""
SELECT coalesce(one.user_id, -1 - hash(r.user_id) // 4::UBIGINT::HUGEINT)::BIGINT AS user_id,
    coalesce(two.user_id, -1 - hash(r.target_id) // 4::UBIGINT::HUGEINT)::BIGINT AS target_id,
    relation, created_at
FROM ({relations_by_person()}) AS r
LEFT JOIN people AS one ON one.person_id = r.user_id
LEFT JOIN people AS two ON two.person_id = r.target_id
WHERE one.user_id IS NOT NULL OR two.user_id IS NOT NULL"""
_ITEMS: Final = {
    "topics": (
        "interests",
        "topic",
        "user_id, comment_id, platform, content_id, created_at",
        "item.topic AS topic, item.score AS score, place",
    ),
    "aspects": (
        "aspects",
        "aspect",
        "user_id, comment_id, created_at",
        "item.aspect AS aspect, item.polarity AS polarity",
    ),
}
_NAMES: Final = ("comments", "topics", "aspects", "users", "events", "orders", "relations")


def make_inputs(store: DuckDBStore, reach: Reach) -> None:
    """Make ``in_<input>`` and the views of every dimension; needs ``people`` and the scopes."""
    users = ("account_id", *COLUMNS["users"])
    columns = {"comments": _of_comments(reach), **COLUMNS, "users": users}
    for name, wanted in columns.items():
        store.execute(
            f"""CREATE OR REPLACE TEMP TABLE in_{name} AS
                SELECT people.user_id, {", ".join(wanted)}
                FROM ({by_person(name)}) AS own JOIN people ON people.person_id = own.user_id"""
        )
    for name, (column, key, kept, made) in _ITEMS.items():
        store.execute(
            f"""CREATE OR REPLACE TEMP TABLE in_{name} AS SELECT {kept}, {made} FROM (
                SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS place FROM (
                    SELECT {kept}, list_filter({column}, lambda i: i.{key} IS NOT NULL) AS items
                    FROM in_comments WHERE len({column}) > 0))"""
        )
    store.execute(f"CREATE OR REPLACE TEMP TABLE in_relations AS {_RELATIONS}")
    for dimension in DIMENSIONS:
        for name in _NAMES:
            chosen = _own(name, dimension) if dimension in reach.kept else ""
            store.execute(
                f"""CREATE OR REPLACE TEMP VIEW {dimension}_{name} AS
                    SELECT * FROM in_{name} {chosen}"""
            )
    store.execute(
        "CREATE OR REPLACE TEMP VIEW interest_content_topics AS SELECT * FROM content_topics"
    )


def comment_columns(reach: Reach) -> tuple[str, ...]:
    """The stored columns of comments that somebody's dimensions read."""
    return ("user_id", *(name for name in _COMMENTS if name not in _unread(reach)))


def _of_comments(reach: Reach) -> tuple[str, ...]:
    """The columns of comments, those that nobody reads as nulls of their type."""
    unread = _unread(reach)
    return tuple(
        f"CASE WHEN false THEN {name} END AS {name}" if name in unread else name
        for name in _COMMENTS
    )


def _unread(reach: Reach) -> frozenset[str]:
    unread = frozenset(_COMMENTS[6:])
    unread -= frozenset() if "emotion" in reach.of_nobody else _FOR_EMOTION
    return unread - (frozenset() if "social" in reach.of_nobody else _FOR_SOCIAL)


def drop_inputs(store: DuckDBStore) -> None:
    """Give the memory back."""
    for dimension in DIMENSIONS:
        for name in _NAMES:
            store.execute(f"DROP VIEW {dimension}_{name}")
    for name in _NAMES:
        store.execute(f"DROP TABLE in_{name}")


def _own(name: str, dimension: str) -> str:
    scope = f"(SELECT user_id FROM scope_{dimension})"
    other = f" OR target_id IN {scope}" if name == "relations" else ""
    return f"WHERE user_id IN {scope}{other}"
