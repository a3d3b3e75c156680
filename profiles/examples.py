"""Persons whose comments tell a story: who speaks most, who turned, who buys.

Who turned is read off a straight line through the scores over time: how strongly they follow it
(correlation times deviation times the square root of their number), provided it falls or rises by
``MIN_STORY_CHANGE`` from the first comment to the last. Nobody stands twice.

Growth: one pass over the comments; as many persons as asked for come to Python, each with at most
``MAX_TIMELINE`` comments.
"""

from __future__ import annotations

from typing import Any, Final

from profiles.dimensions import DIMENSIONS
from profiles.persons import by_person
from profiles.present import dimension
from profiles.read import iso
from profiles.sql import LOCAL_DAY, SEEN
from profiles.store.duckdb_store import DuckDBStore

MIN_STORY_COMMENTS: Final = 5  # judged and dated comments
MIN_STORY_DAYS: Final = 3
MIN_STORY_CHANGE: Final = 0.5  # a quarter of the whole scale of scores, -1 to 1
MAX_TIMELINE: Final = 200

_SEEN: Final = SEEN.replace("$as_of", "profiles.as_of")

# (story, among whom, in which order); the last one fills up
_STORIES: Final = (
    ("most_comments", "true", "n_judged DESC"),
    ("worsening", "move < 0", "move"),
    ("improving", "move > 0", "move DESC"),
    ("spending", "amount_cny > 0", "amount_cny DESC"),
    ("many_comments", "true", "n_judged DESC"),
)

_CAST_SQL: Final = f"""
CREATE OR REPLACE TEMP TABLE stories AS
WITH moves AS (
    SELECT user_id AS person_id,
        corr(score, time_s) * stddev_samp(score) * sqrt(count(*)) AS strength,
        regr_slope(score, time_s) * (max(time_s) - min(time_s)) AS change
    FROM (SELECT *, sentiment_score::DOUBLE AS score, epoch(created_at) AS time_s
          FROM ({by_person("comments")}))
        JOIN profiles ON user_id = person_id
    WHERE sentiment IS NOT NULL AND created_at IS NOT NULL AND {_SEEN}
    GROUP BY user_id
    HAVING count(*) >= {MIN_STORY_COMMENTS} AND count(DISTINCT {LOCAL_DAY}) >= {MIN_STORY_DAYS}
)
SELECT person_id, (emotion ->> 'n_judged')::BIGINT AS n_judged,
    (spending ->> 'amount_cny')::DOUBLE AS amount_cny,
    -- equal scores throughout correlate with nothing
    CASE WHEN isfinite(strength) AND abs(change) >= {MIN_STORY_CHANGE}
        THEN round(strength, 6) END AS move
FROM profiles LEFT JOIN moves USING (person_id)
WHERE coalesce((emotion ->> 'n_judged')::BIGINT, 0) > 0
"""

_COMMENTS_SQL: Final = f"""
SELECT user_id, comment_id, comments.platform, content_id, text, created_at,
    coalesce(like_count, 0) AS like_count, sentiment, round(sentiment_score::DOUBLE, 6) AS score
FROM ({by_person("comments")}) AS comments JOIN profiles ON user_id = person_id
WHERE user_id = $person AND sentiment IS NOT NULL AND {_SEEN}
QUALIFY list_contains($telling, comment_id)
    OR row_number() OVER (ORDER BY created_at DESC NULLS LAST, comment_id) <= {MAX_TIMELINE}
ORDER BY created_at NULLS FIRST, comment_id
"""


def read_example_profiles(store: DuckDBStore, limit: int = 4) -> list[dict[str, Any]]:
    """Return up to ``limit`` persons with story, person_id, platform, profile and comments.

    ``story`` is most_comments, worsening, improving, spending or many_comments; ``timeline`` the
    judged comments, oldest first; ``telling`` those that say most about the attitude.
    """
    found = [_person(store, person, story) for story, person in _cast(store, limit)]
    store.execute("DROP TABLE stories")
    return found


def _cast(store: DuckDBStore, limit: int) -> list[tuple[str, str]]:
    store.execute(_CAST_SQL)
    chosen: dict[str, str] = {}
    for story, among, order in _STORIES:
        wanted = limit - len(chosen) if story == "many_comments" else min(1, limit - len(chosen))
        rows = store.read(
            f"""SELECT person_id FROM stories
                WHERE {among} AND NOT list_contains($chosen::VARCHAR[], person_id)
                ORDER BY {order}, n_judged DESC, person_id LIMIT $wanted""",
            {"chosen": list(chosen), "wanted": wanted},
        )
        chosen |= dict.fromkeys(rows["person_id"].to_pylist(), story)
    return [(story, person) for person, story in chosen.items()]


def _person(store: DuckDBStore, person: str, story: str) -> dict[str, Any]:
    (row,) = store.read(
        """SELECT profiles.*, persons.platform FROM profiles JOIN persons USING (person_id)
           WHERE person_id = $person""",
        {"person": person},
    ).to_pylist()
    profile = {name: dimension(name, row[name], iso(row["as_of"])) for name in DIMENSIONS}
    telling = [one["comment_id"] for one in profile["emotion"].get("telling_comments", [])]
    comments = store.read(_COMMENTS_SQL, {"person": person, "telling": telling}).to_pylist()
    by_id = {one["comment_id"]: one for one in comments}
    return {
        "story": story,
        "person_id": person,
        "platform": row["platform"],
        "timeline": [one for one in comments if one["created_at"] is not None],
        "telling": [by_id[one] for one in telling if one in by_id],
        **profile,
    }
