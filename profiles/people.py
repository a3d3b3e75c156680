"""Persons as conditions see them: facts, what packs read of them, tags, segments, audiences.

``refresh_people`` makes the tables anew after a refresh of the profiles; ``People`` asks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from profiles.conditions.compile import compiled, passes
from profiles.conditions.tree import Condition, FieldTest, Kind
from profiles.facts import core_kinds, core_names, facts_table
from profiles.privacy import in_force
from profiles.segments import spellings
from profiles.tags.attributes import read_attributes
from profiles.tags.children import CANDIDATE, read_children
from profiles.tags.cycle import read_cycles
from profiles.tags.pack import Pack
from profiles.tags.rules import Tag, build_tags, tagged

if TYPE_CHECKING:
    from profiles.store.base import Store

# field of kind set -> the table and the column that name its sets
SETS: Final[Mapping[str, tuple[str, str]]] = {
    "tag": ("tags", "tag"),
    "segment": ("segments", "segment"),
    "audience": ("audience_members", "audience"),
    "campaign": ("campaign_tags", "tag"),
    "consent": ("consents", "purpose"),
}
_SET_NAMES: Final = {
    **{"tag": "标签", "segment": "分层", "audience": "人群"},
    **{"campaign": "活动结果", "consent": "授权用途"},
}
_RULED: Final = ("segment", "audience", "campaign")  # sets that the rules of tags are checked with
_FIELD_ROWS: Final = pa.schema(
    [
        ("person_id", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("number", pa.float64()),
        ("n", pa.int64()),
        ("last_at", pa.timestamp("us", "UTC")),
    ]
)


class People:
    """What conditions can be about in one store, and who passes them."""

    def __init__(self, store: Store, packs: Sequence[Pack] = ()) -> None:
        self.store, self.packs = store, tuple(packs)
        self.persons = store.table("person_facts")

    @property
    def kinds(self) -> dict[str, Kind]:
        """Every field and its kind."""
        sets: dict[str, Kind] = dict.fromkeys(SETS, "set")
        return core_kinds() | sets | {k: v for p in self.packs for k, v in p.kinds.items()}

    @property
    def names(self) -> dict[str, str]:
        """Every field's Chinese name."""
        packs = {
            f"{pack.key}.{key}": f"{pack.name}：{attribute.name}"
            for pack in self.packs
            for key, attribute in pack.attributes.items()
        }
        return core_names() | _SET_NAMES | packs

    def members(self, test: FieldTest) -> ir.Table:
        """The ``person_id`` of everybody who passes a test of a field that is no column."""
        if test.field in SETS:
            name, column = SETS[test.field]
            table = self.store.table(name)
            if test.field == "consent":  # what is allowed now, whatever the last refresh knew
                table = in_force(table, datetime.now(UTC))
            if test.field == "segment":
                known = spellings()
                same = tuple(known.get(str(value), value) for value in test.values)
                test = FieldTest(field=test.field, op=test.op, values=same)
            return cast(ir.Table, table.filter(passes(test, table[column])).select("person_id"))
        table = self.store.table("person_fields")
        of_field = table.filter(table.field == test.field)
        is_number = self.kinds[test.field] == "number"
        value = of_field.number if is_number else of_field.value
        return cast(ir.Table, of_field.filter(passes(test, value)).select("person_id"))

    def who(self, condition: Condition) -> ir.Table:
        """The persons of whom a checked condition holds, as (person_id, ordinal)."""
        rows = self.persons.filter(compiled(condition, self.persons, self.members))
        return cast(ir.Table, rows.select("person_id", "ordinal"))

    def ordinals(self, test: FieldTest) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The ordinals of who passes a test, for bitmaps."""
        found = self.store.fetch(self.who(test))["ordinal"].to_numpy()
        return np.asarray(found, dtype=np.uint32)


def refresh_people(
    store: Store, packs: Sequence[Pack], own_tags: Iterable[Path], as_of: datetime, run: str
) -> dict[str, int]:
    """Makes ``person_facts``, ``person_fields`` and ``tags`` anew; the number of rows of each.

    Raises:
        PackError: tag rules that cannot be meant; nothing is changed then.
    """
    tags = build_tags(packs, own_tags, core_kinds() | dict.fromkeys(_RULED, "set"))
    facts = facts_table(store.fetch(store.table("profiles")), as_of)
    rows = [_fields_of(store, pack, as_of) for pack in packs]
    fields = pa.concat_tables([_FIELD_ROWS.empty_table(), *rows])
    store.swap({"person_facts": facts, "person_fields": fields})
    people = People(store, packs)
    now = tags_now(people, tags.values(), as_of, run)
    store.swap({"tags": now})
    return {"persons": facts.num_rows, "fields": fields.num_rows, "tags": now.num_rows}


def tags_now(people: People, tags: Iterable[Tag], as_of: datetime, run: str) -> pa.Table:
    """The rows of ``tags`` as the rules have them; ``since`` stays with the same version."""
    tags = list(tags)
    names = ["person_id", "tag", "version", "since", "as_of", "run_id"]
    if not tags:
        return people.store.fetch(people.store.table("tags")).slice(0, 0).select(names)
    fresh = tagged(tags, people.persons, people.members)
    old = people.store.table("tags").select("person_id", "tag", "version", "since")
    joined = fresh.left_join(old, ["person_id", "tag", "version"])
    moment = ibis.literal(as_of, type="timestamp('UTC')")
    rows = joined.mutate(
        since=joined.since.fill_null(moment), as_of=moment, run_id=ibis.literal(run)
    )
    return people.store.fetch(rows.select(*names).order_by(["person_id", "tag"]))


def by_person(store: Store, name: str) -> ir.Table:
    """An input table with ``person_id``: the person to whom the row's account belongs."""
    rows, links = store.table(name), store.table("person_identifiers")
    joined = rows.left_join(links, rows.user_id == links.key)
    person = ibis.coalesce(joined.person_id, joined.user_id)
    return cast(ir.Table, joined.mutate(person_id=person).drop("key"))


def _fields_of(store: Store, pack: Pack, as_of: datetime) -> pa.Table:
    moment = ibis.literal(as_of, type="timestamp('UTC')")
    comments = by_person(store, "comments")
    comments = comments.filter(
        comments.user_id.notnull() & comments.text.notnull() & (comments.created_at <= moment)
    ).select("person_id", "text", "created_at")
    parts = []
    if pack.attributes:
        read = store.fetch(read_attributes(comments, pack))
        parts.append(read.append_column("number", pa.nulls(read.num_rows, pa.float64())))
    if pack.child:
        parts.append(_children(store, comments, pack, as_of))
    if pack.cycle:
        parts.append(_cycles(store, pack, moment))
    return (
        pa.concat_tables([_typed(part) for part in parts]) if parts else _FIELD_ROWS.empty_table()
    )


def _children(store: Store, comments: ir.Table, pack: Pack, as_of: datetime) -> pa.Table:
    told = store.fetch(comments.filter(comments.text.re_search(CANDIDATE)))
    columns = (told["person_id"], told["text"], told["created_at"])
    rows = []
    youngest: set[str] = set()
    for child in read_children(zip(*(c.to_pylist() for c in columns), strict=True)):
        months = child.months(as_of)
        base = {"person_id": child.person_id, "n": child.n, "last_at": child.last_at}
        for key, stage in pack.stages.items():
            if stage.start <= months < stage.end:
                rows.append({**base, "field": f"{pack.key}.stage", "value": key})
        if child.person_id not in youngest:
            youngest.add(child.person_id)
            rows.append({**base, "field": f"{pack.key}.child_months", "number": months})
    return pa.Table.from_pylist(rows, schema=_FIELD_ROWS)


def _cycles(store: Store, pack: Pack, moment: ir.TimestampScalar) -> pa.Table:
    orders = by_person(store, "orders")
    if pack.cycle is None or pack.cycle.field not in orders.columns:
        return _FIELD_ROWS.empty_table()
    found = store.fetch(read_cycles(orders, pack.cycle, moment))
    parts = []
    for name in ("cycle_days", "days_to_next_buy"):
        n = found.num_rows
        part = found.select(["person_id", "n", "last_at"]).append_column("number", found[name])
        part = part.append_column("field", pa.array([f"{pack.key}.{name}"] * n, pa.string()))
        parts.append(part.append_column("value", pa.nulls(n, pa.string())))
    return pa.concat_tables([_typed(part) for part in parts])


def _typed(table: pa.Table) -> pa.Table:
    return table.select(_FIELD_ROWS.names).cast(_FIELD_ROWS)
