"""Consents as they come in: with users, or by hand; kept as decisions, joined to consents.

What a person allows follows from all decisions about any of their identifiers
(``profiles.decisions``). So the same rows twice change nothing, and an older row undoes no
withdrawal. At a moment for which the store has a basis, that basis stays, except by hand.

Growth: one pass over the rows given and the stored decisions of their persons, in DuckDB in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from data.columns import CONSENT, TIMESTAMP
from profiles.decisions import DECISION_KEY, consents_sql, undecided_sql
from profiles.persons import resolve_if_stale
from profiles.store.base import Store
from profiles.store.layout import arrow_schema, conform

BASIS: Final = "consent"  # where a row names no ground
_NAMES: Final = "key, purpose, basis, given_at, withdrawn_at, run_id"

_PURPOSES: Final = """
SELECT key, basis, given_at, withdrawn_at,
    unnest(list_distinct(list_filter(
        list_transform(regexp_split_to_array(purposes, '[;；、,，|]'), lambda one: trim(one)),
        lambda one: one <> ''))) AS purpose
FROM given"""
_KNOWN: Final = f"""
CREATE TABLE known AS
SELECT {_NAMES}, true AS stored FROM stored_decisions UNION ALL BY NAME
SELECT *, false AS stored FROM ({undecided_sql("kept", "stored_decisions", "members")})"""
_BY_HAND: Final = """
UPDATE known SET basis = told.basis, stored = false FROM told
WHERE known.purpose = told.purpose AND known.given_at = told.given_at
    AND told.withdrawn_at IS NULL AND known.basis IS DISTINCT FROM told.basis"""
_NEW: Final = """
INSERT INTO known BY NAME
SELECT told.key, told.purpose, coalesce(max(old.basis), max(told.basis), $basis) AS basis,
    told.given_at, told.withdrawn_at, $run AS run_id, false AS stored
FROM told
LEFT JOIN known AS old ON old.key = told.key AND old.purpose = told.purpose
    AND old.given_at = told.given_at
WHERE NOT EXISTS (FROM known WHERE known.key = told.key AND known.purpose = told.purpose
    AND known.given_at = told.given_at
    AND known.withdrawn_at IS NOT DISTINCT FROM told.withdrawn_at)
GROUP BY told.key, told.purpose, told.given_at, told.withdrawn_at"""
_CHANGED: Final = f"""
SELECT made.* FROM ({consents_sql("known", "members")}) AS made
LEFT JOIN kept ON kept.person_id = made.person_id AND kept.purpose = made.purpose
WHERE kept.person_id IS NULL OR kept.basis IS DISTINCT FROM made.basis
    OR kept.given_at IS DISTINCT FROM made.given_at
    OR kept.withdrawn_at IS DISTINCT FROM made.withdrawn_at
ORDER BY made.person_id, made.purpose"""


def split_consents(table: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    """Return rows of users without their consents, and the consents (null: there are none).

    The consents have ``platform``, ``user_id`` and the columns of ``data.columns.CONSENT``.
    """
    rest = table.drop_columns([name for name in CONSENT.names if name in table.column_names])
    if "consent_purpose" not in table.column_names:
        return rest, None
    for field in (pa.field("platform", pa.string()), *CONSENT):
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    timed = pc.or_(
        pc.is_valid(table["consent_given_at"]), pc.is_valid(table["consent_withdrawn_at"])
    )
    told = table.filter(pc.and_(pc.is_valid(table["consent_purpose"]), timed))
    return rest, told.select(["platform", "user_id", *CONSENT.names]) if told.num_rows else None


def add_consents(store: Store, consents: pa.Table, run: str) -> int:
    """Join consents of ``split_consents`` with those stored; return how many rows changed.

    Those of users who are not in the store are left out: they were forgotten.
    """
    accounts = zip(consents["platform"].to_pylist(), consents["user_id"].to_pylist(), strict=True)
    keys = pa.array([store.person_id(*account) for account in accounts], pa.string())
    with store.transaction():
        there = store.rows_where("users", "user_id", pc.unique(keys).to_pylist())["user_id"]
        known = pc.is_in(keys, pc.unique(there))
        resolve_if_stale(store, run)
        given = _given(consents, keys).filter(known)
        if not given.num_rows:
            return 0
        with duckdb.connect() as memory:
            memory.execute("SET TimeZone = 'UTC'")
            memory.register("given", given)
            told = memory.execute(_PURPOSES).to_arrow_table()
        return keep_decisions(store, told, run)


def keep_decisions(store: Store, told: pa.Table, run: str, *, by_hand: bool = False) -> int:
    """Keep decisions and join them to consents; return how many consents changed.

    ``told`` has key, purpose, basis (null: that of the same moment, else ``BASIS``), given_at and
    withdrawn_at. Call it inside ``store.transaction()``, with persons put together. Decided
    ``by_hand``, the basis takes the place of the stored one of the same moment.
    """
    members, keys = _members(store, pc.unique(told["key"]).to_pylist())
    found = {
        "told": told,
        "members": members,
        "kept": store.rows_where("consents", "person_id", keys),
        "stored_decisions": store.rows_where("consent_decisions", "key", keys),
    }
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        for name, table in found.items():
            memory.register(name, table)
        memory.execute(_KNOWN)
        if by_hand:
            memory.execute(_BY_HAND)
        memory.execute(_NEW, {"basis": BASIS, "run": run})
        new = memory.execute(f"SELECT {_NAMES} FROM known WHERE NOT stored").to_arrow_table()
        changed = memory.execute(_CHANGED).to_arrow_table()
    if new.num_rows:
        store.merge(
            "consent_decisions", conform(new, arrow_schema("consent_decisions")), DECISION_KEY
        )
    moved = {row["key"] for row in members.to_pylist() if row["key"] != row["person_id"]}
    former = sorted(moved & set(found["kept"]["person_id"].to_pylist()))
    if former:
        store.delete("consents", "person_id", former)
    if changed.num_rows:
        wanted = conform(changed, arrow_schema("consents"))
        store.merge("consents", wanted, ["person_id", "purpose"])
    return int(changed.num_rows)


def _members(store: Store, own: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """Key and person of every identifier of the persons of ``own``, and all keys."""
    found = store.rows_where("person_identifiers", "key", own)
    persons = pc.unique(found["person_id"]).to_pylist()
    members = store.rows_where("person_identifiers", "person_id", persons)
    return members, sorted({*own, *members["key"].to_pylist()})


def _given(consents: pa.Table, keys: pa.Array) -> pa.Table:
    withdrawn = consents["consent_withdrawn_at"].cast(TIMESTAMP)
    given = pc.coalesce(consents["consent_given_at"].cast(TIMESTAMP), withdrawn)
    return pa.table(
        {
            "key": keys,
            "purposes": consents["consent_purpose"],
            "basis": consents["consent_basis"],
            "given_at": given,
            "withdrawn_at": withdrawn,
        }
    )
