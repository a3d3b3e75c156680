"""The store's rows as the segment questions take them, accounts put together to persons."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from profiles.bench import lent_for_reading
from profiles.persons import by_person
from profiles.store.base import Store

# an order is one of its platform: two platforms may give the same number
_ORDERS: Final = f"""
SELECT user_id AS person_id, "time", amount_cny AS amount,
    concat_ws(chr(31), coalesce(platform, ''), order_id) AS order_id
FROM ({by_person("orders")})"""
_INTERESTS: Final = """
SELECT person_id, item.topic AS topic, coalesce(item.share, item.n) AS weight FROM (
    SELECT person_id, unnest(from_json(interest->'$.topics',
        '[{"topic": "VARCHAR", "share": "DOUBLE", "n": "DOUBLE"}]')) AS item FROM profiles)"""


def stored_orders(store: Store) -> pa.Table:
    """``person_id, time, amount, order_id`` of every order."""
    with lent_for_reading(store, ("orders", "person_identifiers")) as here:
        return here.read(_ORDERS)


def stored_interests(store: Store) -> pa.Table:
    """``person_id, topic, weight`` of every person's interest, as of the last refresh."""
    with lent_for_reading(store, ("profiles",)) as here:
        return here.read(_INTERESTS)
