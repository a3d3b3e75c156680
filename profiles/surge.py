"""Days on which the brand, or one content, drew far more negative comments than is normal.

The rule, in words: a day in China is a surge when its negative comments are ``MIN_NEGATIVES`` or
more, so many that a normal day would bring them with a probability below one in
1 / ``FALSE_ALARMS_PER_DAY``, divided by the number of units tested that day (Bonferroni), and their
share among the judged, too, lies with its 95 % interval above the share before. So at most one day
in a hundred raises a false alarm, if days are as assumed: negative binomial, with the mean of the
days before (``profiles.surge_sql`` says which) plus one imagined day of ``MIN_NEGATIVES``, and a
rate that varies as much as it did in those days, but at least by ``DAY_SPREAD`` for the brand and
``CONTENT_SPREAD`` for a content. Undated comments take no part. The days of a surge belong to the
history of the days after it, which makes the fortnight after a storm harder to flag.

Growth: one pass over the comments, then one row per unit and day with comments; done by the
database. Only days above their mean come to Python.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any, Final

import pyarrow as pa

from profiles.intervals import wilson_interval
from profiles.overview import read_comments_as
from profiles.sql import complete_comments, run_sql
from profiles.store.duckdb_store import DuckDBStore
from profiles.surge_sql import (
    HISTORY_DAYS,
    MIN_EARLIER_CONTENTS,
    MIN_HISTORY_DAYS,
    MIN_NEGATIVES,
    SURGE_SQL,
)
from profiles.tail import count_tail, least_alarming_count

__all__ = [
    "CONTENT_SPREAD",
    "DAY_SPREAD",
    "FALSE_ALARMS_PER_DAY",
    "HISTORY_DAYS",
    "MIN_EARLIER_CONTENTS",
    "MIN_HISTORY_DAYS",
    "MIN_NEGATIVES",
    "detect_surges",
    "read_surges",
]

FALSE_ALARMS_PER_DAY: Final = 0.01
DAY_SPREAD: Final = 0.5  # relative standard deviation of the brand's rate from day to day
CONTENT_SPREAD: Final = 1.0  # of a content's, which lives in bursts: as spread as it is large
_LOCAL: Final = timezone(timedelta(hours=8))
_WORKING: Final = ("hours", "basis_sum", "basis_squares")  # columns only the test needs


def detect_surges(comments: pa.Table, as_of: datetime) -> pa.Table:
    """Return the surges as of a moment by day, the brand's before its contents'.

    Columns: scope ("brand" or "content"), platform and content_id (null for the brand), day, n,
    n_judged, n_negative, basis ("own" days before or the "first_days" of earlier contents), n_basis
    (how many of them), expected (negative comments per day), alarm_at (the least count that is
    alarming), alarmed_at (start of the hour in which it was reached), p_value, n_tested (units
    tested that day), share, share_low, share_high, share_before (null where nothing was judged
    before), evidence (the day's most liked negative comments), risks {risk, n}, contents (of the
    brand: those with ``MIN_NEGATIVES`` and more than usual, largest excess first).

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    return _surges(run_sql(SURGE_SQL, {"comments_in": complete_comments(comments)}, as_of))


def read_surges(store: DuckDBStore, as_of: datetime) -> pa.Table:
    """Return ``detect_surges`` of every stored comment."""
    return _surges(read_comments_as(store, SURGE_SQL, as_of))


def _surges(candidates: pa.Table) -> pa.Table:
    tested = [_tested(row) for row in candidates.to_pylist()]
    kept = [row is not None for row in tested]
    found = candidates.drop_columns(list(_WORKING)).filter(pa.array(kept, pa.bool_()))
    for field in _FOUND:
        values = [row[field.name] for row in tested if row is not None]
        found = found.append_column(field, pa.array(values, field.type))
    return found


_FOUND: Final = (
    pa.field("expected", pa.float64()),
    pa.field("alarm_at", pa.int64()),
    pa.field("alarmed_at", pa.timestamp("us", tz="UTC")),
    pa.field("p_value", pa.float64()),
    pa.field("share", pa.float64()),
    pa.field("share_low", pa.float64()),
    pa.field("share_high", pa.float64()),
)


def _tested(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the test says of one day, or None where it is no surge."""
    low, high = (float(bound) for bound in wilson_interval(row["n_negative"], row["n_judged"]))
    if low <= (row["share_before"] or 0.0):
        return None
    mean = (row["basis_sum"] + MIN_NEGATIVES) / (row["n_basis"] + 1)
    spread, chance = _spread(row), FALSE_ALARMS_PER_DAY / row["n_tested"]
    p_value = count_tail(row["n_negative"], mean, spread)
    if p_value > chance:
        return None
    alarm_at = max(MIN_NEGATIVES, least_alarming_count(chance, mean, spread))
    return {
        "expected": row["basis_sum"] / row["n_basis"],
        "alarm_at": alarm_at,
        "alarmed_at": _hour_of(row, alarm_at),
        "p_value": p_value,
        "share": row["n_negative"] / row["n_judged"],
        "share_low": low,
        "share_high": high,
    }


def _spread(row: dict[str, Any]) -> float:
    """The relative spread of the rate by moments: variance = m + (spread * m)², or the floor."""
    floor = DAY_SPREAD if row["scope"] == "brand" else CONTENT_SPREAD
    n, mean = row["n_basis"], row["basis_sum"] / row["n_basis"]
    if not mean:
        return floor
    variance = (row["basis_squares"] - n * mean**2) / (n - 1)
    return float(max(floor, max(0.0, variance - mean) ** 0.5 / mean))


def _hour_of(row: dict[str, Any], count: int) -> datetime:
    """Return the start of the hour in which the day's negative comments reached ``count``."""
    negatives = 0
    for entry in sorted(row["hours"], key=lambda one: one["key"]):
        negatives += entry["value"]
        if negatives >= count:
            break
    return datetime.combine(row["day"], time(entry["key"]), _LOCAL)
