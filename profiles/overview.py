"""An audience in numbers, each with the comments behind it.

A group is a label that comments carry: a sentiment, a day, an emotion, a topic, an aspect with
polarity, a risk, a flag, a keyword. Its number is the count of comments and its evidence the most
liked of just those (bare emoji and the like after the rest), so that no number stands in a report
without its comments. Rows later than ``as_of`` are left out; undated comments are in every group
but the days.

Growth: one pass over the comments; memory holds the groups, a few hundred, with their top comments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import pyarrow as pa

from profiles.sql import LOCAL_ZONE, SEEN, TELLS, check_as_of, complete_comments, run_sql
from profiles.store.duckdb_store import DuckDBStore

Period = Literal["day", "week", "month"]

MAX_EVIDENCE: Final = 5
MAX_KEYWORDS: Final = 40
UNJUDGED: Final = "unjudged"  # the sentiment key of comments without anything to judge

# one comment as evidence, and what makes one come before another: it says something, then likes;
# they need ``likes``, ``score`` and ``tells`` (``profiles.sql.TELLS``)
EVIDENCE: Final = """{'comment_id': comment_id, 'platform': platform, 'content_id': content_id,
        'text': text, 'created_at': created_at, 'like_count': likes, 'sentiment': sentiment,
        'score': round(score, 6)}"""
MOST_LIKED: Final = (
    "text IS NOT NULL, tells, likes, abs(coalesce(score, 0)), coalesce(platform, ''), comment_id"
)

SUMMARY_SQL: Final = f"""
WITH seen AS (SELECT *, sentiment_score::DOUBLE AS score FROM comments_in WHERE {SEEN})
SELECT count(*) AS n,
    count(sentiment) AS n_judged,
    count(*) FILTER (coalesce(trim(text), '') = '') AS n_without_text,
    count(*) - count(created_at) AS n_undated,
    (SELECT count(*) FROM comments_in WHERE NOT {SEEN}) AS n_later,
    count(*) FILTER (truncated) AS n_truncated,
    count(*) FILTER (len(risks) > 0) AS n_with_risk,
    count(DISTINCT user_id) AS n_persons,
    count(DISTINCT (platform, content_id)) FILTER (content_id IS NOT NULL) AS n_contents,
    round(avg(score), 6) AS mean_score,
    round(stddev_samp(score), 6) AS score_deviation,
    min(created_at) AS first_at,
    max(created_at) AS last_at,
    coalesce(list(DISTINCT model_version ORDER BY model_version)
        FILTER (model_version IS NOT NULL), []) AS model_versions
FROM seen
"""


def groups_sql(period: Period = "day") -> str:
    """Return the SELECT that ``comment_groups`` runs; days are days, weeks or months in China."""
    start = f"CAST(date_trunc('{period}', timezone('{LOCAL_ZONE}', created_at)) AS DATE)"
    judged = f"coalesce(sentiment, '{UNJUDGED}')"
    return f"""
WITH seen AS (
    SELECT *, sentiment_score::DOUBLE AS score, {judged} AS judged,
        coalesce(like_count, 0) AS likes, {TELLS} AS tells
    FROM comments_in WHERE {SEEN}
),
frequent AS (
    SELECT keyword FROM (SELECT unnest(list_distinct(keywords)) AS keyword FROM seen)
    GROUP BY keyword ORDER BY count(*) DESC, keyword LIMIT {MAX_KEYWORDS}
),
labels AS (
    SELECT *, unnest(list_concat(
        [{{'kind': 'all', 'key': CASE WHEN sentiment IS NOT NULL THEN 'judged' END}},
         {{'kind': 'sentiment', 'key': judged}},
         {{'kind': 'platform', 'key': platform}},
         {{'kind': 'emotion', 'key': emotion}},
         {{'kind': 'period', 'key': {start}::VARCHAR || '/' || judged}}],
        list_transform(list_distinct(list_transform(interests, lambda i: i.topic)),
            lambda t: {{'kind': 'interest', 'key': t}}),
        list_transform(
            list_distinct(list_transform(aspects, lambda a: a.aspect || '/' || a.polarity)),
            lambda a: {{'kind': 'aspect', 'key': a}}),
        list_transform(list_distinct(risks), lambda r: {{'kind': 'risk', 'key': r}}),
        list_transform(list_distinct(flags), lambda f: {{'kind': 'flag', 'key': f}}),
        list_transform(list_intersect(keywords, (SELECT list(keyword) FROM frequent)),
            lambda k: {{'kind': 'keyword', 'key': k}})
    )) AS label
    FROM seen
)
SELECT label.kind AS kind, label.key AS key,
    count(*) AS n,
    count(sentiment) AS n_judged,
    count(*) FILTER (sentiment = 'negative') AS n_negative,
    count(*) FILTER (sentiment = 'positive') AS n_positive,
    max_by({EVIDENCE}, ({MOST_LIKED}), {MAX_EVIDENCE}) AS evidence
FROM labels WHERE label.key IS NOT NULL
GROUP BY ALL ORDER BY kind, n DESC, key
"""


def comment_groups(comments: pa.Table, as_of: datetime, *, period: Period = "day") -> pa.Table:
    """Return one row per kind and key, ordered by kind, then n, largest first.

    Kinds and keys: all ("judged"), sentiment (a label or "unjudged"), platform, emotion, interest,
    "aspect" (aspect/polarity), risk, flag, keyword (the most frequent ones), period (first
    day/sentiment). Columns: kind, key, n, n_judged, n_negative, n_positive, evidence (most liked
    first).

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    return run_sql(groups_sql(period), {"comments_in": complete_comments(comments)}, as_of)


def comment_summary(comments: pa.Table, as_of: datetime) -> dict[str, Any]:
    """Return the counts, period, mean score and model versions of ``comments`` as of a moment.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    rows = run_sql(SUMMARY_SQL, {"comments_in": complete_comments(comments)}, as_of).to_pylist()
    return dict(rows[0])


def read_groups(store: DuckDBStore, as_of: datetime, *, period: Period = "day") -> pa.Table:
    """Return ``comment_groups`` of every stored comment."""
    return read_comments_as(store, groups_sql(period), as_of)


def read_summary(store: DuckDBStore, as_of: datetime) -> dict[str, Any]:
    """Return ``comment_summary`` of every stored comment."""
    return dict(read_comments_as(store, SUMMARY_SQL, as_of).to_pylist()[0])


def read_comments_as(store: DuckDBStore, sql: str, as_of: datetime) -> pa.Table:
    """Return the result of a SELECT over ``comments_in``, which is every stored comment."""
    check_as_of(as_of)
    store.execute("CREATE OR REPLACE TEMP VIEW comments_in AS SELECT * FROM comments")
    return store.read(sql, {"as_of": as_of})
