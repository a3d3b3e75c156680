"""What is asked of kept audiences by the command line and the API: overlap, members, export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from profiles.audiences.bitmaps import overlaps
from profiles.audiences.consent import barred_members
from profiles.audiences.export import Contact, Manifest, Platform, export_audience
from profiles.audiences.saved import existing, member_ids
from profiles.conditions.tree import FieldTest
from profiles.people import People
from serving.people import bitmaps_of
from serving.settings import Settings

if TYPE_CHECKING:
    from profiles.store.base import Store


def overlap_rows(
    people: People, config: Settings, as_of: datetime, names: Sequence[str]
) -> list[dict[str, Any]]:
    """``{a, b, n_a, n_b, both, jaccard}`` of every two of the audiences.

    Raises:
        AudienceError: one of them is not there.
    """
    bitmaps = bitmaps_of(people, config, as_of, keep=False)
    sets = {
        existing(people.store, name).audience: bitmaps.of(
            FieldTest(field="audience", op="=", values=(name,))
        )
        for name in names
    }
    return [asdict(one) | {"jaccard": one.jaccard} for one in overlaps(sets)]


def chosen_members(store: Store, name: str, held_out: bool | None = None) -> pa.Table:
    """``person_id, held_out`` of the members, by person; of those held out or not, where asked."""
    rows = member_ids(store, name)
    if held_out is None:
        return rows
    return rows.filter(pc.equal(rows["held_out"], held_out))


def export_members(
    store: Store,
    name: str,
    contacts: Iterable[Contact],
    *,
    to: Platform,
    folder: Path,
    called: str | None = None,
    purpose: str | None = None,
) -> Manifest:
    """Writes the files and the manifest of an audience; ``called`` is its name on the platform.

    Left out as without consent, whatever ``contacts`` say: who does not allow ``purpose`` now by
    the store's consents; without one, who has withdrawn every consent that the store knows.

    Raises:
        AudienceError: there is no such audience.
        ProfilesError: the name is too long for the platform.
    """
    found, rows = existing(store, name), member_ids(store, name)
    barred = barred_members(store, name, datetime.now(UTC), purpose)
    allowed = (replace(one, consent=None) if one.person_id in barred else one for one in contacts)
    kept = rows.filter(rows["held_out"])["person_id"].to_pylist()
    return export_audience(
        audience=called or name,
        version=found.version,
        members=set(rows["person_id"].to_pylist()),
        held_out=set(kept),
        contacts=allowed,
        to=to,
        folder=folder,
    )
