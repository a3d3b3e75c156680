"""Recompute what changed: persons, profiles and content insights, swapped in one transaction.

Persons are put together first (see ``profiles.persons``); a profile counts the rows of all accounts
that are one person. After the first refresh only those persons and contents are computed that
``profiles.scope`` names; the others stay true as of the new moment, because nothing stored ages.
One thing an unchanged content keeps from its last computing: its keywords' lift, which compares
with all comments stored at that time.

A refresh leaves a row in ``runs``: ``refresh`` when done, ``refresh failed: WHY`` when not, and
``refresh started`` when it was killed. In the last two cases all tables are as they were before.

Growth: a full refresh reads every row a fixed number of times and a later one those of the persons
and contents in scope (found by a scan of the id columns) and writes the column ``as_of``; both
inside the database. Persons go through in parts of ``PERSONS_AT_ONCE``, so that memory does not
grow with them; for each part the input tables are scanned once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from profiles.compute import compile_part, part_names
from profiles.dimensions import DIMENSIONS
from profiles.documents import DOCUMENTS
from profiles.insight import INSIGHT_SQL, with_share_intervals
from profiles.lender import HERE, Lender
from profiles.lending import MADE
from profiles.persons import resolve_if_stale
from profiles.read import PLATFORMS_META, last_refresh
from profiles.replace import keep_before, replace_people
from profiles.scope import choose_people, set_scope
from profiles.scope_inputs import drop_inputs, make_inputs
from profiles.sql import check_as_of
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

FAILED: Final = "refresh failed"
STARTED: Final = "refresh started"
_SAME_CONTENT: Final = """scope_contents.id = {0}.content_id
    AND scope_contents.platform IS NOT DISTINCT FROM {0}.platform"""
_NO_DOCUMENTS: Final = "CREATE OR REPLACE TEMP TABLE {0}_doc (user_id BIGINT, doc JSON)"
PERSONS_AT_ONCE: Final = 250_000  # some 3 GB of rows and documents with ten events each
_MAX_REASON: Final = 500  # characters of a failure's message that ``runs`` keeps


@dataclass(frozen=True, kw_only=True)
class RefreshResult:
    """What one refresh did; ``changed`` counts profiles that are new or differ from before."""

    as_of: datetime
    full: bool
    persons: int
    contents: int
    changed: int


def refresh(
    store: Store, as_of: datetime, run: str, *, full: bool = False, work: Path | None = None
) -> RefreshResult:
    """Bring the derived tables up to what is known as of a moment; all of it happens or none.

    Afterwards ``persons``, ``profiles`` and ``content_insights`` follow from the stored rows not
    later than ``as_of``, and ``profile_history`` has one more row for each changed profile. The
    first refresh and ``full`` compute everybody; the outcome is the same. Stores other than a
    DuckDB file lend their rows to one in the folder ``work`` (see ``profiles.bench``).

    Raises:
        ProfilesError: ``as_of`` has no time zone.
        StoreError: somebody else is refreshing.
    """
    check_as_of(as_of)
    with store.refresh_lock():
        _note(store, run, STARTED, as_of)
        try:
            return _refresh(store, as_of, run, full=full, work=work)
        except Exception as error:
            store.delete("runs", "run_id", [run])
            reason = " ".join(str(error).split())[:_MAX_REASON]
            _note(store, run, f"{FAILED}: {reason}", as_of)
            raise


def _refresh(
    store: Store, as_of: datetime, run: str, *, full: bool, work: Path | None
) -> RefreshResult:
    previous = last_refresh(store)
    full = full or previous is None
    with store.transaction():
        resolve_if_stale(store, run)
        if isinstance(store, DuckDBStore):
            if full:
                store.drop_indexes()
            result = _refresh_here(store, as_of, previous, run, full=full)
            store.execute("DELETE FROM touched")
        else:
            result = _refresh_elsewhere(store, as_of, previous, run, full=full, work=work)
        store.delete("runs", "run_id", [run])
        _record(store, result, run)
    if isinstance(store, DuckDBStore):
        store.make_indexes()
    return result


def _refresh_elsewhere(
    store: Store,
    as_of: datetime,
    previous: datetime | None,
    run: str,
    *,
    full: bool,
    work: Path | None,
) -> RefreshResult:
    """Refresh on a DuckDB file that is lent all rows, or those of the persons in scope."""
    from profiles.bench import lent_by_key, lent_for_refresh

    if full or previous is None or not store.by_key:
        with lent_for_refresh(store, work) as bench:
            return _refresh_here(bench, as_of, previous, run, full=full)
    with lent_by_key(store, work, previous, as_of) as (bench, lender):
        return _refresh_here(bench, as_of, previous, run, full=False, lender=lender)


def _refresh_here(
    store: DuckDBStore,
    as_of: datetime,
    previous: datetime | None,
    run: str,
    *,
    full: bool,
    lender: Lender = HERE,
) -> RefreshResult:
    set_scope(store, as_of, previous, full=full, lender=lender)
    persons, changed = _refresh_profiles(store, as_of, run, full=full, lender=lender)
    contents = _refresh_insights(store, as_of, run, full=full, lender=lender)
    if previous != as_of and not full:
        store.stamp(MADE, as_of)  # what did not change holds as of the new moment too
    return RefreshResult(
        as_of=as_of, full=full, persons=persons, contents=contents, changed=changed
    )


def _refresh_profiles(
    store: DuckDBStore, as_of: datetime, run: str, *, full: bool, lender: Lender
) -> tuple[int, int]:
    """Replace the persons and profiles in scope, a part of them at a time."""
    keep_before(store, full=full)
    everybody = store.count("everybody")
    persons = changed = 0
    for first in range(0, everybody, PERSONS_AT_ONCE):
        reach = choose_people(store, first, PERSONS_AT_ONCE, full=full)
        lender.for_people(reach)
        make_inputs(store, reach)
        for dimension in DIMENSIONS:
            if dimension in reach.of_nobody:
                store.execute(_NO_DOCUMENTS.format(dimension))
            else:
                _compute(store, dimension, as_of)
        drop_inputs(store)
        found, differing = replace_people(store, as_of, run, reach, full=full)
        persons, changed = persons + found, changed + differing
    store.execute("DROP TABLE stored_before")
    if everybody:
        _note_platforms(store)
    return persons, changed


def _compute(store: DuckDBStore, dimension: str, as_of: datetime) -> None:
    """Make ``<dimension>_doc`` (user_id, doc), and for basic the table of persons beside it."""
    parts = [name for name in part_names(dimension) if name != "interest_contents"]
    for name in parts:
        store.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {compile_part(name, as_of)}")
    store.execute(f"CREATE OR REPLACE TEMP TABLE {dimension}_doc AS {DOCUMENTS[dimension]}")
    for name in parts:
        if name != "basic_spans":
            store.execute(f"DROP TABLE {name}")


def _refresh_insights(
    store: DuckDBStore, as_of: datetime, run: str, *, full: bool, lender: Lender
) -> int:
    """Replace the insights in scope; their rows are few enough to pass through Arrow."""
    if not full and store.count("scope_contents") == 0:
        return 0
    lender.for_insights()
    own = "" if full else f"SEMI JOIN scope_contents ON {_SAME_CONTENT.format('comments')}"
    store.execute(
        f"CREATE OR REPLACE TEMP VIEW comments_in AS SELECT comments.* FROM comments {own}"
    )
    store.execute(
        f"CREATE OR REPLACE TEMP VIEW all_comments_in AS SELECT * FROM {lender.everywhere}"
    )
    moment = {"as_of": as_of}
    insights = with_share_intervals(store.read(INSIGHT_SQL, moment))
    gone = (
        ""
        if full
        else f"""WHERE EXISTS (SELECT 1 FROM scope_contents
                 WHERE {_SAME_CONTENT.format("content_insights")})"""
    )
    store.execute(f"DELETE FROM content_insights {gone}")
    store.insert("content_insights", insights)
    store.execute(
        "UPDATE content_insights SET as_of = $as_of, run_id = $run WHERE run_id IS NULL",
        {**moment, "run": run},
    )
    return int(insights.num_rows)


def _note_platforms(store: DuckDBStore) -> None:
    """Keep the platforms that persons are of, for a point read to try."""
    store.execute(
        f"""INSERT OR REPLACE INTO meta
            SELECT '{PLATFORMS_META}', to_json(list(platform ORDER BY platform)) FROM (
                SELECT DISTINCT platform FROM persons UNION
                SELECT DISTINCT namespace FROM identifiers WHERE type = 'platform_uid')"""
    )


def _note(store: Store, run: str, verb: str, as_of: datetime, n: int = 0, changed: int = 0) -> None:
    row = {
        "run_id": run,
        "verb": verb,
        "recorded_at": datetime.now(UTC),
        "as_of": as_of.astimezone(UTC),
        "n_rows": n,
        "n_inserted": 0,
        "n_updated": changed,
        "n_unchanged": n - changed,
    }
    store.bulk_load("runs", pa.Table.from_pylist([row]))


def _record(store: Store, result: RefreshResult, run: str) -> None:
    _note(store, run, "refresh", result.as_of, result.persons, result.changed)
