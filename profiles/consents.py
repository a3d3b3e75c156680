"""Consents that come with users: joined with those the store has, whatever the order they come in.

A person's consent to a purpose is in force from the latest moment it was given until the first
withdrawal after that. So the same rows twice change nothing, and an older row undoes no withdrawal.
A row that has only a withdrawal begins and ends at that moment: it was never in force, but stands
against what was given before.

Growth: one pass over the rows given and the stored consents of their persons, in DuckDB in memory.
"""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from data.columns import CONSENT, TIMESTAMP
from profiles.persons import resolve_if_stale
from profiles.store.base import Store

BASIS: Final = "consent"  # where a row names no ground
_KEY: Final = ("person_id", "purpose")
_STORED: Final = ("person_id", "purpose", "basis", "given_at", "withdrawn_at")

_GIVEN: Final = """
CREATE TABLE facts AS
SELECT coalesce(member.person_id, key) AS person_id, basis, given_at, withdrawn_at, false AS stored,
    unnest(list_distinct(list_filter(
        list_transform(regexp_split_to_array(purposes, '[;；、,，|]'), lambda one: trim(one)),
        lambda one: one <> ''))) AS purpose
FROM given LEFT JOIN members AS member USING (key)"""
_KEPT: Final = """
INSERT INTO facts BY NAME
SELECT coalesce(member.person_id, kept.person_id) AS person_id, purpose, basis, given_at,
    withdrawn_at, true AS stored
FROM kept LEFT JOIN members AS member ON member.key = kept.person_id"""
# g: the latest moment given; alone: the latest withdrawal of which nothing is known but itself
_JOINED: Final = """
WITH starts AS (
    SELECT person_id, purpose, max(given_at) FILTER (withdrawn_at IS DISTINCT FROM given_at) AS g,
        max(given_at) FILTER (withdrawn_at = given_at) AS alone
    FROM facts GROUP BY ALL),
ends AS (
    SELECT person_id, purpose, g, alone,
        min(withdrawn_at) FILTER (withdrawn_at >= g AND withdrawn_at <> given_at) AS w,
        arg_max(basis, (given_at, stored)) FILTER (
            g IS NULL OR (given_at = g AND withdrawn_at IS DISTINCT FROM given_at)) AS basis
    FROM starts JOIN facts USING (person_id, purpose) GROUP BY ALL),
joined AS (
    SELECT person_id, purpose, coalesce(basis, $basis) AS basis,
        CASE WHEN g IS NULL OR (alone >= g AND w < alone) THEN alone ELSE g END AS given_at,
        CASE WHEN g IS NULL OR alone >= g THEN alone ELSE w END AS withdrawn_at
    FROM ends)
SELECT joined.* FROM joined LEFT JOIN kept USING (person_id, purpose)
WHERE kept.person_id IS NULL OR kept.basis IS DISTINCT FROM joined.basis
    OR kept.given_at IS DISTINCT FROM joined.given_at
    OR kept.withdrawn_at IS DISTINCT FROM joined.withdrawn_at
ORDER BY person_id, purpose"""


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
        changed, former = _changed(store, given)
        if former:
            store.delete("consents", "person_id", former)
        if changed.num_rows:
            named = changed.append_column("run_id", pa.repeat(run, changed.num_rows))
            store.merge("consents", named, _KEY)
    return int(changed.num_rows)


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


def _changed(store: Store, given: pa.Table) -> tuple[pa.Table, list[str]]:
    """Rows of consents to write, and the former ids under which some of them were kept."""
    own = pc.unique(given["key"])
    found = store.rows_where("person_identifiers", "key", own.to_pylist())
    persons = pc.unique(found["person_id"]).to_pylist()
    members = store.rows_where("person_identifiers", "person_id", persons)
    keys = {*own.to_pylist(), *members["key"].to_pylist()}
    kept = store.rows_where("consents", "person_id", sorted(keys)).select(_STORED)
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        for name, table in (("given", given), ("members", members), ("kept", kept)):
            memory.register(name, table)
        memory.execute(_GIVEN)
        memory.execute(_KEPT)
        changed = memory.execute(_JOINED, {"basis": BASIS}).to_arrow_table()
    moved = {row["key"] for row in members.to_pylist() if row["key"] != row["person_id"]} & set(
        kept["person_id"].to_pylist()
    )
    return changed, sorted(moved)
