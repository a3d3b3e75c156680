"""What an audience thinks of one content: shares with intervals, praise and blame, evidence.

Shares are of judged comments, with Wilson 95 % intervals. Keywords rank by lift: how much more
often a word stands in this content's comments than in all comments. Rows later than ``as_of`` are
left out; undated comments count everywhere except first_at, last_at and the hourly series.

Growth: one pass over the comments per part, by the database; a result row per content, whose hourly
series grows with the hours that have comments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from profiles.intervals import wilson_interval
from profiles.sql import SEEN, TELLS, complete_comments, run_sql

MIN_KEYWORD_COMMENTS: Final = 3
MAX_KEYWORDS: Final = 12
MAX_EVIDENCE: Final = 3
POLARITIES: Final = ("negative", "neutral", "positive")

# contents are the same where platform and id are; a platform that was not given equals itself
_CONTENT: Final = "platform, content_id"


def _join(other: str) -> str:
    return (
        f"LEFT JOIN {other} ON totals.content_id = {other}.content_id"
        f" AND totals.platform IS NOT DISTINCT FROM {other}.platform"
    )


def _evidence(sentiment: str) -> str:
    """One comment per distinct text; those that say something first, then the most liked."""
    return f"""
    SELECT {_CONTENT}, list({{'comment_id': comment_id, 'text': text, 'created_at': created_at,
            'like_count': likes, 'score': round(score, 6)}}
            ORDER BY tells DESC, likes DESC, abs(score) DESC, comment_id
        ) AS comments
    FROM (SELECT * FROM evidence WHERE sentiment = '{sentiment}' QUALIFY row_number() OVER (
        PARTITION BY {_CONTENT}
        ORDER BY tells DESC, likes DESC, abs(score) DESC, comment_id) <= {MAX_EVIDENCE})
    GROUP BY {_CONTENT}"""


INSIGHT_SQL: Final = f"""
WITH seen AS (SELECT * FROM comments_in WHERE content_id IS NOT NULL AND {SEEN}),
totals AS (
    SELECT {_CONTENT},
        count(*) AS n,
        count(sentiment) AS n_judged,
        count(*) FILTER (sentiment = 'negative') AS n_negative,
        count(*) FILTER (sentiment = 'neutral') AS n_neutral,
        count(*) FILTER (sentiment = 'positive') AS n_positive,
        round(avg(sentiment_score::DOUBLE), 6) AS mean_score,
        min(created_at) AS first_at,
        max(created_at) AS last_at
    FROM seen GROUP BY {_CONTENT}
),
emotions AS (
    SELECT {_CONTENT}, list({{'emotion': emotion, 'n': n}} ORDER BY n DESC, emotion) AS emotions
    FROM (SELECT {_CONTENT}, emotion, count(*) AS n FROM seen
          WHERE emotion IS NOT NULL AND emotion <> 'none' GROUP BY ALL)
    GROUP BY {_CONTENT}
),
everywhere AS (
    SELECT keyword, count(*) AS n_everywhere
    FROM (SELECT unnest(list_distinct(keywords)) AS keyword FROM all_comments_in WHERE {SEEN})
    GROUP BY keyword
),
keyword_counts AS (
    SELECT {_CONTENT}, keyword, count(*) AS n
    FROM (SELECT {_CONTENT}, unnest(list_distinct(keywords)) AS keyword FROM seen)
    GROUP BY ALL HAVING count(*) >= {MIN_KEYWORD_COMMENTS}
),
lifts AS (
    SELECT counted.platform, counted.content_id, keyword, counted.n,
        round((counted.n / totals.n)
            / (n_everywhere / (SELECT count(*) FROM all_comments_in WHERE {SEEN})), 6) AS lift
    FROM keyword_counts AS counted JOIN everywhere USING (keyword) JOIN totals
        ON counted.content_id = totals.content_id
        AND counted.platform IS NOT DISTINCT FROM totals.platform
    QUALIFY row_number() OVER (PARTITION BY counted.platform, counted.content_id
        ORDER BY lift DESC, counted.n DESC, keyword) <= {MAX_KEYWORDS}
),
keywords AS (
    SELECT {_CONTENT}, list({{'keyword': keyword, 'n': n, 'lift': lift}}
        ORDER BY lift DESC, n DESC, keyword) AS keywords
    FROM lifts GROUP BY {_CONTENT}
),
aspects AS (
    SELECT {_CONTENT}, list({{'aspect': aspect, 'n': n, 'n_negative': n_negative,
        'n_neutral': n_neutral, 'n_positive': n_positive}} ORDER BY n DESC, aspect) AS aspects
    FROM (SELECT {_CONTENT}, named.aspect AS aspect, count(*) AS n,
            count(*) FILTER (named.polarity = 'negative') AS n_negative,
            count(*) FILTER (named.polarity = 'neutral') AS n_neutral,
            count(*) FILTER (named.polarity = 'positive') AS n_positive
          FROM (SELECT {_CONTENT}, unnest(aspects) AS named FROM seen) GROUP BY ALL)
    GROUP BY {_CONTENT}
),
risks AS (
    SELECT {_CONTENT}, list({{'risk': risk, 'n': n}} ORDER BY n DESC, risk) AS risks
    FROM (SELECT {_CONTENT}, risk, count(*) AS n
          FROM (SELECT {_CONTENT}, unnest(list_distinct(risks)) AS risk FROM seen) GROUP BY ALL)
    GROUP BY {_CONTENT}
),
evidence AS (
    SELECT {_CONTENT}, comment_id, text, created_at, sentiment, sentiment_score::DOUBLE AS score,
        coalesce(like_count, 0) AS likes, {TELLS} AS tells
    FROM seen WHERE text IS NOT NULL AND sentiment IN ('negative', 'positive')
    QUALIFY row_number() OVER (PARTITION BY {_CONTENT}, sentiment, trim(text)
        ORDER BY likes DESC, abs(score) DESC, comment_id) = 1
),
worst AS ({_evidence("negative")}),
best AS ({_evidence("positive")}),
hours AS (
    SELECT {_CONTENT}, list({{'hour': hour, 'n': n, 'n_judged': n_judged, 'n_negative': n_negative}}
        ORDER BY hour) AS hourly
    FROM (SELECT {_CONTENT}, date_trunc('hour', created_at) AS hour, count(*) AS n,
            count(sentiment) AS n_judged, count(*) FILTER (sentiment = 'negative') AS n_negative
          FROM seen WHERE created_at IS NOT NULL GROUP BY ALL)
    GROUP BY {_CONTENT}
)
SELECT totals.*,
    coalesce(emotions.emotions, []) AS emotions,
    coalesce(keywords.keywords, []) AS keywords,
    coalesce(aspects.aspects, []) AS aspects,
    coalesce(risks.risks, []) AS risks,
    coalesce(worst.comments, []) AS evidence_negative,
    coalesce(best.comments, []) AS evidence_positive,
    coalesce(hours.hourly, []) AS hourly
FROM totals {
    " ".join(
        _join(part)
        for part in ("emotions", "keywords", "aspects", "risks", "worst", "best", "hours")
    )
}
ORDER BY totals.platform NULLS FIRST, totals.content_id
"""


def insight_by_content(comments: pa.Table, as_of: datetime) -> pa.Table:
    """Return one row per platform and content, ordered by both.

    Columns: platform, content_id, n, n_judged, n_<sentiment>, mean_score, first_at, last_at,
    emotions (without "none"), keywords {keyword, n, lift}, aspects {aspect, n, n_<polarity>}, risks
    {risk, n}, evidence_negative and evidence_positive (distinct texts, most liked first, bare emoji
    and other short ones after the rest), hourly {hour, n, n_judged, n_negative} in UTC, and
    share_<sentiment> with _low and _high (null where nothing is judged).

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    complete = complete_comments(comments)
    counted = run_sql(INSIGHT_SQL, {"comments_in": complete, "all_comments_in": complete}, as_of)
    return with_share_intervals(counted)


def with_share_intervals(counted: pa.Table) -> pa.Table:
    """Return ``counted`` with share, low and high of each sentiment among the judged comments."""
    judged = counted["n_judged"].to_numpy()
    for polarity in POLARITIES:
        found = counted[f"n_{polarity}"].to_numpy()
        low, high = wilson_interval(found, judged)
        share = [k / n if n else None for k, n in zip(found, judged, strict=True)]
        for name, values in (("", share), ("_low", low), ("_high", high)):
            column = pa.array(values, pa.float64(), from_pandas=True)
            counted = counted.append_column(f"share_{polarity}{name}", column)
    return counted
