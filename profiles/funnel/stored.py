"""The store's events and what it knows of persons, as tables for the questions of this folder.

Accounts that are one person count as one. Properties stay in ``properties``; only events that a
question names are brought.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from profiles.bench import lent_for_reading
from profiles.persons import by_person
from profiles.store.base import Store


def stored_events(store: Store, names: Sequence[str] | None = None) -> pa.Table:
    """The events of the store, of ``names`` only where given."""
    with lent_for_reading(store, ("events", "person_identifiers")) as here:
        return here.read(
            f"""SELECT user_id AS person_id, event, time, platform, content_id, properties
            FROM ({by_person("events")})
            WHERE $all OR list_contains($names::VARCHAR[], event)""",
            {"all": names is None, "names": list(names or [])},
        )


def stored_profiles(store: Store) -> pa.Table:
    """One row per person of the ``users`` table: gender, age, region, platform, verified."""
    with lent_for_reading(store, ("users", "person_identifiers")) as here:
        return here.read(
            f"""SELECT user_id AS person_id, min(gender) AS gender, min(age) AS age,
                min(region) AS region, min(platform) AS platform, bool_or(verified) AS verified
            FROM ({by_person("users")}) GROUP BY user_id ORDER BY user_id"""
        )
