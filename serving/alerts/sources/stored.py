"""The store: comments of every load since the last pass, ``POST /v1/comments`` among them.

The store's file is opened for the moment of reading only, because one process at a time may hold
it; while another does, the pass finds nothing and the next one looks again. Comments older than
eight weeks before the newest are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import pyarrow as pa

from profiles.errors import StoreError
from serving.alerts.comments import watched
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor
from serving.settings import Settings
from serving.stores import NoStoreError, open_existing_store

_LOADS: Final = """
SELECT run_id, max(recorded_at) AS recorded_at FROM runs
WHERE verb = 'load comments' AND recorded_at > $since GROUP BY run_id
"""
_COMMENTS: Final = """
SELECT c.*, u.follower_count, u.created_at AS account_created_at
FROM comments AS c LEFT JOIN users AS u
    ON u.user_id = c.user_id AND u.platform IS NOT DISTINCT FROM c.platform
WHERE c.run_id IN (SELECT unnest($runs)) AND c.sentiment IS NOT NULL
    AND c.created_at > (SELECT max(created_at) FROM comments) - INTERVAL 56 DAY
"""
BEGINNING: Final = "1970-01-01T00:00:00+00:00"
ROWS: Final = 50_000


class StoreSource:
    """See the module."""

    name = "store"

    def __init__(self, config: Settings, rules: Rules, tell: Callable[[str], None]) -> None:
        self._config, self._rules, self._tell = config, rules, tell

    def done(self) -> bool:
        return False

    def read(self, cursor: Cursor) -> tuple[list[pa.Table], Cursor]:
        """Comments of loads that the store recorded after the cursor."""
        since = datetime.fromisoformat(cursor.get("since", BEGINNING))
        try:
            with open_existing_store(self._config) as store:
                loads = store.read(_LOADS, {"since": since}).to_pylist()
                if not loads:
                    return [], cursor
                runs = [row["run_id"] for row in loads]
                batches = store.stream(_COMMENTS, {"runs": runs}, rows_per_batch=ROWS)
                tables = [watched(pa.Table.from_batches([b]), self._rules.brands) for b in batches]
        except (StoreError, NoStoreError) as error:
            self._tell(f"{error}; tried again in the next pass")
            return [], cursor
        newest = max(row["recorded_at"] for row in loads)
        return [t for t in tables if t.num_rows], {"since": newest.isoformat()}
