"""Which segment each person is in, kept in the store so that conditions can ask for it.

One row per person and scheme; a scheme is replaced whole. ``segment = 重要价值`` then works in
every rule, and so do the other names of the same segment (see ``spellings``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from profiles.rfm.segments import load_segments

if TYPE_CHECKING:
    from profiles.store.base import Store

# scheme -> the column of the report's table that names the segment
RFM: Final[Mapping[str, str]] = {"rfm8": "segment8", "rfm11": "segment11"}
GROUPS: Final[Mapping[str, str]] = {"groups": "name"}


def save_segments(
    store: Store, table: pa.Table, schemes: Mapping[str, str], as_of: datetime, run: str
) -> int:
    """Replaces the rows of each scheme by those of ``table``; the number of rows written.

    ``table`` has ``person_id`` and the columns that ``schemes`` names; rows without a segment are
    left out. All schemes change or none.
    """
    rows = [_rows(table, scheme, column, as_of, run) for scheme, column in schemes.items()]
    with store.transaction():
        store.delete("segments", "scheme", list(schemes))
        for part in rows:
            store.bulk_load("segments", part)
    return sum(part.num_rows for part in rows)


@cache
def spellings() -> dict[str, str]:
    """Other names of the shipped segments: 重要价值客户 is 重要价值, 冠军客户 is champions."""
    known = load_segments()
    eight = {f"{name}客户": name for name in known.eight.values()}
    return eight | {name: key for key, name in known.names.items()}


def _rows(table: pa.Table, scheme: str, column: str, as_of: datetime, run: str) -> pa.Table:
    kept = table.filter(pc.is_valid(table[column]))
    n = kept.num_rows
    return pa.table(
        {
            "person_id": kept["person_id"].cast(pa.string()),
            "scheme": pa.array([scheme] * n, pa.string()),
            "segment": kept[column].cast(pa.string()),
            "as_of": pa.array([as_of] * n, pa.timestamp("us", "UTC")),
            "run_id": pa.array([run] * n, pa.string()),
        }
    )
