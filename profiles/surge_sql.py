"""The counts behind ``profiles.surge``: every unit and day with what its past lets expect.

A unit is the brand (all contents together) or one content. What is normal comes from the unit's own
days before (``basis`` own) or, for a content younger than ``MIN_HISTORY_DAYS``, from the busiest of
the first days of earlier contents (``basis`` first_days); a content that was there when the data
begin has no known first day. Days without comments count as zero.
"""

from __future__ import annotations

from typing import Final

from profiles.overview import EVIDENCE, MAX_EVIDENCE, MOST_LIKED
from profiles.sql import LOCAL_DAY, LOCAL_ZONE, TELLS

MIN_NEGATIVES: Final = 8  # fewer on a day are no surge, however unusual
HISTORY_DAYS: Final = 14
MIN_HISTORY_DAYS: Final = 3
MIN_EARLIER_CONTENTS: Final = 3
MAX_CONCERNED: Final = 6

_SCOPE: Final = "CASE WHEN grouping(content_id) = 1 THEN 'brand' ELSE 'content' END AS scope"
_SAME_UNIT: Final = """{0}.scope = {1}.scope AND {0}.day = {1}.day
    AND {0}.platform IS NOT DISTINCT FROM {1}.platform
    AND {0}.content_id IS NOT DISTINCT FROM {1}.content_id"""

SURGE_SQL: Final = f"""
WITH dated AS (
    SELECT *, coalesce(like_count, 0) AS likes, sentiment_score::DOUBLE AS score,
        {TELLS} AS tells, {LOCAL_DAY} AS day, hour(timezone('{LOCAL_ZONE}', created_at)) AS hour
    FROM comments_in WHERE created_at <= $as_of
),
daily AS (
    SELECT {_SCOPE}, platform, content_id, day, count(*) AS n, count(sentiment) AS n_judged,
        count(*) FILTER (sentiment = 'negative') AS n_negative,
        map_entries(histogram(hour) FILTER (sentiment = 'negative')) AS hours,
        max_by({EVIDENCE}, ({MOST_LIKED}), {MAX_EVIDENCE})
            FILTER (sentiment = 'negative') AS evidence
    FROM dated GROUP BY GROUPING SETS ((platform, content_id, day), (day))
    HAVING grouping(content_id) = 1 OR content_id IS NOT NULL
),
history AS (
    SELECT *, min(day) OVER unit AS first_day, least({HISTORY_DAYS}, day - first_day) AS own_days,
        coalesce(sum(n_negative) OVER before, 0)::DOUBLE AS own_sum,
        coalesce(sum(n_negative * n_negative) OVER before, 0)::DOUBLE AS own_squares,
        own_sum / nullif(sum(n_judged) OVER before, 0) AS own_share
    FROM daily
    WINDOW unit AS (PARTITION BY scope, platform, content_id),
        before AS (PARTITION BY scope, platform, content_id ORDER BY day
            RANGE BETWEEN INTERVAL {HISTORY_DAYS} DAY PRECEDING AND INTERVAL 1 DAY PRECEDING)
),
peaks AS (  -- per content the busiest of its first days, known once they are over
    SELECT first_day + {MIN_HISTORY_DAYS} AS known_on, max(n_negative) AS peak
    FROM history
    WHERE scope = 'content' AND own_days < {MIN_HISTORY_DAYS}
        AND first_day > (SELECT min(day) FROM daily)
    GROUP BY platform, content_id, first_day
),
first_days AS (
    SELECT known_on, sum(count(*)) OVER upto AS n_contents,
        (sum(sum(peak)) OVER upto)::DOUBLE AS peak_sum,
        (sum(sum(peak * peak)) OVER upto)::DOUBLE AS peak_squares
    FROM peaks GROUP BY known_on WINDOW upto AS (ORDER BY known_on)
),
expected AS (
    SELECT unit.*, own_days >= {MIN_HISTORY_DAYS} AS own,
        CASE WHEN own THEN 'own' ELSE 'first_days' END AS basis,
        CASE WHEN own THEN own_days ELSE n_contents END AS n_basis,
        CASE WHEN own THEN own_sum ELSE peak_sum END AS basis_sum,
        CASE WHEN own THEN own_squares ELSE peak_squares END AS basis_squares,
        CASE WHEN own THEN own_share ELSE brand_share END AS share_before
    FROM history AS unit
        ASOF LEFT JOIN first_days ON unit.day >= first_days.known_on
        LEFT JOIN (SELECT day AS brand_day, own_share AS brand_share FROM history
                   WHERE scope = 'brand') ON unit.day = brand_day
    WHERE own OR (scope = 'content' AND n_contents >= {MIN_EARLIER_CONTENTS})
),
candidates AS (
    SELECT * FROM (SELECT *, count(*) OVER (PARTITION BY day) AS n_tested FROM expected)
    WHERE n_negative >= {MIN_NEGATIVES} AND n_negative > basis_sum / n_basis
),
risky AS (
    SELECT scope, platform, content_id, day,
        list({{'risk': risk, 'n': n}} ORDER BY n DESC, risk) AS risks
    FROM (SELECT {_SCOPE}, platform, content_id, day, risk, count(*) AS n
          FROM (SELECT platform, content_id, day, unnest(list_distinct(risks)) AS risk FROM dated)
          GROUP BY GROUPING SETS ((platform, content_id, day, risk), (day, risk)))
    GROUP BY ALL
),
concerned AS (  -- the contents behind a brand's day
    SELECT 'brand' AS scope, day,
        list({{'platform': platform, 'content_id': content_id, 'n_negative': n_negative,
            'expected': normal, 'evidence': evidence}}
            ORDER BY n_negative - coalesce(normal, 0) DESC, platform, content_id
        )[1:{MAX_CONCERNED}] AS contents
    FROM (SELECT *, CASE WHEN own_days >= {MIN_HISTORY_DAYS} THEN own_sum / own_days END AS normal
          FROM history)
    WHERE scope = 'content' AND n_negative >= {MIN_NEGATIVES} AND n_negative > coalesce(normal, 0)
    GROUP BY day
)
SELECT c.scope, c.platform, c.content_id, c.day, c.n, c.n_judged, c.n_negative, c.hours,
    c.basis, c.n_basis::BIGINT AS n_basis, c.basis_sum, c.basis_squares, c.share_before,
    c.n_tested::BIGINT AS n_tested, c.evidence,
    coalesce(risks, []) AS risks, coalesce(contents, []) AS contents
FROM candidates AS c
    LEFT JOIN risky ON {_SAME_UNIT.format("risky", "c")}
    LEFT JOIN concerned ON c.scope = concerned.scope AND c.day = concerned.day
ORDER BY c.day, c.scope, c.n_negative DESC, c.platform, c.content_id
"""
