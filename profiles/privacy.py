"""What persons may ask of the store and what groups must not give away.

``forget`` removes a person from every table the catalogue names, and proves it with counts before
and after. ``give_consent`` and ``withdraw_consent`` keep for which purposes a person's data may be
used; ``consenting`` is the table of persons whom a purpose may reach. ``suppress_small_groups``
takes groups out of published counts that are small enough to point at somebody.

Growth: forgetting reads the id columns of every table once; meant for single persons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from profiles.consents import BASIS, keep_decisions
from profiles.errors import ProfilesError
from profiles.persons import resolve_if_stale
from profiles.privacy_keys import keys_of_person
from profiles.store.base import Store
from profiles.store.layout import arrow_schema
from profiles.store.tables import INPUTS

MIN_GROUP: Final = 10  # smallest published group; a convention of statistics offices, a setting
_KEPT: Final = frozenset({"tombstones", "meta"})


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What forgetting one person did.

    ``tables`` has, by name, rows ``before``, rows ``after`` (what was found again afterwards, 0
    where it worked) and values ``edited`` (lists and JSON that named the person). ``comments`` are
    platform and id of what the person said, for those who keep quotes elsewhere.
    """

    person_id: str
    keys: int
    tables: Mapping[str, Mapping[str, int]]
    tombstones: int
    comments: tuple[tuple[str | None, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing of the person was found afterwards."""
        return all(counts["after"] == 0 for counts in self.tables.values())


def forget(
    store: Store, text: str, run: str, now: datetime, *, allow_return: bool = False
) -> Forgotten:
    """Remove a person from every table; without ``allow_return``, for good.

    ``text`` is a person id, a former one, ``TYPE:VALUE`` or an account's id at the source.
    Contents under which the person spoke are marked for the next refresh, because their insights
    quote comments.

    Raises:
        UnknownPersonError: nobody answers to it, or several persons do.
    """
    with store.transaction():
        resolve_if_stale(store, run)
        person, keys = keys_of_person(store, text)
        spoken = _comments_of(store, keys)
        before = _found(store, keys)
        edited = _scrub(store, keys, spoken["comment_id"].to_pylist())
        for name, columns in before.items():
            for column in columns:
                store.delete(name, column, keys)
        _mark_contents(store, spoken)
        marks = 0 if allow_return else _bury(store, keys, run, now)
        _record(store, run, before, now)
        after = _found(store, keys)
        tables = {
            name: {
                "before": sum(before.get(name, {}).values()),
                "after": sum(after.get(name, {}).values()),
                "edited": edited.get(name, 0),
            }
            for name in sorted({*before, *after, *edited})
        }
    store.read_tombstones()
    said = zip(spoken["platform"].to_pylist(), spoken["comment_id"].to_pylist(), strict=True)
    return Forgotten(
        person_id=person, keys=len(keys), tables=tables, tombstones=marks, comments=tuple(said)
    )


def suppress_small_groups(table: pa.Table, count_column: str, k: int = MIN_GROUP) -> pa.Table:
    """Return ``table`` without the rows whose count is below ``k`` or unknown; order is kept.

    A total published beside the rows still gives away a single group that was taken out; publish
    it only with at least two taken out or none.

    Raises:
        ProfilesError: there is no such column, or ``k`` is below 1.
    """
    if count_column not in table.column_names:
        raise ProfilesError(
            f"expected a column {count_column!r}, found {', '.join(table.column_names)}; name it"
        )
    if k < 1:
        raise ProfilesError(f"expected a smallest group of 1 or more, found {k}; correct it")
    return table.filter(pc.fill_null(pc.greater_equal(table[count_column], k), False))


def give_consent(
    store: Store, text: str, purpose: str, run: str, at: datetime, *, basis: str = BASIS
) -> str:
    """Note that a person's data may be used for a purpose from a moment on; return the person id.

    At a moment at which it was given already, the basis takes the place of the stored one.

    Raises:
        UnknownPersonError: nobody answers to ``text``, or several persons do.
        ProfilesError: the person has withdrawn at that moment or later, which stands.
    """
    with store.transaction():
        resolve_if_stale(store, run)
        person, _ = keys_of_person(store, text)
        ends = [row["withdrawn_at"] for row in _rows_of(store, person, purpose)]
        if any(end is not None and end >= at for end in ends):
            raise ProfilesError(
                f"expected a moment after the withdrawal of {max(ends).isoformat()}, found "
                f"{at.isoformat()}; a consent given earlier does not undo it"
            )
        keep_decisions(store, _decisions([person], purpose, basis, at, None), run, by_hand=True)
    return person


def withdraw_consent(store: Store, text: str, purpose: str, run: str, at: datetime) -> str:
    """Note that a person no longer allows a purpose; return the person id.

    It is said of every identifier of theirs, so that it stands on both sides of a later split.

    Raises:
        UnknownPersonError: nobody answers to ``text``, or several persons do.
        ProfilesError: there is no consent to withdraw, or it was given later than that.
    """
    with store.transaction():
        resolve_if_stale(store, run)
        person, keys = keys_of_person(store, text)
        rows = _rows_of(store, person)
        given = [row for row in rows if row["purpose"] == purpose and row["withdrawn_at"] is None]
        if not given:
            known = ", ".join(row["purpose"] for row in rows) or "none"
            raise ProfilesError(
                f"expected a consent to {purpose!r} in force, found {known}; "
                f"see tingfeng consent show {text}"
            )
        if given[0]["given_at"] > at:
            raise ProfilesError(
                f"expected a moment from {given[0]['given_at'].isoformat()} on, when it was given, "
                f"found {at.isoformat()}; correct --at"
            )
        keep_decisions(store, _decisions(keys, purpose, None, at, at), run)
    return person


def consents_of(store: Store, text: str) -> list[dict[str, Any]]:
    """Return a person's consents, by purpose.

    Raises:
        UnknownPersonError: nobody answers to ``text``, or several persons do.
    """
    person, _ = keys_of_person(store, text)
    return sorted(_rows_of(store, person), key=lambda row: row["purpose"])


def consenting(consents: Any, purpose: str, as_of: datetime) -> Any:
    """Return the persons (``person_id``) who allow a purpose at a moment, as an expression.

    ``consents`` is the ibis table of that name.
    """
    allowed = in_force(consents, as_of)
    return allowed.filter(allowed.purpose == purpose).select("person_id").distinct()


def in_force(consents: Any, as_of: datetime) -> Any:
    """Return the consents that are in force at a moment, as an expression."""
    return consents.filter(
        (consents.given_at <= as_of)
        & (consents.withdrawn_at.isnull() | (consents.withdrawn_at > as_of))
    )


def consent_counts(store: Store, as_of: datetime, min_group: int = MIN_GROUP) -> pa.Table:
    """Return how many persons allow each purpose at a moment: purpose, n_persons, most first.

    Purposes that fewer than ``min_group`` persons allow are left out.
    """
    allowed = in_force(store.table("consents"), as_of)
    counts = allowed.group_by("purpose").agg(n_persons=allowed.person_id.nunique())
    found = store.fetch(counts).sort_by([("n_persons", "descending"), ("purpose", "ascending")])
    return suppress_small_groups(found, "n_persons", min_group)


def _rows_of(store: Store, person: str, purpose: str | None = None) -> list[dict[str, Any]]:
    rows = store.rows_where("consents", "person_id", [person]).to_pylist()
    return [row for row in rows if purpose in (None, row["purpose"])]


def _decisions(
    keys: Sequence[str],
    purpose: str,
    basis: str | None,
    given: datetime,
    withdrawn: datetime | None,
) -> pa.Table:
    row = {"purpose": purpose, "basis": basis, "given_at": given, "withdrawn_at": withdrawn}
    schema = arrow_schema("consent_decisions")
    return pa.Table.from_pylist([{"key": key, **row} for key in keys], schema=schema)


def _id_columns(store: Store, name: str) -> list[str]:
    """Columns of a table that may hold a key: of inputs the ids, of others every text."""
    schema = store.table(name).schema()
    texts = [column for column, kind in schema.items() if kind.is_string()]
    if name in INPUTS:
        return [one for one in texts if one.endswith("_id") and one != "run_id"]
    return [one for one in texts if one != "run_id"]


def _found(store: Store, keys: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows of every table that hold one of ``keys``, by table and column; without the zeros."""
    found: dict[str, dict[str, int]] = {}
    for name in store.tables():
        columns = [] if name in _KEPT else _id_columns(store, name)
        if not columns:
            continue
        table = store.table(name)
        counts = store.fetch(
            table.aggregate(
                **{f"n{at}": table[one].isin(list(keys)).sum() for at, one in enumerate(columns)}
            )
        ).to_pylist()[0]
        named = {one: int(counts[f"n{at}"] or 0) for at, one in enumerate(columns)}
        if any(named.values()):
            found[name] = {one: n for one, n in named.items() if n}
    return found


def _comments_of(store: Store, keys: Sequence[str]) -> pa.Table:
    comments = store.table("comments")
    mine = comments.filter(comments.user_id.isin(list(keys)))
    return store.fetch(mine.select("comment_id", "platform", "content_id"))


def _mark_contents(store: Store, spoken: pa.Table) -> None:
    rows = spoken.filter(pc.is_valid(spoken["content_id"]))
    contents = rows.group_by(["platform", "content_id"]).aggregate([])
    if contents.num_rows:
        store.bulk_load(
            "touched",
            pa.table(
                {
                    "kind": pa.repeat("content", contents.num_rows),
                    "platform": contents["platform"],
                    "id": contents["content_id"],
                }
            ),
        )


def _scrub(store: Store, keys: Sequence[str], comments: Sequence[str]) -> dict[str, int]:
    """Take the person out of lists and JSON of derived tables; return values edited by table.

    Tables with a row per person are left out: another person's row says nothing of this one.
    """
    edited = {}
    for name in store.tables():
        schema = store.table(name).schema()
        if name in INPUTS or name in _KEPT or "person_id" in schema:
            continue
        nested = [column for column, kind in schema.items() if kind.is_nested() or kind.is_json()]
        if nested:
            edited[name] = _scrub_table(store, name, nested, frozenset(keys), frozenset(comments))
    return {name: n for name, n in edited.items() if n}


def _scrub_table(
    store: Store, name: str, nested: list[str], keys: frozenset[str], comments: frozenset[str]
) -> int:
    """Rewrite a table if one of its values names the person inside."""
    table = store.fetch(store.table(name))
    n_edited = 0
    for column in nested:
        values = table[column].to_pylist()
        scrubbed = [_scrubbed(value, keys, comments) for value in values]
        changed = sum(old != new for old, new in zip(values, scrubbed, strict=True))
        if changed:
            field = table.schema.field(column)
            at = table.column_names.index(column)
            table = table.set_column(at, field, pa.array(scrubbed, field.type))
            n_edited += changed
    if n_edited:
        store.swap({name: table})
    return n_edited


def _scrubbed(value: Any, keys: frozenset[str], comments: frozenset[str]) -> Any:
    """``value`` without list items that are a key, or records with a key or a quoted comment."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        found = json.loads(value)
        kept = _scrubbed(found, keys, comments)
        return value if kept == found else json.dumps(kept, ensure_ascii=False)
    if isinstance(value, list):
        return [_scrubbed(one, keys, comments) for one in value if not _names(one, keys, comments)]
    if isinstance(value, dict):
        return {name: _scrubbed(member, keys, comments) for name, member in value.items()}
    return value


def _names(item: Any, keys: frozenset[str], comments: frozenset[str]) -> bool:
    if isinstance(item, dict):
        cited = item.get("comment_id") in comments
        return cited or any(isinstance(one, str) and one in keys for one in item.values())
    return isinstance(item, str) and item in keys


def _bury(store: Store, keys: Sequence[str], run: str, now: datetime) -> int:
    marks = pa.table(
        {
            "mark": [store.tombstone(key) for key in keys],
            "forgotten_at": [now] * len(keys),
            "run_id": [run] * len(keys),
        }
    )
    return store.merge("tombstones", marks, ["mark"])


def _record(store: Store, run: str, before: Mapping[str, Mapping[str, int]], now: datetime) -> None:
    """Note in ``runs`` that somebody was forgotten, not who."""
    rows = sum(sum(columns.values()) for columns in before.values())
    store.bulk_load(
        "runs",
        pa.table({"run_id": [run], "verb": ["forget"], "recorded_at": [now], "n_rows": [rows]}),
    )
