"""The documents of persons in scope put in the place of those that are stored.

Works on the temporary tables of a refresh: ``people``, ``scope_<dimension>``, ``basic_spans`` and
``<dimension>_doc``. ``profile_history`` gets a row for each profile that is new or differs.

A full refresh sorts the rows by person, where they are put together, and writes them in that order,
so that a look-up without an index reads few row groups. A later one adds too few to sort them.
"""

from __future__ import annotations

from datetime import datetime

from profiles.dimensions import DIMENSIONS
from profiles.documents import EMPTY
from profiles.scope import Reach
from profiles.store.duckdb_store import DuckDBStore


def keep_before(store: DuckDBStore, *, full: bool) -> None:
    """Make ``stored_before``, the fingerprints of who is in scope (``everybody``).

    A full refresh empties the tables here, so that nobody stays of whom no row is left.
    """
    own = "" if full else "SEMI JOIN everybody USING (person_id)"
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE stored_before AS
            SELECT person_id, fingerprint FROM profiles {own}"""
    )
    if full:
        for name in ("persons", "profiles"):
            store.execute(f"DELETE FROM {name}")


def replace_people(
    store: DuckDBStore, as_of: datetime, run: str, reach: Reach, *, full: bool
) -> tuple[int, int]:
    """Replace the rows of ``people``; return how many have a profile, and how many of these are
    new or differ.
    """
    _put_together(store, as_of, run, reach, full=full)
    store.execute(
        """CREATE OR REPLACE TEMP TABLE differing AS
           SELECT fresh.person_id FROM fresh LEFT JOIN stored_before USING (person_id)
           WHERE fresh.fingerprint IS DISTINCT FROM stored_before.fingerprint"""
    )
    for name in ("persons", "profiles"):
        if not full:
            store.execute(f"DELETE FROM {name} WHERE person_id IN (SELECT person_id FROM people)")
        _insert(store, name, "fresh")
    counts = store.count("fresh"), store.count("differing")
    some = "(SELECT * FROM fresh SEMI JOIN differing USING (person_id))"
    _insert(store, "profile_history", "fresh" if counts[0] == counts[1] else some)
    for name in ("fresh", "differing", "basic_spans", *(f"{one}_doc" for one in DIMENSIONS)):
        store.execute(f"DROP TABLE {name}")
    return counts


def _put_together(
    store: DuckDBStore, as_of: datetime, run: str, reach: Reach, *, full: bool
) -> None:
    """Make ``fresh``: everybody of ``people``, the dimensions out of scope as they were.

    Stored documents are long, so only those that somebody keeps are read.
    """
    store.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh AS
            WITH seen AS (
                SELECT user_id, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at,
                    sum(n_comments)::BIGINT AS n_comments, sum(n_events)::BIGINT AS n_events,
                    sum(n_orders)::BIGINT AS n_orders,
                    coalesce(min(platform) FILTER (n_comments > 0),
                        min(platform) FILTER (n_users > 0), min(platform) FILTER (n_orders > 0),
                        min(platform)) AS platform
                FROM basic_spans GROUP BY user_id
            ), described AS (
                SELECT people.person_id, seen.*,
                    {", ".join(_document(name, reach) for name in DIMENSIONS)}
                FROM people JOIN seen ON seen.user_id = people.user_id
                    {"LEFT JOIN profiles AS old USING (person_id)" if reach.kept else ""}
                    {" ".join(_joined(name, reach) for name in DIMENSIONS)}
            )
            SELECT *, md5(concat_ws(chr(31), {", ".join(DIMENSIONS)})) AS fingerprint,
                $as_of::TIMESTAMPTZ AS as_of, $run AS run_id
            FROM described {"ORDER BY user_id" if full else ""}""",
        {"as_of": as_of, "run": run},
    )


def _document(name: str, reach: Reach) -> str:
    new, stored = f"{name}_doc.doc", f"old.{name}"
    if name in reach.of_nobody:
        new = stored
    elif name in reach.of_some:
        new = f"CASE WHEN scope_{name}.user_id IS NULL THEN {stored} ELSE {new} END"
    return f"coalesce({new}, '{EMPTY[name]}'::JSON) AS {name}"


def _joined(name: str, reach: Reach) -> str:
    if name in reach.of_nobody:
        return ""
    joined = f"LEFT JOIN {name}_doc ON {name}_doc.user_id = people.user_id"
    if name not in reach.of_some:
        return joined
    return f"{joined} LEFT JOIN scope_{name} ON scope_{name}.user_id = people.user_id"


def _insert(store: DuckDBStore, name: str, source: str) -> None:
    wanted = store.read(f"SELECT * FROM {name} LIMIT 0").column_names
    store.execute(f"INSERT INTO {name} BY NAME SELECT {', '.join(wanted)} FROM {source}")
