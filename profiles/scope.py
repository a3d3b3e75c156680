"""What a refresh has to compute: which persons in which dimensions, and which contents.

Profiles do not age (see ``profiles.dimensions``), so as of a later moment only those differ
who were touched by a load, or have rows that became visible in between. A load touches the
dimensions that read its table. An event counts for the topics of its content; where these
change, its viewers' interest is touched too.

``touched.kind`` is "content", "identity", or "person" with the table that changed behind a slash;
"person" alone is every table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from profiles.compute import compile_part
from profiles.dimensions import DIMENSIONS, SOURCES
from profiles.lender import HERE, Lender
from profiles.persons import by_person, relations_by_person
from profiles.signals import EVENT_SIGNALS
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.tables import INPUTS

TIMES: Final = {
    name: "time" if "time" in INPUTS[name].schema.names else "created_at"
    for name in ("comments", "events", "orders", "relations")
}
_TOUCHED: Final = """
CREATE OR REPLACE TEMP TABLE changed AS
SELECT DISTINCT coalesce(person_id, id) AS person_id,
    CASE WHEN contains(kind, '/') THEN split_part(kind, '/', 2) END AS source
FROM touched LEFT JOIN person_identifiers ON key = id WHERE kind LIKE 'person%'
UNION SELECT id, CASE WHEN contains(kind, '/') THEN split_part(kind, '/', 2) END
FROM touched WHERE kind LIKE 'person%'"""
_ALL_TOPICS: Final = """
SELECT NULL::BIGINT AS user_id, comment_id, platform, content_id, created_at,
    item.topic AS topic, item.score AS score, place
FROM (SELECT * EXCLUDE (topics), unnest(topics) AS item, generate_subscripts(topics, 1) AS place
      FROM (SELECT comment_id, platform, content_id, created_at,
                list_filter(interests, lambda i: i.topic IS NOT NULL) AS topics FROM {comments}))"""
_SAME: Final = "{0}.content_id = {1}.{2} AND {0}.platform IS NOT DISTINCT FROM {1}.platform"


def set_scope(
    store: DuckDBStore,
    as_of: datetime,
    previous: datetime | None,
    *,
    full: bool,
    lender: Lender = HERE,
) -> None:
    """Make the temporary tables ``scope_contents``, ``changed`` and ``everybody``.

    ``everybody`` numbers all persons in scope: person_id, user_id from 1. Brings ``content_topics``
    up to ``as_of``. ``lender`` brings the rows for it where they are elsewhere.
    """
    lender.for_scope()
    store.execute(_TOUCHED)
    store.execute(
        """CREATE OR REPLACE TEMP TABLE scope_contents AS
           SELECT DISTINCT platform, id FROM touched WHERE kind = 'content'"""
    )
    if previous is not None and previous != as_of:
        _add_newly_visible(store, *sorted((previous, as_of)))
    lender.for_topics()
    _refresh_content_topics(store, as_of, full=full)
    if not full:
        lender.for_viewers()
        _add_viewers(store)
    _number_people(store, full=full)
    lender.for_everybody()


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom the dimensions are computed for: nobody of a part, some, or (in neither set) all."""

    of_nobody: frozenset[str]
    of_some: frozenset[str]

    @property
    def kept(self) -> tuple[str, ...]:
        """The dimensions in which somebody stays as stored."""
        return tuple(name for name in DIMENSIONS if name in self.of_nobody | self.of_some)


def choose_people(store: DuckDBStore, first: int, most: int, *, full: bool) -> Reach:
    """Make ``people`` of a part of ``everybody``, and ``scope_<dimension>``, who is of it: those
    whose rows changed, and who is not among ``stored_before``.
    """
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE people AS SELECT * FROM everybody
            WHERE user_id > {first} AND user_id <= {first + most}"""
    )
    for name in DIMENSIONS:
        sources = ", ".join(f"'{one}'" for one in (*SOURCES[name], name))
        chosen = (
            ""
            if full or name == "basic"
            else f"""
            WHERE person_id IN (SELECT person_id FROM changed
                WHERE source IS NULL OR source IN ({sources}))
            OR NOT EXISTS (FROM stored_before WHERE stored_before.person_id = people.person_id)"""
        )
        store.execute(
            f"CREATE OR REPLACE TEMP TABLE scope_{name} AS SELECT user_id FROM people {chosen}"
        )
    people, sizes = store.count("people"), {one: store.count(f"scope_{one}") for one in DIMENSIONS}
    return Reach(
        of_nobody=frozenset(name for name, n in sizes.items() if n == 0),
        of_some=frozenset(name for name, n in sizes.items() if 0 < n < people),
    )


def _add_newly_visible(store: DuckDBStore, low: datetime, high: datetime) -> None:
    """Rows between two moments are seen as of one of them only."""
    bounds = {"low": low, "high": high}
    for name, at in TIMES.items():
        store.execute(
            f"""INSERT INTO changed SELECT DISTINCT user_id, '{name}' FROM ({by_person(name)})
                WHERE {at} > $low AND {at} <= $high AND user_id IS NOT NULL""",
            bounds,
        )
    store.execute(
        f"""INSERT INTO changed SELECT DISTINCT target_id, 'relations'
            FROM ({relations_by_person()}) WHERE created_at > $low AND created_at <= $high""",
        bounds,
    )
    store.execute(
        """INSERT INTO scope_contents SELECT DISTINCT platform, content_id FROM comments
           WHERE created_at > $low AND created_at <= $high AND content_id IS NOT NULL""",
        bounds,
    )


def _refresh_content_topics(store: DuckDBStore, as_of: datetime, *, full: bool) -> None:
    """Replace the topics of contents in scope; those that changed are ``retold``."""
    own = (
        ""
        if full
        else f"""SEMI JOIN scope_contents
        ON {_SAME.format("comments", "scope_contents", "id")}"""
    )
    comments = f"(SELECT comments.* FROM comments {own})"
    store.execute(
        f"""CREATE OR REPLACE TEMP VIEW interest_all_topics AS
            {_ALL_TOPICS.format(comments=comments)}"""
    )
    store.execute(
        "CREATE OR REPLACE TEMP TABLE new_topics AS " + compile_part("interest_contents", as_of)
    )
    gone = (
        ""
        if full
        else f"""WHERE EXISTS (FROM scope_contents
        WHERE {_SAME.format("content_topics", "scope_contents", "id")})"""
    )
    columns = "platform, content_id, topic, share, place"
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE retold AS SELECT DISTINCT platform, content_id FROM (
            (SELECT {columns} FROM new_topics EXCEPT SELECT {columns} FROM content_topics)
            UNION ALL
            (SELECT {columns} FROM content_topics {gone} EXCEPT
             SELECT {columns} FROM new_topics))"""
    )
    store.execute(f"DELETE FROM content_topics {gone}")
    store.execute(
        f"""INSERT INTO content_topics ({columns}, as_of)
            SELECT {columns}, $as_of FROM new_topics ORDER BY platform, content_id, place""",
        {"as_of": as_of},
    )


def _add_viewers(store: DuckDBStore) -> None:
    """Whoever did something telling with a content that is retold joins ``changed``."""
    telling = ", ".join(f"'{name}'" for name in EVENT_SIGNALS)
    store.execute(
        f"""INSERT INTO changed SELECT DISTINCT user_id, 'interest'
            FROM ({by_person("events")}) AS seen SEMI JOIN retold
            ON {_SAME.format("seen", "retold", "content_id")}
            WHERE event IN ({telling})"""
    )


def _number_people(store: DuckDBStore, *, full: bool) -> None:
    """Persons are numbered in the order of their ids: grouping and sorting numbers is cheap."""
    ids = "SELECT person_id FROM changed"
    if full:
        tables = ("comments", "users", "events", "orders")
        ids = " UNION ".join(
            f"SELECT user_id AS person_id FROM ({by_person(name)})" for name in tables
        )
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE everybody AS
            SELECT person_id, row_number() OVER (ORDER BY person_id) AS user_id
            FROM (SELECT DISTINCT person_id FROM ({ids}) WHERE person_id IS NOT NULL)"""
    )
