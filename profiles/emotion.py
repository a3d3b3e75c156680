"""Emotional attitude of each person, from the comments they wrote.

The trend is a weighted least-squares slope of ``sentiment_score`` over time, in score per 30 days;
a comment weighs what the model is sure of (its largest class probability), and fewer than three
judged comments on three days make no trend. Rows later than ``as_of`` are left out; undated
comments count in the totals and the telling comments, not in trend and 30-day mean.

Growth: one pass over the comments and hash aggregates by person, done by the database, which spills
to disk; 100 million comments of 10 million persons never stand in Python's memory unless the caller
asks for them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from profiles.sql import LOCAL_DAY, SEEN, complete_comments, run_sql

MIN_TREND_COMMENTS: Final = 3
MIN_TREND_DAYS: Final = 3
TREND_UNIT_DAYS: Final = 30
MAX_TELLING: Final = 3

_MS_PER_UNIT: Final = TREND_UNIT_DAYS * 86_400_000

EMOTION_SQL: Final = f"""
WITH seen AS (
    SELECT *,
        sentiment_score::DOUBLE AS score,
        -- x: units of 30 days
        (epoch_ms(created_at) - epoch_ms($as_of::TIMESTAMPTZ)) / {_MS_PER_UNIT} AS x,
        {LOCAL_DAY} AS day,
        coalesce(greatest(p_negative, p_neutral, p_positive), 1)::DOUBLE AS weight
    FROM comments_in
    WHERE user_id IS NOT NULL AND {SEEN}
),
totals AS (
    SELECT user_id,
        count(*) AS n,
        count(sentiment) AS n_judged,
        count(*) FILTER (sentiment = 'negative') AS n_negative,
        count(*) FILTER (sentiment = 'neutral') AS n_neutral,
        count(*) FILTER (sentiment = 'positive') AS n_positive,
        round(avg(score), 6) AS mean_score,
        round(avg(score) FILTER (x > -1), 6) AS mean_score_30d
    FROM seen GROUP BY user_id
),
emotions AS (
    SELECT user_id, list({{'emotion': emotion, 'n': n}} ORDER BY n DESC, emotion) AS by_emotion
    FROM (SELECT user_id, emotion, count(*) AS n FROM seen WHERE emotion IS NOT NULL GROUP BY ALL)
    GROUP BY user_id
),
line AS (
    SELECT user_id,
        sum(weight) AS w, sum(weight * x) AS wx, sum(weight * score) AS wy,
        sum(weight * x * x) AS wxx, sum(weight * x * score) AS wxy
    FROM seen WHERE score IS NOT NULL AND x IS NOT NULL
    GROUP BY user_id
    HAVING count(*) >= {MIN_TREND_COMMENTS} AND count(DISTINCT day) >= {MIN_TREND_DAYS}
),
distinct_texts AS (  -- who says the same thing ten times has one telling comment, not three
    SELECT user_id, comment_id, text, created_at, score,
        abs(score) * ln(2 + greatest(coalesce(like_count, 0), 0)) AS telling
    FROM seen WHERE score IS NOT NULL AND text IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY user_id, trim(text) ORDER BY telling DESC, comment_id) = 1
),
telling AS (
    SELECT user_id,
        list({{'comment_id': comment_id, 'text': text, 'created_at': created_at,
               'score': round(score, 6)}}
             ORDER BY telling DESC, comment_id) AS telling_comments
    FROM (SELECT * FROM distinct_texts QUALIFY row_number() OVER (
        PARTITION BY user_id ORDER BY telling DESC, comment_id) <= {MAX_TELLING})
    GROUP BY user_id
)
SELECT totals.*,
    round((w * wxy - wx * wy) / nullif(w * wxx - wx * wx, 0), 6) AS trend,
    coalesce(by_emotion, []) AS by_emotion,
    coalesce(telling_comments, []) AS telling_comments
FROM totals LEFT JOIN emotions USING (user_id) LEFT JOIN line USING (user_id)
    LEFT JOIN telling USING (user_id)
ORDER BY user_id
"""


def emotion_by_person(comments: pa.Table, as_of: datetime) -> pa.Table:
    """Return one row per person who commented, ordered by ``user_id``.

    Columns: user_id, n, n_judged, n_negative, n_neutral, n_positive, mean_score and mean_score_30d
    (-1..1, null without judged comments), trend (score per 30 days or null), by_emotion (list of
    emotion and n, most frequent first), telling_comments (at most three, highest |score|·ln(2 +
    likes) first, texts distinct). Comments without ``user_id`` belong to nobody. Real numbers are
    rounded to six decimals, so that the order of the rows given does not matter.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    return run_sql(EMOTION_SQL, {"comments_in": complete_comments(comments)}, as_of)
