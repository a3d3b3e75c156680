"""How well persons are put together: sizes, refused links, the largest; and one person in full.

A healthy store has small persons and few refusals; a person far larger than the others is a rule
that is missing. Reads what the last resolving left (see ``profiles.persons``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from profiles.cuts import find_person
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.workbench import workbench

MAX_LISTED: Final = 10
MAX_LINEAGE: Final = 100

_READ: Final = {
    **dict.fromkeys(
        ("identifiers", "links", "cuts", "person_identifiers", "person_aliases", "refused_links")
    ),
    "lineage": None,
    "profile_history": ("person_id",),
}
_SIZES: Final = "SELECT person_id, count(*) AS size FROM person_identifiers GROUP BY person_id"


def audit_identity(store: Store) -> dict[str, Any]:
    """Return counts and the extremes, ready to print as JSON.

    persons (with identifiers), linked_persons (two or more), identifiers and by_type, links,
    refused (by reason), sizes (identifiers per person to number of persons), largest, hubs
    (identifiers over their maximum degree, most links first), cuts, aliases.
    """
    with _lent(store) as lent:
        return _audit(lent)


def _audit(store: DuckDBStore) -> dict[str, Any]:
    sizes = store.read(
        f"SELECT size, count(*) AS n FROM ({_SIZES}) GROUP BY size ORDER BY size"
    ).to_pylist()
    return {
        "persons": sum(row["n"] for row in sizes),
        "linked_persons": sum(row["n"] for row in sizes if row["size"] > 1),
        "identifiers": store.count("identifiers"),
        "by_type": _counts(store, "identifiers", "type"),
        "links": store.count("links"),
        "refused": _counts(store, "refused_links", "reason"),
        "sizes": {str(row["size"]): row["n"] for row in sizes},
        "largest": store.read(
            f"FROM ({_SIZES}) ORDER BY size DESC, person_id LIMIT {MAX_LISTED}"
        ).to_pylist(),
        "hubs": store.read(
            f"""SELECT detail, count(*) AS refused_links FROM refused_links
                WHERE reason = 'degree' GROUP BY detail
                ORDER BY refused_links DESC, detail LIMIT {MAX_LISTED}"""
        ).to_pylist(),
        "cuts": int(
            store.read("SELECT count(DISTINCT cut_id) AS n FROM cuts WHERE lifted_by IS NULL")["n"][
                0
            ].as_py()
        ),
        "aliases": store.count("person_aliases"),
    }


def show_person(store: Store, text: str) -> dict[str, Any]:
    """Return one person's identifiers, aliases, refused links, cuts, lineage and history.

    ``text`` is a person id, a former one, ``TYPE:VALUE`` or an account id. ``profile_history``
    counts the profiles stored under any id that this person bore.

    Raises:
        UnknownPersonError: nobody with identifiers answers to it, or several persons do.
    """
    with _lent(store) as lent:
        return _shown(lent, text)


def _shown(store: DuckDBStore, text: str) -> dict[str, Any]:
    person = find_person(store, text)
    parameters = {"person": person}
    mine = "(SELECT key FROM person_identifiers WHERE person_id = $person)"

    def rows(sql: str) -> list[dict[str, Any]]:
        return list(store.read(sql.format(mine=mine), parameters).to_pylist())

    return {
        "person_id": person,
        "aliases": [
            row["alias"]
            for row in rows("FROM person_aliases WHERE person_id = $person ORDER BY alias")
        ],
        "identifiers": rows(
            """SELECT type, namespace, key FROM identifiers
               WHERE key IN {mine} ORDER BY type, namespace, key"""
        ),
        "refused": rows(
            f"""FROM refused_links WHERE a IN {{mine}} OR b IN {{mine}}
                ORDER BY a, b LIMIT {MAX_LISTED}"""
        ),
        "cuts": rows(
            """SELECT cut_id, lifted_by, list(key ORDER BY key) AS taken_out FROM cuts
               WHERE side = 1 AND cut_id IN (SELECT cut_id FROM cuts WHERE key IN {mine})
               GROUP BY cut_id, lifted_by ORDER BY cut_id"""
        ),
        "lineage": rows(
            f"""SELECT recorded_at, verb, key, from_person, to_person FROM lineage
                WHERE key IN {{mine}} ORDER BY recorded_at DESC, key LIMIT {MAX_LINEAGE}"""
        ),
        "profile_history": rows(
            "SELECT count(*) AS n FROM profile_history WHERE person_id IN {mine}"
        )[0]["n"],
    }


@contextmanager
def _lent(store: Store) -> Iterator[DuckDBStore]:
    """The store itself, or one in memory with what it knows of identity."""
    if isinstance(store, DuckDBStore):
        yield store
        return
    with workbench(store, _READ) as bench:
        yield bench


def _counts(store: DuckDBStore, table: str, column: str) -> dict[str, int]:
    rows = store.read(f"SELECT {column} AS name, count(*) AS n FROM {table} GROUP BY 1 ORDER BY 1")
    return {row["name"]: row["n"] for row in rows.to_pylist()}
