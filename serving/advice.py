"""Advice for a segment of the store: the facts of its comments and the brief drafted from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import ibis

from data.columns import COMMENTS, SCORES
from profiles.advice.brief import Brief, draft
from profiles.advice.facts import RECENT_DAYS, SPANS_BEFORE, SegmentFacts, segment_facts
from profiles.people import by_person

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.conditions.tree import Condition
    from profiles.people import People

SPAN: Final = timedelta(days=RECENT_DAYS * (SPANS_BEFORE + 1))


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to publish for ``persons`` people, as of a moment."""

    segment: str
    persons: int
    as_of: datetime
    facts: SegmentFacts
    brief: Brief


def advise(people: People, condition: Condition | None, *, segment: str, as_of: datetime) -> Advice:
    """Advice for everybody of whom a checked condition holds; for all persons without one.

    Who they are is as of the last refresh; what they said is as of ``as_of``. Memory grows with the
    segment's comments of the last 120 days.
    """
    store = people.store
    who = people.who(condition) if condition is not None else people.persons.select("person_id")
    counted = store.fetch(who.agg(n=who.count()))
    facts = segment_facts(_comments(people, who.select("person_id"), as_of), as_of)
    return Advice(
        segment=segment,
        persons=int(counted["n"][0].as_py()),
        as_of=as_of,
        facts=facts,
        brief=draft(facts),
    )


def document(advice: Advice) -> dict[str, Any]:
    """The advice as JSON: ``segment``, ``persons``, ``as_of``, ``facts``, ``brief``."""
    found = asdict(advice)
    found["as_of"] = advice.as_of.isoformat()
    found["facts"]["hours"] = [{"hour": hour, "comments": n} for hour, n in found["facts"]["hours"]]
    return found


def _comments(people: People, who: Any, as_of: datetime) -> pa.Table:
    """The comments of the persons in the spans that the facts are about."""
    rows = by_person(people.store, "comments")
    since = ibis.literal(as_of - SPAN, type="timestamp('UTC')")
    until = ibis.literal(as_of, type="timestamp('UTC')")
    seen = rows.created_at.isnull() | ((rows.created_at > since) & (rows.created_at <= until))
    chosen = rows.filter(seen & rows.person_id.isin(who.person_id))
    wanted = [f.name for f in (*COMMENTS, *SCORES) if f.name in chosen.columns]
    return people.store.fetch(chosen.select(*wanted))
