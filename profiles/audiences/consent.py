"""Which members of an audience may not be handed on, by what the store knows of their consents.

A member stored under a former id is judged as the person they are now.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from profiles.privacy import in_force

if TYPE_CHECKING:
    from profiles.store.base import Store


def barred_members(store: Store, name: str, at: datetime, purpose: str | None = None) -> set[str]:
    """Return the ids of members of an audience that a list must leave out at a moment.

    With a purpose all who do not allow it; without one those who have withdrawn or not yet given
    every consent that is known of them. Nobody is barred of whom no consent is known, then.
    """
    ibis = _ibis()
    rows = store.table("audience_members")
    links = store.table("person_identifiers").select("key", now="person_id")
    named = rows.filter(rows.audience == name).select("person_id")
    joined = named.left_join(links, named.person_id == links.key)
    members = joined.select("person_id", now=ibis.coalesce(joined.now, joined.person_id))
    consents = store.table("consents")
    allowed = in_force(consents, at)
    if purpose is None:
        members = members.filter(members.now.isin(consents.person_id))
    else:
        allowed = allowed.filter(allowed.purpose == purpose)
    barred = members.filter(members.now.notin(allowed.person_id)).select("person_id")
    return set(cast("list[str]", store.fetch(barred)["person_id"].to_pylist()))


def _ibis() -> Any:
    from profiles.store.layout import load_ibis

    return load_ibis()
