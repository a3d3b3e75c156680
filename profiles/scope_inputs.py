"""The stored rows of the persons in scope, as the tables that the dimensions read.

Each input is read once into a temporary table with numbered persons; each dimension sees those of
its own scope through views ``<dimension>_<input>``. Texts are read only where comments changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from profiles.dimensions import DIMENSIONS
from profiles.persons import by_person, relations_by_person
from profiles.store.duckdb_store import DuckDBStore

_COMMENTS: Final = (
    *("comment_id", "platform", "content_id", "parent_id", "text", "created_at", "like_count"),
    *("reply_count", "region", "sentiment", "sentiment_score", "p_negative", "p_neutral"),
    *("p_positive", "emotion"),
)
_USERS: Final = (
    *("platform", "gender", "age", "region", "follower_count", "following_count", "verified"),
    "created_at",
)
# of the other tables by person
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "users": _USERS,
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


def make_inputs(store: DuckDBStore, *, full: bool) -> None:
    """Make ``in_<input>`` and the views of every dimension; needs ``people`` and the scopes."""
    texts = ", ".join(_COMMENTS)
    if not full and not needs_text(store):
        texts = texts.replace(" text,", " NULL::VARCHAR AS text,")
    columns = {"comments": texts, **{name: ", ".join(one) for name, one in COLUMNS.items()}}
    for name, wanted in columns.items():
        items = {"comments": ", interests, aspects", "users": ", account_id"}.get(name, "")
        store.execute(
            f"""CREATE OR REPLACE TEMP TABLE in_{name} AS
                SELECT people.user_id, {wanted}{items}
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
            chosen = "" if full or dimension == "basic" else _own(name, dimension)
            store.execute(
                f"""CREATE OR REPLACE TEMP VIEW {dimension}_{name} AS
                    SELECT * FROM in_{name} {chosen}"""
            )
    store.execute(
        "CREATE OR REPLACE TEMP VIEW interest_content_topics AS SELECT * FROM content_topics"
    )


def needs_text(store: DuckDBStore) -> bool:
    """Tell whether a dimension that reads what comments say has anybody in scope."""
    return store.count("scope_emotion") + store.count("scope_social") > 0


def comment_columns(*, text: bool, aspects: bool) -> tuple[str, ...]:
    """Return the stored columns of comments that the dimensions read."""
    lists = ("interests", "aspects") if aspects else ("interests",)
    return ("user_id", *(name for name in _COMMENTS if text or name != "text"), *lists)


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
