"""A refresh of what changed, for a server's store: only the rows that it reads are lent to a bench.

Each step asks the store for rows by the keys that the steps before it found (persons, contents) and
puts them in the place of those that it no longer needs; the refresh itself is the same SQL as in a
DuckDB file. Afterwards the rows of the persons and contents in scope are replaced in the store.

Growth: rows of the persons in scope, and passes of the server over the columns of time; all
comments' keywords if any content is in scope, because their lift compares with all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from profiles.lender import Lender
from profiles.lending import MADE, batches, forget_marks, lend
from profiles.read import PLATFORMS_META
from profiles.scope import TIMES, Reach
from profiles.scope_inputs import COLUMNS, comment_columns
from profiles.store.base import Among, Between, Store
from profiles.store.ddl import quoted
from profiles.store.duckdb_store import DuckDBStore

_TOPICS_OF: Final = ("comment_id", "platform", "content_id", "created_at", "interests")
_INSIGHTS_OF: Final = (
    *("comment_id", "platform", "content_id", "text", "created_at", "like_count", "sentiment"),
    *("sentiment_score", "emotion", "keywords", "aspects", "risks"),
)
_SCOPE_IDS: Final = "SELECT DISTINCT id FROM scope_contents WHERE id IS NOT NULL"
_BY_PERSON: Final = ("persons", "profiles")
_BY_CONTENT: Final = ("content_insights", "content_topics")


class KeyLender(Lender):
    """Brings rows of ``store`` to ``bench`` by key, and takes back what the refresh made."""

    everywhere = "said_everywhere"

    def __init__(
        self, store: Store, bench: DuckDBStore, previous: datetime, as_of: datetime
    ) -> None:
        self._store, self._bench = store, bench
        self._previous, self._as_of = previous, as_of
        bench.execute("CREATE TEMP TABLE topics_lent (id VARCHAR)")

    def for_scope(self) -> None:
        """Bring ``touched``, the ids in rows between the two moments, and their persons."""
        lend(self._store, self._bench, "touched")
        low, high = sorted((self._previous, self._as_of))
        for name, at in TIMES.items() if low < high else ():
            ids = {"comments": ("platform", "content_id"), "relations": ("target_id",)}
            only = Between(column=at, low=low, high=high)
            self._renew(name, ("user_id", at, *ids.get(name, ())), only)
        self._add_members("key", "SELECT id FROM touched WHERE kind LIKE 'person%'")
        for name in TIMES:
            self._add_members_of(name)

    def for_topics(self) -> None:
        """Bring comments and topics of the contents in scope."""
        ids = self._ids(_SCOPE_IDS)
        self._renew("comments", _TOPICS_OF, Among(column="content_id", values=ids))
        self._lend_topics(ids)

    def for_viewers(self) -> None:
        """Bring who did what with the contents whose topics changed."""
        ids = self._ids("SELECT DISTINCT content_id FROM retold")
        columns = ("user_id", "platform", "event", "content_id")
        self._renew("events", columns, Among(column="content_id", values=ids))
        self._add_members_of("events")

    def for_everybody(self) -> None:
        """Bring the profiles of all persons in scope."""
        ids = self._ids("SELECT person_id FROM everybody")
        lend(self._store, self._bench, "profiles", only=Among(column="person_id", values=ids))

    def for_people(self, reach: Reach) -> None:
        """Bring all rows of one part of the persons, under whatever account."""
        bench = self._bench
        people = "SELECT person_id FROM people"
        self._add_members("person_id", people)
        self._add_members("key", people)
        accounts = self._ids(
            f"""{people} UNION SELECT key FROM person_identifiers WHERE person_id IN ({people})"""
        )
        theirs = Among(column="user_id", values=accounts)
        self._renew("comments", comment_columns(reach), theirs)
        for name, columns in COLUMNS.items():
            self._renew(name, ("user_id", *columns), theirs)
        self._lend_relations(accounts)
        if bench.count("scope_interest"):
            self._lend_topics(self._ids("SELECT DISTINCT content_id FROM events"))

    def for_insights(self) -> None:
        """Bring the comments of the contents in scope, and what all comments say."""
        ids = Among(column="content_id", values=self._ids(_SCOPE_IDS))
        self._renew("comments", _INSIGHTS_OF, ids)
        lend(self._store, self._bench, "content_insights", only=ids)
        self._bench.execute("CREATE TEMP TABLE said_everywhere AS SELECT * FROM comments LIMIT 0")
        words = ("created_at", "keywords")
        lend(self._store, self._bench, "comments", words, into="said_everywhere")

    def take_back(self) -> None:
        """Replace the rows of the persons and contents in scope; let the others hold as of now."""
        store, bench = self._store, self._bench
        persons, contents = self._ids("SELECT person_id FROM everybody"), self._ids(_SCOPE_IDS)
        for names, column, ids in (
            (_BY_PERSON, "person_id", persons),
            (_BY_CONTENT, "content_id", contents),
        ):
            for name in names if len(ids) else ():
                store.delete(name, column, ids.to_pylist())
                with bench.registered("ids", pa.table({"id": ids})):
                    bench.execute(f"DELETE FROM {name} WHERE {column} NOT IN (SELECT id FROM ids)")
                self._append(name)
        self._append("profile_history")
        forget_marks(store, bench)
        if self._previous != self._as_of:
            store.stamp(MADE, self._as_of)
        self._note_platforms()

    def _append(self, name: str) -> None:
        for batch in batches(self._bench, name, self._store.rows_per_load):
            self._store.bulk_load(name, pa.Table.from_batches([batch]))

    def _note_platforms(self) -> None:
        """As ``profiles.refresh`` notes them, of all persons and not only those here."""
        persons, known = self._store.table("persons"), self._store.table("identifiers")
        accounts = known.filter(known.type == "platform_uid")
        found = {
            *self._store.fetch(persons.select("platform").distinct())["platform"].to_pylist(),
            *self._store.fetch(accounts.select("namespace").distinct())["namespace"].to_pylist(),
        }
        names = sorted(found, key=lambda name: (name is None, name or ""))
        text = json.dumps(names, ensure_ascii=False, separators=(",", ":"))
        noted = pa.table({"name": [PLATFORMS_META], "value": [text]})
        self._store.merge("meta", noted, ["name"])

    def _renew(self, name: str, columns: Sequence[str], only: Among | Between) -> None:
        self._bench.execute(f"DELETE FROM {quoted(name)}")
        lend(self._store, self._bench, name, columns, only=only)

    def _lend_relations(self, accounts: pa.Array) -> None:
        """Each relation once, though both its ends may be here; and who the other end is."""
        self._bench.execute("DELETE FROM relations")
        if self._bench.count("scope_social") == 0:
            return
        for column in ("user_id", "target_id"):
            lend(self._store, self._bench, "relations", only=Among(column=column, values=accounts))
        self._bench.execute(
            """CREATE OR REPLACE TEMP TABLE each_once AS SELECT DISTINCT * FROM relations;
               DELETE FROM relations; INSERT INTO relations FROM each_once"""
        )
        self._add_members_of("relations")

    def _lend_topics(self, ids: pa.Array) -> None:
        """Topics of contents that are not here; those that are may have been told anew."""
        with self._bench.registered("ids", pa.table({"id": ids})):
            new = self._ids("SELECT id FROM ids WHERE id IS NOT NULL EXCEPT FROM topics_lent")
        with self._bench.registered("ids", pa.table({"id": new})):
            self._bench.execute("INSERT INTO topics_lent SELECT id FROM ids")
        only = Among(column="content_id", values=new)
        lend(self._store, self._bench, "content_topics", only=only)

    def _add_members_of(self, name: str) -> None:
        """Add who is behind the accounts in the rows of a table."""
        ids = "SELECT user_id AS id FROM {0} UNION SELECT target_id FROM {0}"
        if name != "relations":
            ids = "SELECT user_id AS id FROM {0}"
        self._add_members("key", ids.format(name))

    def _add_members(self, column: str, ids: str) -> None:
        """Add rows of ``person_identifiers`` by key or person; none is there twice."""
        wanted = self._ids(f"SELECT DISTINCT * FROM ({ids}) AS wanted")
        if not len(wanted):
            return
        self._bench.execute(
            "CREATE OR REPLACE TEMP TABLE members_in AS FROM person_identifiers LIMIT 0"
        )
        only = Among(column=column, values=wanted)
        lend(self._store, self._bench, "person_identifiers", only=only, into="members_in")
        self._bench.execute(
            """INSERT INTO person_identifiers
               FROM members_in ANTI JOIN person_identifiers USING (key)"""
        )

    def _ids(self, sql: str) -> pa.Array:
        found: Any = self._bench.read(sql).column(0).drop_null().combine_chunks()
        return found
