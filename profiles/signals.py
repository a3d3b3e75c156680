"""What each person showed interest in, day by day: comments by their topics, events by content.

A comment speaks for its own topics. An event speaks for what its content is about, and that is the
topics of the comments under it, as known then. ``SIGNAL_WEIGHTS`` says how much each kind tells
beside a comment of one's own: chosen, not measured. An event outside ``EVENT_SIGNALS`` tells
nothing, nor does ``comment``, which counts as the comment itself. Undated comments are left out.

Growth: one pass over comments and events and one row per person, day and topic; done by the
database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from data.labels import INTERESTS
from profiles.errors import ProfilesError
from profiles.sql import LOCAL_DAY, LOCAL_ZONE, complete_comments, run_sql

SIGNAL_WEIGHTS: Final = MappingProxyType(
    {"comment": 1.0, "purchase": 2.0, "like": 0.5, "watch": 0.1}
)
EVENT_SIGNALS: Final = MappingProxyType(
    {
        **dict.fromkeys(("purchase", "pay", "buy"), "purchase"),
        **dict.fromkeys(("like", "collect", "fav", "share", "cart", "add_cart"), "like"),
        **dict.fromkeys(("watch", "view", "pv"), "watch"),
    }
)
MIN_CONTENT_COMMENTS: Final = 3  # with a topic; below, nobody can say what a content is about
MIN_CONTENT_SHARE: Final = 0.2  # topics below it are asides of the comments, not the content's
_MICRO: Final = 1_000_000  # weights are added as whole millionths: exact in any order
_EVENTS: Final = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("event", pa.string()),
        pa.field("time", pa.timestamp("ms", tz="UTC")),
        pa.field("content_id", pa.string()),
    ]
)


def signal_days_sql(weights: Mapping[str, float] = SIGNAL_WEIGHTS) -> str:
    """Return the SELECT that ``signal_days`` runs.

    Raises:
        ProfilesError: a weight is negative, or its signal is not in ``SIGNAL_WEIGHTS``.
    """
    _check_weights(weights)
    given = {event: weights.get(signal, 0.0) for event, signal in EVENT_SIGNALS.items()}
    events = ", ".join(f"('{event}', {weight})" for event, weight in given.items())
    known = ", ".join(f"'{topic}'" for topic in INTERESTS)
    return f"""
WITH topics AS (
    SELECT user_id, platform, content_id, {LOCAL_DAY} AS day,
        item.topic AS topic, item.score::DOUBLE AS score
    FROM (SELECT *, unnest(interests) AS item FROM comments_in WHERE created_at <= $as_of)
    WHERE item.topic IN ({known}) AND item.score > 0
),
told_contents AS (
    SELECT platform, content_id FROM comments_in
    WHERE created_at <= $as_of AND content_id IS NOT NULL AND len(list_filter(
        interests, lambda item: item.topic IN ({known}) AND item.score > 0)) > 0
    GROUP BY ALL HAVING count(*) >= {MIN_CONTENT_COMMENTS}
),
content_topics AS (
    SELECT platform, content_id, topic, score / sum(score) OVER content AS share
    FROM (
        SELECT platform, content_id, topic, score
        FROM (SELECT t.platform, t.content_id, topic,
                  sum(round(score * {_MICRO})::BIGINT) AS score
              FROM topics AS t SEMI JOIN told_contents AS told
                  ON t.content_id = told.content_id
                  AND t.platform IS NOT DISTINCT FROM told.platform
              GROUP BY ALL)
        WINDOW content AS (PARTITION BY platform, content_id)
        QUALIFY score >= {MIN_CONTENT_SHARE} * sum(score) OVER content
    )
    WINDOW content AS (PARTITION BY platform, content_id)
),
telling(event, weight) AS (VALUES {events}),
signals AS (
    SELECT user_id, day, topic, score * {weights.get("comment", 0.0)} AS weight FROM topics
    UNION ALL
    SELECT e.user_id, CAST(timezone('{LOCAL_ZONE}', e.time) AS DATE), c.topic,
        telling.weight * c.share
    FROM events_in AS e JOIN telling USING (event)
        JOIN content_topics AS c ON e.content_id = c.content_id
            AND e.platform IS NOT DISTINCT FROM c.platform
    WHERE e.time <= $as_of
)
SELECT user_id AS person_id, day, topic,
    sum(round(weight * {_MICRO})::BIGINT)::DOUBLE / {_MICRO} AS weight, count(*) AS n_signals,
    date_diff('day', day, CAST(timezone('{LOCAL_ZONE}', $as_of::TIMESTAMPTZ) AS DATE)) AS age_days
FROM signals WHERE user_id IS NOT NULL AND weight > 0
GROUP BY user_id, day, topic HAVING sum(round(weight * {_MICRO})::BIGINT) > 0
"""


def signal_days(
    comments: pa.Table,
    events: pa.Table | None,
    as_of: datetime,
    *,
    weights: Mapping[str, float] = SIGNAL_WEIGHTS,
) -> pa.Table:
    """Return one row per person, day in China and topic, as known as of a moment, in that order.

    Columns: person_id, day, topic, weight (sum over the day's signals, above zero), n_signals,
    age_days (whole days before the day of ``as_of``). ``events`` has user_id, platform, event, time
    and content_id; None is no events.

    Raises:
        ProfilesError: ``as_of`` has no time zone, or a weight is wrong.
    """
    tables = {
        "comments_in": complete_comments(comments),
        "events_in": _EVENTS.empty_table() if events is None else events,
    }
    return run_sql(f"{signal_days_sql(weights)} ORDER BY person_id, day, topic", tables, as_of)


def _check_weights(weights: Mapping[str, float]) -> None:
    unknown = sorted(set(weights) - set(SIGNAL_WEIGHTS))
    negative = sorted(name for name, weight in weights.items() if not weight >= 0)
    if unknown or negative:
        raise ProfilesError(
            f"expected weights of 0 or more for {', '.join(SIGNAL_WEIGHTS)}, found unknown "
            f"{unknown} and negative {negative}; correct the table"
        )
