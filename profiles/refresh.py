"""Recompute what changed: persons, profiles and content insights, swapped in one transaction.

Persons are put together first (see ``profiles.persons``); a profile counts the rows of all accounts
that are one person.

A refresh as of the same moment as the last one computes the persons and contents that loads have
touched since; as of any other moment, all of them, because every age has changed. One thing an
unchanged content keeps from its last computing: its keywords' lift, which compares with all
comments stored at that time.

Growth: a full refresh reads every comment a fixed number of times and a partial one the touched
persons' and contents' comments (found by a scan of the id columns); both inside the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from profiles.dimensions import PROFILE_SQL, merged_users_sql
from profiles.emotion import EMOTION_SQL
from profiles.insight import INSIGHT_SQL, with_share_intervals
from profiles.interest import interest_sql
from profiles.persons import by_person, resolve_if_stale
from profiles.read import last_refresh
from profiles.sql import check_as_of
from profiles.store.duckdb_store import DuckDBStore

_SAME_CONTENT: Final = """scope_contents.id = {0}.content_id
    AND scope_contents.platform IS NOT DISTINCT FROM {0}.platform"""


@dataclass(frozen=True, kw_only=True)
class RefreshResult:
    """What one refresh did; ``changed`` counts profiles that are new or differ from before."""

    as_of: datetime
    full: bool
    persons: int
    contents: int
    changed: int


def refresh(store: DuckDBStore, as_of: datetime, run: str) -> RefreshResult:
    """Bring the derived tables up to what is known as of a moment; all of it happens or none.

    Afterwards ``persons``, ``profiles`` and ``content_insights`` follow from the stored rows not
    later than ``as_of``, and ``profile_history`` has one more row for each changed profile.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    full = last_refresh(store) != as_of
    with store.transaction():
        resolve_if_stale(store, run)
        _set_scope(store, full=full)
        persons, changed = _refresh_profiles(store, as_of, run, full=full)
        contents = _refresh_insights(store, as_of, run, full=full)
        store.execute("DELETE FROM touched")
        result = RefreshResult(
            as_of=as_of, full=full, persons=persons, contents=contents, changed=changed
        )
        _record(store, result, run)
    return result


def _set_scope(store: DuckDBStore, *, full: bool) -> None:
    """Name what is computed: persons and contents in scope, and the persons' own rows."""
    store.execute(
        """CREATE OR REPLACE TEMP TABLE scope_persons AS
           SELECT id FROM touched WHERE kind = 'person' UNION
           SELECT person_id FROM touched JOIN person_identifiers ON id = key
           WHERE kind = 'person'"""
    )
    store.execute(
        """CREATE OR REPLACE TEMP TABLE scope_contents AS
           SELECT DISTINCT platform, id FROM touched WHERE kind = 'content'"""
    )
    own = "" if full else "WHERE user_id IN (SELECT id FROM scope_persons)"
    for name in ("comments", "users", "events", "orders"):
        select = merged_users_sql() if name == "users" else by_person(name)
        store.execute(f"CREATE OR REPLACE TEMP VIEW {name}_in AS SELECT * FROM ({select}) {own}")


def _refresh_profiles(
    store: DuckDBStore, as_of: datetime, run: str, *, full: bool
) -> tuple[int, int]:
    moment = {"as_of": as_of}
    store.execute(f"CREATE OR REPLACE TEMP TABLE emotion_in AS {EMOTION_SQL}", moment)
    store.execute(f"CREATE OR REPLACE TEMP TABLE interest_in AS {interest_sql()}", moment)
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh AS
            SELECT *, $as_of::TIMESTAMPTZ AS as_of, $run AS run_id FROM ({PROFILE_SQL})""",
        {**moment, "run": run},
    )
    store.execute(
        """CREATE OR REPLACE TEMP TABLE changed AS
           SELECT fresh.* FROM fresh LEFT JOIN profiles USING (person_id)
           WHERE fresh.fingerprint IS DISTINCT FROM profiles.fingerprint"""
    )
    gone = "" if full else "WHERE person_id IN (SELECT id FROM scope_persons)"
    for name in ("persons", "profiles"):
        store.execute(f"DELETE FROM {name} {gone}")
        _insert(store, name, "fresh")
    _insert(store, "profile_history", "changed")
    counts = store.count("fresh"), store.count("changed")
    for name in ("emotion_in", "interest_in", "fresh", "changed"):
        store.execute(f"DROP TABLE {name}")
    return counts


def _insert(store: DuckDBStore, name: str, source: str) -> None:
    wanted = store.read(f"SELECT * FROM {name} LIMIT 0").column_names
    store.execute(
        f"INSERT INTO {name} BY NAME SELECT {', '.join(wanted)} FROM {source} ORDER BY person_id"
    )


def _refresh_insights(store: DuckDBStore, as_of: datetime, run: str, *, full: bool) -> int:
    """Replace the insights in scope; their rows are few enough to pass through Arrow."""
    own = "" if full else f"SEMI JOIN scope_contents ON {_SAME_CONTENT.format('comments')}"
    store.execute(
        f"CREATE OR REPLACE TEMP VIEW comments_in AS SELECT comments.* FROM comments {own}"
    )
    store.execute("CREATE OR REPLACE TEMP VIEW all_comments_in AS SELECT * FROM comments")
    moment = {"as_of": as_of}
    insights = with_share_intervals(store.read(INSIGHT_SQL, moment))
    gone = (
        ""
        if full
        else f"""WHERE EXISTS (SELECT 1 FROM scope_contents
                 WHERE {_SAME_CONTENT.format("content_insights")})"""
    )
    store.execute(f"DELETE FROM content_insights {gone}")
    store.insert("content_insights", insights)
    store.execute(
        "UPDATE content_insights SET as_of = $as_of, run_id = $run WHERE run_id IS NULL",
        {**moment, "run": run},
    )
    return int(insights.num_rows)


def _record(store: DuckDBStore, result: RefreshResult, run: str) -> None:
    store.execute(
        """INSERT INTO runs VALUES
           ($run, 'refresh', now(), $as_of, $persons, 0, $changed, $persons - $changed)""",
        {
            "run": run,
            "as_of": result.as_of,
            "persons": result.persons,
            "changed": result.changed,
        },
    )
