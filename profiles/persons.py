"""Stored identifiers put together to persons: who is who after the latest links, cuts and rules.

A person's id is the smallest key among its identifiers; ids that a person bore before are kept as
aliases. An account without links is its own person, under its own key. Every change of a known
person leaves a row in ``lineage`` and marks both persons for the next refresh. Consents follow
their persons (``profiles.decisions``), into a merge and out of it.

Growth: sorts and joins inside the database, the rest in ``profiles.resolve``; nothing per row in
Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa

from profiles.claims import Claims, Ints
from profiles.decisions import consents_sql, undecided_sql
from profiles.resolve import KEPT, OVER_DEGREE, Nodes, Resolution, resolve
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore
from profiles.store.workbench import workbench

_NUMBERED: Final = """
CREATE OR REPLACE TEMP TABLE numbered AS
SELECT key, type, row_number() OVER (ORDER BY key) - 1 AS node,
    dense_rank() OVER (ORDER BY type, namespace) - 1 AS kind
FROM identifiers"""
_LINKS: Final = """
SELECT x.node AS a, y.node AS b FROM links
JOIN numbered AS x ON x.key = links.a JOIN numbered AS y ON y.key = links.b ORDER BY a, b"""
_CUTS: Final = """
SELECT node, dense_rank() OVER (ORDER BY cut_id) - 1 AS slot, side, cut_id
FROM cuts JOIN numbered USING (key) WHERE lifted_by IS NULL"""
_MOVED: Final = """
CREATE OR REPLACE TEMP TABLE moved AS
SELECT now.key, coalesce(old.person_id, now.key) AS from_person, now.person_id AS to_person,
    old.key IS NOT NULL OR now.key IN (SELECT person_id FROM persons) AS known
FROM members AS now LEFT JOIN person_identifiers AS old USING (key)
WHERE from_person <> to_person"""
_WRITE: Final = (
    """INSERT INTO touched
       SELECT DISTINCT 'person', NULL, unnest([from_person, to_person]) FROM moved""",
    """CREATE OR REPLACE TEMP TABLE former AS
       SELECT alias FROM person_aliases UNION SELECT from_person FROM moved WHERE known""",
    "DELETE FROM person_aliases",
    """INSERT INTO person_aliases SELECT alias, person_id
       FROM former JOIN members ON alias = key WHERE alias <> person_id ORDER BY alias""",
    "DELETE FROM person_identifiers",
    "INSERT INTO person_identifiers SELECT key, person_id FROM members ORDER BY key",
    "DELETE FROM touched WHERE kind = 'identity'",
    "DELETE FROM consents",
    f"INSERT INTO consents BY NAME {consents_sql('consent_decisions', 'person_identifiers')}",
)
# what resolving reads, and what it makes anew; to lineage and touched it only adds
_NEEDED: Final = {
    "identifiers": None,
    "links": None,
    "cuts": None,
    "person_identifiers": None,
    "person_aliases": None,
    "refused_links": None,
    "persons": ("person_id",),
    "meta": None,
    "touched": ("kind",),
    "consents": None,
    "consent_decisions": None,
}
_REPLACED: Final = (
    *("person_identifiers", "person_aliases", "refused_links", "cuts"),
    *("consents", "consent_decisions"),
)


def by_person(table: str) -> str:
    """Return a SELECT of a stored table in which ``user_id`` is the person, not the account.

    The account stays in the column ``account_id``.
    """
    return f"""
        SELECT {table}.* REPLACE (coalesce(member.person_id, {table}.user_id) AS user_id),
            {table}.user_id AS account_id
        FROM {table} LEFT JOIN (FROM person_identifiers WHERE key <> person_id) AS member
            ON member.key = {table}.user_id"""


def relations_by_person() -> str:
    """Return a SELECT of the stored relations in which both ends are persons."""
    return f"""
        SELECT own.* REPLACE (coalesce(member.person_id, own.target_id) AS target_id)
        FROM ({by_person("relations")}) AS own
        LEFT JOIN (FROM person_identifiers WHERE key <> person_id) AS member
            ON member.key = own.target_id"""


def resolve_if_stale(store: Store, run: str, *, verb: str = "resolved") -> bool:
    """Put persons together anew where links, cuts or rules have changed; tell whether it did.

    Call it inside ``store.transaction()``. ``verb`` is what ``lineage`` says of every move. Stores
    other than a DuckDB file lend their identifiers to one in memory for it, and take back the
    outcome: the algorithm holds all links in memory on any engine.
    """
    rules = store.meta().get("identity_rules")
    pending = store.rows_where("touched", "kind", ["identity"]).num_rows
    if not pending and rules in (None, store.rules.digest):
        return False
    if isinstance(store, DuckDBStore):
        _resolve_in(store, run, verb)
        return True
    with identity_bench(store) as bench:
        _resolve_in(bench, run, verb)
    return True


@contextmanager
def identity_bench(store: Store) -> Iterator[DuckDBStore]:
    """Give a DuckDB store with what a store knows of identity, and take back what is changed there.

    A DuckDB file is given as it is. Call it inside ``store.transaction()``.
    """
    if isinstance(store, DuckDBStore):
        yield store
        return
    with workbench(store, _NEEDED) as bench:
        yield bench
        _take_back(store, bench)


def _take_back(store: Store, bench: DuckDBStore) -> None:
    """Write what resolving changed in ``bench`` to the store it was borrowed from."""
    store.swap({name: bench.read(f"FROM {name}") for name in _REPLACED})
    store.delete("touched", "kind", ["identity"])
    for name in ("lineage", "touched"):
        store.bulk_load(name, bench.read(f"FROM {name}"))
    rules = bench.read("FROM meta WHERE name = 'identity_rules'")
    store.merge("meta", rules, ["name"])


def _resolve_in(store: DuckDBStore, run: str, verb: str) -> None:
    _resolve(store)
    store.execute(_MOVED)
    store.execute(
        """INSERT INTO lineage SELECT now(), $run, $verb, key, from_person, to_person
           FROM moved WHERE known ORDER BY key""",
        {"run": run, "verb": verb},
    )
    told = undecided_sql("consents", "consent_decisions", "person_identifiers")
    store.execute(f"INSERT INTO consent_decisions BY NAME {told}")
    for statement in _WRITE:
        store.execute(statement)
    store.execute(
        "INSERT OR REPLACE INTO meta VALUES ('identity_rules', $digest)",
        {"digest": store.rules.digest},
    )
    for name in ("numbered", "members", "moved", "former"):
        store.execute(f"DROP TABLE {name}")


def _resolve(store: DuckDBStore) -> None:
    """Make the temporary table ``members`` and fill ``refused_links``."""
    store.execute(_NUMBERED)
    nodes, unique = _nodes(store)
    links = store.read(_LINKS)
    ends = np.stack([_ints(links["a"]), _ints(links["b"])], axis=1)
    cuts = store.read(_CUTS)
    n_cuts = len(cuts["slot"].unique())
    found = resolve(nodes, ends, _claims(cuts, n_cuts, np.flatnonzero(unique[nodes.kind]), nodes))
    with store.registered(
        "outcome", pa.table({"node": np.arange(len(found.person)), "person": found.person})
    ):
        store.execute(
            """CREATE OR REPLACE TEMP TABLE members AS
               SELECT one.key, smallest.key AS person_id
               FROM outcome
               JOIN numbered AS one USING (node)
               JOIN numbered AS smallest ON smallest.node = person"""
        )
    _record_refused(store, ends, found, nodes, n_cuts)


def _nodes(store: DuckDBStore) -> tuple[Nodes, Any]:
    """Every identifier's kind and rule, and which kinds are unique."""
    kinds = store.read("SELECT DISTINCT kind, type FROM numbered ORDER BY kind")["type"]
    rules = [store.rules.types[name] for name in kinds.to_pylist()]
    kind = _ints(store.read("SELECT kind FROM numbered ORDER BY node")["kind"])
    nodes = Nodes(
        kind=kind,
        max_degree=np.array([rule.max_degree for rule in rules], np.int64)[kind],
        shareable=np.array([rule.shareable for rule in rules], bool)[kind],
    )
    return nodes, np.array([rule.unique for rule in rules], bool)


def _claims(cuts: pa.Table, n_cuts: int, unique: Any, nodes: Nodes) -> Claims:
    """Cuts are the first slots, unique kinds the others."""
    return Claims(
        node=np.concatenate([_ints(cuts["node"]), unique]),
        slot=np.concatenate([_ints(cuts["slot"]), nodes.kind[unique] + n_cuts]),
        value=np.concatenate([_ints(cuts["side"]), unique]),
    )


def _record_refused(
    store: DuckDBStore, ends: Ints, found: Resolution, nodes: Nodes, n_cuts: int
) -> None:
    refused = np.flatnonzero(found.reason != KEPT)
    a, b = ends[refused, 0], ends[refused, 1]
    at = np.where(found.degree[a] > nodes.max_degree[a], a, b)
    rows = pa.table(
        {
            "a": a,
            "b": b,
            "at": at,
            "degree": found.degree[at],
            "most": nodes.max_degree[at],
            "by_degree": found.reason[refused] == OVER_DEGREE,
            "slot": found.slot[refused],
        }
    )
    store.execute("DELETE FROM refused_links")
    with store.registered("refused_in", rows):
        store.execute(
            f"""INSERT INTO refused_links
                SELECT x.key, y.key,
                    CASE WHEN by_degree THEN 'degree' WHEN slot < $n_cuts THEN 'cut'
                        ELSE 'unique' END,
                    CASE WHEN by_degree THEN format(
                            '{{}} {{}} is linked with {{}} of one type, at most {{}} allowed',
                            middle.type, middle.key, degree, most)
                        WHEN slot < $n_cuts THEN cut_id
                        ELSE 'one person would have two of ' || kinds.type END
                FROM refused_in JOIN numbered AS x ON x.node = a JOIN numbered AS y ON y.node = b
                JOIN numbered AS middle ON middle.node = "at"
                LEFT JOIN (SELECT DISTINCT slot AS cut_slot, cut_id FROM ({_CUTS})) AS cut
                    ON cut_slot = slot
                LEFT JOIN (SELECT DISTINCT kind, type FROM numbered) AS kinds
                    ON kinds.kind = slot - $n_cuts
                ORDER BY x.key, y.key""",
            {"n_cuts": n_cuts},
        )


def _ints(column: pa.ChunkedArray) -> Ints:
    return column.to_numpy().astype(np.int64)  # type: ignore[no-any-return]
