"""What came of each person written back: one tag per stage reached, for the next audience.

The tags of a campaign are replaced whole, so writing twice changes nothing but ``as_of``.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from profiles.campaigns.report import STAGES, feedback_of
from profiles.store.base import Store


def write_tags(store: Store, campaign: str, as_of: datetime, run: str) -> int:
    """Write ``campaign:ID:STAGE`` for every stage that a person reached, ``campaign:ID:holdout``
    for the holdout, and ``campaign:ID:shown_not_converted`` for who may be asked again.

    Returns how many tags there are.
    """
    with store.transaction():
        rows = _tags(feedback_of(store, campaign), campaign, as_of, run)
        store.delete("campaign_tags", "campaign_id", [campaign])
        return store.bulk_load("campaign_tags", rows)


def _tags(feedback: pa.Table, campaign: str, as_of: datetime, run: str) -> pa.Table:
    """A row per person and tag, by person."""
    stages = ", ".join(
        f"struct_pack(tag := '{stage}', given := coalesce(bool_or({stage}), FALSE))"
        for stage in STAGES
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("feedback_in", feedback)
        return connection.execute(
            f"""SELECT user_id AS person_id, $id AS campaign_id,
                    'campaign:' || $id || ':' || one.tag AS tag,
                    $as_of::TIMESTAMPTZ AS as_of, $run AS run_id
                FROM (SELECT user_id, unnest([{stages},
                    struct_pack(tag := 'holdout',
                        given := coalesce(bool_or(arm = 'holdout'), FALSE)),
                    struct_pack(tag := 'shown_not_converted',
                        given := coalesce(bool_or(shown), FALSE)
                            AND NOT coalesce(bool_or(converted), FALSE))]) AS one
                    FROM feedback_in GROUP BY user_id)
                WHERE one.given ORDER BY user_id, one.tag""",
            {"id": campaign, "as_of": as_of, "run": run},
        ).to_arrow_table()
