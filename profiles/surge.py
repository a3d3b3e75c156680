"""Days on which a content drew far more negative comments than its own past lets expect.

The rule, in words: at least ``MIN_NEGATIVES`` negative comments on one day in China, more than the
daily mean of the up to fourteen days before plus three standard deviations of a count (square root
of mean + 1), and a negative share whose 95 % interval lies above the share of those days. Less than
three days of history decide nothing. Undated comments take no part.

Growth: one pass over the comments, then one row per content and day with comments; done by the
database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from profiles.intervals import wilson_interval
from profiles.overview import EVIDENCE, MAX_EVIDENCE, MOST_LIKED, read_comments_as
from profiles.sql import LOCAL_DAY, complete_comments, run_sql
from profiles.store.duckdb_store import DuckDBStore

MIN_NEGATIVES: Final = 8
HISTORY_DAYS: Final = 14
MIN_HISTORY_DAYS: Final = 3
DEVIATIONS: Final = 3.0

# the mean counts days without comments as zero: a quiet content has a low normal
SURGE_SQL: Final = f"""
WITH daily AS (
    SELECT platform, content_id, {LOCAL_DAY} AS day, count(*) AS n, count(sentiment) AS n_judged,
        count(*) FILTER (sentiment = 'negative') AS n_negative,
        max_by({EVIDENCE}, ({MOST_LIKED}), {MAX_EVIDENCE})
            FILTER (sentiment = 'negative') AS evidence
    FROM (SELECT *, coalesce(like_count, 0) AS likes, sentiment_score::DOUBLE AS score
          FROM comments_in)
    WHERE content_id IS NOT NULL AND created_at <= $as_of
    GROUP BY ALL
),
history AS (
    SELECT *,
        least({HISTORY_DAYS}, day - min(day) OVER (PARTITION BY platform, content_id))
            AS history_days,
        coalesce(sum(n_negative) OVER before, 0)::DOUBLE AS negatives_before,
        coalesce(sum(n_judged) OVER before, 0)::DOUBLE AS judged_before
    FROM daily
    WINDOW before AS (PARTITION BY platform, content_id ORDER BY day
        RANGE BETWEEN INTERVAL {HISTORY_DAYS} DAY PRECEDING AND INTERVAL 1 DAY PRECEDING)
)
SELECT platform, content_id, day, n, n_judged, n_negative, history_days, evidence,
    negatives_before / history_days AS expected,
    negatives_before / nullif(judged_before, 0) AS share_before
FROM history
WHERE history_days >= {MIN_HISTORY_DAYS} AND n_negative >= {MIN_NEGATIVES}
    AND n_negative > negatives_before / history_days
        + {DEVIATIONS} * sqrt(negatives_before / history_days + 1)
ORDER BY n_negative DESC, platform, content_id, day
"""


def detect_surges(comments: pa.Table, as_of: datetime) -> pa.Table:
    """Return the content days above their own normal, most negative comments first.

    Columns: platform, content_id, day, n, n_judged, n_negative, history_days, expected (negative
    comments per day before), share_before (null where nothing was judged before), evidence (that
    day's most liked negative comments), share, share_low, share_high.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    return _clear(run_sql(SURGE_SQL, {"comments_in": complete_comments(comments)}, as_of))


def read_surges(store: DuckDBStore, as_of: datetime) -> pa.Table:
    """Return ``detect_surges`` of every stored comment."""
    return _clear(read_comments_as(store, SURGE_SQL, as_of))


def _clear(candidates: pa.Table) -> pa.Table:
    """Keep the days whose share, too, is above that of the days before."""
    negatives, judged = candidates["n_negative"].to_numpy(), candidates["n_judged"].to_numpy()
    low, high = wilson_interval(negatives, judged)
    for name, values in (("share", negatives / judged), ("share_low", low), ("share_high", high)):
        candidates = candidates.append_column(name, pa.array(values, pa.float64()))
    before = np.array(candidates["share_before"].fill_null(0.0).to_pylist(), dtype=float)
    return candidates.filter(pa.array(low > before, pa.bool_()))
