"""What came of each person written back: one tag per stage reached, for the next audience.

The tags of a campaign are replaced whole, so writing twice changes nothing but ``as_of``.
"""

from __future__ import annotations

from datetime import datetime

from profiles.campaigns.report import STAGES
from profiles.persons import by_person
from profiles.store.duckdb_store import DuckDBStore


def write_tags(store: DuckDBStore, campaign: str, as_of: datetime, run: str) -> int:
    """Write ``campaign:ID:STAGE`` for every stage that a person reached, ``campaign:ID:holdout``
    for the holdout, and ``campaign:ID:shown_not_converted`` for who may be asked again.

    Returns how many tags there are.
    """
    stages = ", ".join(
        f"struct_pack(tag := '{stage}', given := coalesce(bool_or({stage}), FALSE))"
        for stage in STAGES
    )
    with store.transaction():
        store.execute("DELETE FROM campaign_tags WHERE campaign_id = $id", {"id": campaign})
        store.execute(
            f"""INSERT INTO campaign_tags
                SELECT user_id, $id, 'campaign:' || $id || ':' || one.tag, $as_of, $run
                FROM (SELECT user_id, unnest([{stages},
                    struct_pack(tag := 'holdout',
                        given := coalesce(bool_or(arm = 'holdout'), FALSE)),
                    struct_pack(tag := 'shown_not_converted',
                        given := coalesce(bool_or(shown), FALSE)
                            AND NOT coalesce(bool_or(converted), FALSE))]) AS one
                    FROM ({by_person("feedback")}) WHERE campaign_id = $id GROUP BY user_id)
                WHERE one.given ORDER BY user_id, one.tag""",
            {"id": campaign, "as_of": as_of, "run": run},
        )
        found = store.read(
            "SELECT count(*) AS n FROM campaign_tags WHERE campaign_id = $id", {"id": campaign}
        )
    return int(found["n"][0].as_py())
