"""Audiences that are kept: rule, holdout, members and every version they have had.

A changed rule, holdout or smallest size makes a new version; a refresh with the same ones only
brings the members up to date. Deleting removes the members and keeps the history.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from profiles.audiences.split import held_out
from profiles.conditions.text import parse
from profiles.conditions.tree import Condition, check, from_data, leaves_of, to_data
from profiles.errors import ProfilesError
from profiles.people import People

if TYPE_CHECKING:
    from profiles.store.base import Store

MIN_SIZE: Final = 1
_ROW: Final = pa.schema(
    [
        ("audience", pa.string()),
        ("version", pa.int64()),
        ("rule", pa.string()),
        ("holdout", pa.float64()),
        ("min_size", pa.int64()),
        ("n", pa.int64()),
        ("n_held_out", pa.int64()),
        ("saved_at", pa.timestamp("us", "UTC")),
        ("deleted", pa.bool_()),
        ("as_of", pa.timestamp("us", "UTC")),
        ("run_id", pa.string()),
    ]
)


class AudienceError(ProfilesError):
    """An audience that is not there, or that cannot be made as asked."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """One version of a saved audience; ``n`` members, of whom ``n_held_out`` are left out."""

    audience: str
    version: int
    rule: str
    holdout: float
    min_size: int
    n: int
    n_held_out: int
    saved_at: datetime
    deleted: bool
    as_of: datetime
    run_id: str

    @property
    def condition(self) -> Condition:
        """The rule as a tree."""
        return from_data(json.loads(self.rule), parse)


def save_audience(
    people: People,
    name: str,
    condition: Condition,
    *,
    as_of: datetime,
    run: str,
    holdout: float = 0.0,
    min_size: int = MIN_SIZE,
) -> Audience:
    """Finds the members and keeps the audience; all of it happens or none.

    Raises:
        ConditionError: the rule cannot be meant.
        AudienceError: fewer members than ``min_size``, a rule that refers to the audience itself,
            or fields of health in it.
    """
    checked = check(condition, people.kinds)
    _check_rule(people, name, checked)
    rule = json.dumps(to_data(checked), ensure_ascii=False, sort_keys=True, default=str)
    ids = people.store.fetch(people.who(checked).order_by("person_id"))["person_id"]
    if len(ids) < min_size:
        raise AudienceError(
            f"{name}: expected at least {min_size} members, found {len(ids)}; widen the rule or "
            "lower --min-size"
        )
    out = held_out(ids, share=holdout, salt=name)
    before = latest(people.store, name)
    same = before and (before.rule, before.holdout, before.min_size) == (rule, holdout, min_size)
    found = Audience(
        audience=name,
        version=0 if before is None else before.version + (not same or before.deleted),
        rule=rule,
        holdout=holdout,
        min_size=min_size,
        n=len(ids),
        n_held_out=int(out.sum()),
        saved_at=datetime.now(UTC),
        deleted=False,
        as_of=as_of,
        run_id=run,
    )
    if found.version == 0:
        found = Audience(**(asdict(found) | {"version": 1}))
    _write(people.store, found, ids, out)
    return found


def latest(store: Store, name: str) -> Audience | None:
    """The newest version of an audience, deleted or not."""
    rows = [a for a in history(store, name) if a.audience == name]
    return rows[-1] if rows else None


def existing(store: Store, name: str) -> Audience:
    """The newest version of an audience that is not deleted.

    Raises:
        AudienceError: there is none; the message names those there are.
    """
    found = latest(store, name)
    if found is None or found.deleted:
        names = ", ".join(a.audience for a in audiences(store)) or "none"
        raise AudienceError(f"expected an audience of: {names}; found {name}")
    return found


def audiences(store: Store) -> list[Audience]:
    """The newest version of every audience that is not deleted, by name."""
    newest: dict[str, Audience] = {}
    for audience in history(store):
        newest[audience.audience] = audience
    return [a for _, a in sorted(newest.items()) if not a.deleted]


def history(store: Store, name: str | None = None) -> list[Audience]:
    """Every version, by name and version."""
    table = store.table("audiences")
    if name is not None:
        table = table.filter(table.audience == name)
    rows = store.fetch(table.order_by(["audience", "version"])).to_pylist()
    return [Audience(**{key: row[key] for key in _ROW.names}) for row in rows]


def member_ids(store: Store, name: str, *, with_held_out: bool = True) -> pa.Table:
    """(person_id, held_out) of an audience's members, by person."""
    table = store.table("audience_members")
    rows = table.filter(table.audience == name)
    if not with_held_out:
        rows = rows.filter(~rows.held_out)
    return store.fetch(rows.select("person_id", "held_out").order_by("person_id"))


def refresh_audiences(people: People, *, as_of: datetime, run: str) -> list[Audience]:
    """Finds the members of every saved audience anew; one too small now keeps its members."""
    found = []
    for a in audiences(people.store):
        keep: dict[str, Any] = {"holdout": a.holdout, "min_size": a.min_size}
        try:
            found.append(
                save_audience(people, a.audience, a.condition, as_of=as_of, run=run, **keep)
            )
        except AudienceError:
            found.append(a)
    return found


def delete_audience(store: Store, name: str, *, run: str) -> Audience:
    """Removes the members; the versions stay readable.

    Raises:
        AudienceError: there is no such audience.
    """
    found = existing(store, name)
    gone = Audience(**(asdict(found) | {"deleted": True, "n": 0, "n_held_out": 0, "run_id": run}))
    with store.transaction():
        store.merge("audiences", _row(gone), ["audience", "version"])
        store.delete("audience_members", "audience", [name])
    return gone


def _check_rule(people: People, name: str, condition: Condition) -> None:
    sensitive = {pack.key for pack in people.packs if pack.sensitive}
    for test in leaves_of(condition):
        if test.field == "audience" and name in test.values:
            raise AudienceError(f"{name}: expected a rule over others, found one over itself")
        if test.field.partition(".")[0] in sensitive:
            raise AudienceError(
                f"{name}: expected a rule without fields of health, found {test.field}; they "
                "are for care, not for lists (PIPL, sensitive personal information)"
            )


def _write(store: Store, audience: Audience, ids: pa.ChunkedArray, out: Any) -> None:
    n = len(ids)
    members = pa.table(
        {
            "audience": pa.array([audience.audience] * n, pa.string()),
            "version": pa.array([audience.version] * n, pa.int64()),
            "person_id": ids,
            "held_out": pa.array(out, pa.bool_()),
            "as_of": pa.array([audience.as_of] * n, pa.timestamp("us", "UTC")),
            "run_id": pa.array([audience.run_id] * n, pa.string()),
        }
    )
    with store.transaction():
        store.merge("audiences", _row(audience), ["audience", "version"])
        store.delete("audience_members", "audience", [audience.audience])
        store.bulk_load("audience_members", members)


def _row(audience: Audience) -> pa.Table:
    return pa.Table.from_pylist([asdict(audience)], schema=_ROW)
