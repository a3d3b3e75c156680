"""The six dimensions of a profile as JSON, one row per person.

Emotion and interest come computed (``emotion_in``, ``interest_in``); the other four count what the
stored rows say and no more. A dimension without rows behind it is ``{"n": 0}``. Moments are ISO
8601 in UTC.
"""

from __future__ import annotations

from typing import Final

from profiles.persons import by_person
from profiles.sql import SEEN

DIMENSIONS: Final = ("basic", "interest", "spending", "social", "behaviour", "emotion")


def _iso(column: str) -> str:
    return f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"


def merged_users_sql() -> str:
    """Return a SELECT with one row per person of the stored users.

    Counts are sums over the person's accounts and ``n`` is their number; what cannot be added is
    that of the account with the most followers (then the smallest id) that has a value.
    """
    rank = "(-coalesce(follower_count, -1), account_id)"
    best = ", ".join(
        f"min_by({name}, {rank}) FILTER ({name} IS NOT NULL) AS {name}"
        for name in ("gender", "age", "region")
    )
    return f"""
        SELECT user_id, count(*) AS n, min(platform) AS platform,
            list_distinct(list(platform)) AS platforms, {best},
            sum(follower_count)::BIGINT AS follower_count,
            sum(following_count)::BIGINT AS following_count,
            bool_or(verified) AS verified, min(created_at) AS created_at
        FROM ({by_person("users")}) GROUP BY user_id"""


_TIMED: Final = "time <= $as_of"

# ``weight`` fades with every day, so the fingerprint leaves it out: shares move when comments come
PROFILE_SQL: Final = f"""
WITH commented AS (
    SELECT user_id, min(platform) AS platform, list_distinct(list(platform)) AS platforms,
        count(*) AS n,
        count(*) FILTER (len(interests) > 0) AS n_with_topic,
        count(parent_id) AS n_replies,
        sum(like_count)::BIGINT AS likes, sum(reply_count)::BIGINT AS replies,
        min(created_at) AS first_at, max(created_at) AS last_at,
        max_by(region, (coalesce(created_at, 'epoch'::TIMESTAMPTZ), comment_id))
            FILTER (region IS NOT NULL) AS region
    FROM comments_in WHERE user_id IS NOT NULL AND {SEEN} GROUP BY user_id
),
ordered AS (
    SELECT user_id, min(platform) AS platform, list_distinct(list(platform)) AS platforms,
        count(*) AS n,
        round(sum(amount_cny), 2) AS amount_cny, min(time) AS first_at, max(time) AS last_at
    FROM orders_in WHERE {_TIMED} GROUP BY user_id
),
acted AS (
    SELECT user_id, min(platform) AS platform,
        list_distinct(flatten(list(places))) AS platforms, sum(n)::BIGINT AS n,
        list({{'event': event, 'n': n}} ORDER BY n DESC, event) AS events,
        min(first_at) AS first_at, max(last_at) AS last_at
    FROM (SELECT user_id, list_distinct(list(platform)) AS places, min(platform) AS platform,
              event, count(*) AS n, min(time) AS first_at,
              max(time) AS last_at
          FROM events_in WHERE {_TIMED} GROUP BY ALL)
    GROUP BY user_id
),
topics AS (
    SELECT user_id,
        list({{'topic': topic, 'n': n, 'weight': weight, 'share': share, 'share_7d': share_7d,
            'share_90d': share_90d}} ORDER BY share DESC NULLS LAST, n DESC, topic) AS topics,
        list((topic, n, share, share_7d, share_90d) ORDER BY topic) AS lasting
    FROM interest_in GROUP BY user_id
),
known AS (
    SELECT user_id AS person_id,
        coalesce(c.platform, u.platform, o.platform, e.platform) AS platform,
        least(c.first_at, o.first_at, e.first_at) AS first_seen_at,
        greatest(c.last_at, o.last_at, e.last_at) AS last_seen_at,
        coalesce(c.n, 0) AS n_comments, coalesce(e.n, 0) AS n_events, coalesce(o.n, 0) AS n_orders,
        coalesce(u.n, 0) AS n_users,
        list_sort(list_distinct(flatten([c.platforms, u.platforms, o.platforms, e.platforms])))
            AS platforms,
        c AS c, u AS u, o AS o, e AS e, m AS m, topics.topics, topics.lasting
    FROM commented AS c
        FULL JOIN users_in AS u USING (user_id) FULL JOIN ordered AS o USING (user_id)
        FULL JOIN acted AS e USING (user_id) LEFT JOIN topics USING (user_id)
        LEFT JOIN emotion_in AS m USING (user_id)
),
described AS (
    SELECT person_id, platform, first_seen_at, last_seen_at, n_comments, n_events, n_orders,
        lasting,
        to_json({{'n': n_users, 'platform': platform,
            'platforms': CASE WHEN len(platforms) > 1 THEN platforms END,
            'gender': u.gender, 'age': u.age,
            'region': coalesce(u.region, c.region), 'verified': u.verified,
            'registered_at': {_iso("u.created_at")}, 'first_seen_at': {_iso("first_seen_at")},
            'last_seen_at': {_iso("last_seen_at")}}}) AS basic,
        to_json({{'n': coalesce(c.n_with_topic, 0), 'topics': topics}}) AS interest,
        to_json({{'n': n_orders, 'amount_cny': o.amount_cny, 'first_at': {_iso("o.first_at")},
            'last_at': {_iso("o.last_at")}}}) AS spending,
        to_json({{'n': n_comments, 'replies_written': c.n_replies, 'likes_received': c.likes,
            'replies_received': c.replies, 'followers': u.follower_count,
            'following': u.following_count}}) AS social,
        to_json({{'n': n_events, 'events': e.events, 'first_at': {_iso("e.first_at")},
            'last_at': {_iso("e.last_at")}}}) AS behaviour,
        to_json({{'n': n_comments, 'n_judged': m.n_judged, 'n_negative': m.n_negative,
            'n_neutral': m.n_neutral, 'n_positive': m.n_positive, 'mean_score': m.mean_score,
            'mean_score_30d': m.mean_score_30d, 'trend': m.trend, 'by_emotion': m.by_emotion,
            'telling_comments': list_transform(m.telling_comments, lambda t: {{
                'comment_id': t.comment_id, 'text': t.text, 'created_at': {_iso("t.created_at")},
                'score': t.score}})}}) AS emotion
    FROM known
)
SELECT * EXCLUDE (lasting),
    md5(concat_ws(chr(31), basic, to_json(lasting), spending, social, behaviour, emotion))
        AS fingerprint
FROM described
"""
