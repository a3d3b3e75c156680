"""Whose interest has moved: recent topics against lasting ones, beyond what chance brings.

A person's short and long interest are their topics with half-lives of 7 and 90 days; the distance
is that of Jensen and Shannon (``profiles.divergence``). A person has moved when (1) the distance is
above the stratum's threshold, which shuffled days of persons as active and as varied exceed with a
chance of ``SCREEN``; (2) shuffles of the person's own days reach it with a chance of ``ALPHA`` or
less; (3) the topic gained has ``MIN_GAIN`` more of the recent interest than of the lasting one and
was there on ``MIN_TO_DAYS`` days since the change. By (2) at most ``ALPHA`` of the persons who did
not move are reported, if the topics of their days do not hang together from day to day: a habit
that comes in spells looks like a move while a spell lasts, and so does a change of what is shown.

No verdict on persons with fewer than ``MIN_DAYS`` days of signals or none in the ``RECENT_DAYS``
before ``as_of``. With 7 or 8 days only a move among three topics or more can be told from chance.

Growth: one row per person, day and topic; shuffles only for persons above their threshold, some 5 %
of those who did not move; arrays, no loop over persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa

from profiles.drift_rows import Tested, drift_table, find_change
from profiles.panel import Panel, panels, person_ids
from profiles.shuffle import SEED, arrangements, distances, p_values, shuffled_distances
from profiles.signals import signal_days, signal_days_sql
from profiles.sql import check_as_of
from profiles.store.duckdb_store import DuckDBStore

ALPHA: Final = 0.01
SCREEN: Final = 0.05
MIN_DAYS: Final = 7
RECENT_DAYS: Final = 28  # four short half-lives
MIN_TO_DAYS: Final = 3
MIN_GAIN: Final = 0.15  # of a person's whole interest
STRATUM_DAYS: Final = (12, 20, 40, 80)  # where the next stratum begins
STRATUM_TOPICS: Final = (3, 5, 8)
_STRATUM_PERSONS: Final = 500  # shuffled for a threshold, the first by person id
_STRATUM_ROUNDS: Final = 100
_PART_ROWS: Final = 5_000_000  # what is in memory at once of a store


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """Persons with any signal = ``too_few_days`` + ``silent`` + ``tested``; ``moved`` are tested.

    ``table`` has one row per tested person (see ``drift_table``), ordered by person id.
    """

    as_of: datetime
    persons: int
    too_few_days: int
    silent: int
    tested: int
    moved: int
    table: pa.Table

    @property
    def by_chance(self) -> float:
        """How many of the tested chance alone would report, at most, if nobody had moved."""
        return self.tested * ALPHA

    def movers(self) -> list[dict[str, Any]]:
        """Return the rows of those who moved, greatest distance first."""
        rows = self.table.filter(self.table["moved"])
        order = [("distance", "descending"), ("person_id", "ascending")]
        return cast(list[dict[str, Any]], rows.sort_by(order).to_pylist())


def drift_by_person(
    comments: pa.Table, events: pa.Table | None, as_of: datetime, *, seed: int = SEED
) -> DriftReport:
    """Return who has moved, by scored comments and by events (see ``signal_days``).

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    return detect_drift(signal_days(comments, events, as_of), as_of, seed=seed)


def read_drift(store: DuckDBStore, as_of: datetime, *, seed: int = SEED) -> DriftReport:
    """Return ``drift_by_person`` of every stored comment and event, part by part.

    Thresholds are those of each part, a random share of the persons; up to ``_PART_ROWS`` rows
    there is one part.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    for name in ("comments", "events"):
        store.execute(f"CREATE OR REPLACE TEMP VIEW {name}_in AS SELECT * FROM {name}")
    moment = {"as_of": as_of}
    store.execute(f"CREATE OR REPLACE TEMP TABLE drift_days AS {signal_days_sql()}", moment)
    parts = -(-store.count("drift_days") // _PART_ROWS) or 1
    found = [
        detect_drift(
            store.read(
                """SELECT * FROM drift_days WHERE md5_number_lower(person_id) % $parts = $part
                   ORDER BY person_id, day, topic""",
                {"parts": parts, "part": part},
            ),
            as_of,
            seed=seed,
        )
        for part in range(parts)
    ]
    store.execute("DROP TABLE drift_days")
    return _together(found)


def detect_drift(days: pa.Table, as_of: datetime, *, seed: int = SEED) -> DriftReport:
    """Return who has moved, from rows of ``signal_days`` in its order."""
    active, too_few, silent = [], 0, 0
    for panel in panels(days):
        if panel.mass.shape[1] < MIN_DAYS:
            too_few += len(panel.persons)
            continue
        recent = panel.age_days[:, -1] <= RECENT_DAYS
        silent += int((~recent).sum())
        if recent.any():
            active.append(panel.take(recent))
    thresholds = _thresholds(active, seed)
    found = [_tested(panel, thresholds, seed) for panel in active]
    table = drift_table(found, person_ids(days), as_of)
    return DriftReport(
        as_of=as_of,
        persons=too_few + silent + table.num_rows,
        too_few_days=too_few,
        silent=silent,
        tested=table.num_rows,
        moved=sum(int(part.moved.sum()) for part in found),
        table=table,
    )


def _stratum(panel: Panel) -> tuple[int, int]:
    """Name the stratum of a panel's persons by its place among days and among topics."""
    return (
        int(np.searchsorted(STRATUM_DAYS, panel.mass.shape[1], side="right")),
        int(np.searchsorted(STRATUM_TOPICS, panel.mass.shape[2], side="right")),
    )


def _thresholds(active: list[Panel], seed: int) -> dict[tuple[int, int], float]:
    """Return per stratum the distance that shuffled days exceed with a chance of ``SCREEN``."""
    by_stratum: dict[tuple[int, int], list[Panel]] = {}
    for panel in active:
        if panel.mass.shape[2] > 1:  # with one topic every order has the distance 0
            by_stratum.setdefault(_stratum(panel), []).append(panel)
    return {name: _threshold(members, seed) for name, members in by_stratum.items()}


def _threshold(members: list[Panel], seed: int) -> float:
    persons = np.sort(np.concatenate([panel.persons for panel in members]))
    last = persons[min(len(persons), _STRATUM_PERSONS) - 1]
    drawn = []
    for panel in members:
        sample = panel.take(panel.persons <= last)
        orders = arrangements(panel.mass.shape[1], seed)
        some = np.linspace(0, len(orders) - 1, _STRATUM_ROUNDS).astype(np.int64)
        drawn.append(shuffled_distances(sample, orders[some]).ravel())
    return float(np.quantile(np.concatenate(drawn), 1 - SCREEN, method="higher"))


def _tested(panel: Panel, thresholds: dict[tuple[int, int], float], seed: int) -> Tested:
    threshold = thresholds.get(_stratum(panel), 0.0) if panel.mass.shape[2] > 1 else 0.0
    distance = distances(panel)
    p_value = np.full(len(distance), np.nan)
    above = distance > threshold
    if above.any():
        p_value[above] = p_values(panel.take(above), seed)
    change = find_change(panel)
    gain = change.shares_short[:, 1] - change.shares_long[:, 1]
    seen = (gain >= MIN_GAIN) & (change.to_days_since >= MIN_TO_DAYS)
    moved = above & (p_value <= ALPHA) & seen
    return Tested(
        panel=panel,
        distance=distance,
        threshold=threshold,
        p_value=p_value,
        change=change,
        moved=moved,
    )


def _together(parts: list[DriftReport]) -> DriftReport:
    """Add the reports of parts of the persons."""
    table = pa.concat_tables([part.table for part in parts]).sort_by("person_id")
    return DriftReport(
        as_of=parts[0].as_of,
        persons=sum(part.persons for part in parts),
        too_few_days=sum(part.too_few_days for part in parts),
        silent=sum(part.silent for part in parts),
        tested=table.num_rows,
        moved=sum(part.moved for part in parts),
        table=table,
    )
