"""The six dimensions of a person, one file each: pure functions, tables and ``as_of`` to tables.

They are ibis expressions over the tables of ``profiles.dimensions.inputs``, without what differs
between engines (no asof joins, no first, no distinct on, no JSON, no ordered lists): lists come as
rows with a rank. What they give does not age: a decayed weight is stated at the moment of the
person's newest row, and shares, means and trends are ratios in which a later moment cancels out. So
a profile stays true until one of the person's rows changes or becomes visible;
``profiles.present`` brings it to the moment asked for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

DIMENSIONS: Final = ("basic", "interest", "spending", "social", "behaviour", "emotion")

# which stored tables each one reads: a change elsewhere leaves it as it is
SOURCES: Final = MappingProxyType(
    {
        "basic": ("comments", "users", "events", "orders"),
        "interest": ("comments", "events"),
        "spending": ("orders", "events"),
        "social": ("comments", "users", "relations"),
        "behaviour": ("events",),
        "emotion": ("comments",),
    }
)
