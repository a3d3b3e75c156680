"""The store: comments of every load not seen yet, ``POST /v1/comments`` among them, on any engine.

Several processes may write to one store. A load is recorded before its transaction ends, by its
writer's clock, so one that commits late stands before others that were read already. The cursor
therefore names the loads seen, those of the last ``LOOK_BACK`` before the newest: what is younger
than that and not named is new, wherever it stands. A load must commit within that time.

A DuckDB file is opened for the moment of reading only, because one process at a time may hold it;
while another does, the pass finds nothing and the next one looks again. Comments older than eight
weeks before the newest are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from profiles.errors import StoreError
from serving.alerts.comments import watched
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor
from serving.settings import Settings
from serving.stores import NoStoreError, open_existing_store

LOOK_BACK: Final = timedelta(hours=1)  # clocks of writers that differ, transactions that take long
LEARNT: Final = timedelta(days=56)  # history that the baseline gains by
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
        """Comments of loads that the cursor does not name, and the cursor that names them."""
        since = datetime.fromisoformat(cursor.get("since", BEGINNING))
        try:
            with open_existing_store(self._config) as store:
                loads = read_loads(store, since - LOOK_BACK if "since" in cursor else since)
                seen = _seen(cursor)
                news = [(at, run) for at, run in loads if (run, at) not in seen]
                if not news:
                    return [], cursor
                found = _comments(store, sorted({run for _, run in news}))
        except (StoreError, NoStoreError) as error:
            self._tell(f"{error}; tried again in the next pass")
            return [], cursor
        tables = [
            watched(found.slice(at, ROWS), self._rules.brands)
            for at in range(0, found.num_rows, ROWS)
        ]
        return [t for t in tables if t.num_rows], cursor_after(since, loads)


def read_loads(store: Any, since: datetime) -> list[tuple[datetime, str]]:
    """When loads of comments after ``since`` were recorded, and their runs, in order."""
    runs = store.table("runs")
    wanted = (runs.verb == "load comments") & (runs.recorded_at > since)
    found = store.fetch(runs.filter(wanted).select("recorded_at", "run_id"))
    return sorted((row["recorded_at"], row["run_id"]) for row in found.to_pylist())


def cursor_after(since: datetime, loads: list[tuple[datetime, str]]) -> Cursor:
    """The newest moment, and the loads of the time before it that is looked at again."""
    newest = max([since, *(at for at, _ in loads)])
    named = [[run, at.isoformat()] for at, run in loads if at > newest - LOOK_BACK]
    return {"since": newest.isoformat(), "seen": named}


def _seen(cursor: Cursor) -> set[tuple[str, datetime]]:
    return {(run, datetime.fromisoformat(at)) for run, at in cursor.get("seen", ())}


def _comments(store: Any, runs: list[str]) -> pa.Table:
    """The judged comments of the runs, with what is known of their authors' accounts."""
    stored, users = store.table("comments"), store.table("users")
    newest = pc.max(store.fetch(stored.aggregate(newest=stored.created_at.max()))["newest"]).as_py()
    judged = stored.run_id.isin(runs) & stored.sentiment.notnull()
    if newest is not None:
        judged &= stored.created_at > newest - LEARNT
    accounts = users.select(
        account="user_id",
        account_platform="platform",
        follower_count="follower_count",
        account_created_at="created_at",
    )
    mine = stored.filter(judged)
    same = [
        mine.user_id == accounts.account,
        mine.platform.identical_to(accounts.account_platform),
    ]
    found: pa.Table = store.fetch(
        mine.left_join(accounts, same).drop("account", "account_platform")
    )
    return found
