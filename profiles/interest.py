"""Interests of each person, from the topics of the comments they wrote.

A topic weighs the sum of its scores, each halved every ``HALF_LIFE_DAYS`` days of age; shares are
of the person's whole weight. A short and a long half-life beside it tell a passing interest from a
lasting one. Rows later than ``as_of`` are left out; an undated comment counts in ``n`` and weighs
nothing.

Growth: one row per person and topic, a few per person; one pass over the comments, done by the
database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from profiles.sql import SEEN, complete_comments, run_sql

HALF_LIFE_DAYS: Final = 30.0
SHORT_HALF_LIFE_DAYS: Final = 7.0
LONG_HALF_LIFE_DAYS: Final = 90.0


def interest_sql(half_life_days: float = HALF_LIFE_DAYS) -> str:
    """Return the SELECT that ``interest_by_person`` runs, for a half-life in days."""
    return f"""
WITH mentions AS (
    SELECT user_id, interest.topic AS topic, interest.score::DOUBLE AS score, age_days
    FROM (
        SELECT user_id, unnest(interests) AS interest,
            (epoch_ms($as_of::TIMESTAMPTZ) - epoch_ms(created_at)) / 86400000 AS age_days
        FROM comments_in
        WHERE user_id IS NOT NULL AND {SEEN}
    )
    WHERE interest.topic IS NOT NULL
),
weights AS (
    SELECT user_id, topic, count(*) AS n,
        coalesce(sum(score * pow(2, -age_days / {half_life_days})), 0) AS weight,
        coalesce(sum(score * pow(2, -age_days / {SHORT_HALF_LIFE_DAYS})), 0) AS weight_7d,
        coalesce(sum(score * pow(2, -age_days / {LONG_HALF_LIFE_DAYS})), 0) AS weight_90d
    FROM mentions GROUP BY user_id, topic
)
SELECT user_id, topic, n,
    round(weight, 6) AS weight,
    round(weight / nullif(sum(weight) OVER person, 0), 6) AS share,
    round(weight_7d / nullif(sum(weight_7d) OVER person, 0), 6) AS share_7d,
    round(weight_90d / nullif(sum(weight_90d) OVER person, 0), 6) AS share_90d
FROM weights
WINDOW person AS (PARTITION BY user_id)
ORDER BY user_id, share DESC NULLS LAST, n DESC, topic
"""


def interest_by_person(
    comments: pa.Table, as_of: datetime, *, half_life_days: float = HALF_LIFE_DAYS
) -> pa.Table:
    """Return one row per person and topic, ordered by person, then share, largest first.

    Columns: user_id, topic, n (comments behind it), weight, share (of the person's weight, 0..1,
    null where nothing is dated), share_7d and share_90d (the same with half-lives of 7 and 90
    days). A ``share_7d`` above ``share_90d`` is an interest on the rise.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    tables = {"comments_in": complete_comments(comments)}
    return run_sql(interest_sql(half_life_days), tables, as_of)
