"""A full refresh in DuckDB SQL as one would write it by hand: the peer of ``benchmarks.profiles``.

The same inputs, and the same rows in the same tables: persons, profiles with every member of every
document and its fingerprint, the history's first rows, content insights and topics. The test
``tests/benchmarks/test_profiles_peer.py`` compares them byte by byte. The lists of a document are
put together by the statements of ``profiles.documents``, which are DuckDB SQL written by hand
already; what is compared here are the dimensions' own tables, the scopes, and what the refresh
writes about itself.

The hand has it easier in three things: accounts are persons (nobody is put together), nothing is
undated, and persons keep their text keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from profiles.dimensions import DIMENSIONS
from profiles.dimensions.rules import rules
from profiles.documents import DOCUMENTS, EMPTY
from profiles.insight import INSIGHT_SQL, with_share_intervals
from profiles.signals import EVENT_SIGNALS, SIGNAL_WEIGHTS
from profiles.store.duckdb_store import DuckDBStore

_STAGES: Final = rules("behaviour")["stages"]
_STAGE: Final = (
    "CASE "
    + " ".join(
        f"WHEN event IN ({', '.join(repr(name) for name in one['events'])}) THEN {place}"
        for place, one in enumerate(_STAGES.values())
    )
    + " END"
)
_STAGE_NAMES: Final = "[" + ", ".join(repr(name) for name in _STAGES) + "]"
_GOODS: Final = rules("spending")
_CATEGORY: Final = (
    "CASE "
    + " ".join(
        f"WHEN regexp_matches(items, '{'|'.join(one['words'])}') THEN '{name}'"
        for name, one in _GOODS["categories"].items()
    )
    + " ELSE 'other' END"
)
_BANDS: Final = "CASE category " + " ".join(
    f"WHEN '{name}' THEN {{'low': {one['bands'][0]}, 'high': {one['bands'][1]}}}"
    for name, one in [*_GOODS["categories"].items(), ("other", _GOODS["other"])]
)
_DISCOUNT: Final = f"regexp_matches(items, '{'|'.join(_GOODS['discount_words'])}')"
_REFUND: Final = ", ".join(f"'{name}'" for name in _GOODS["refund_events"])
_KIND: Final = (
    "CASE event " + " ".join(f"WHEN '{k}' THEN '{v}'" for k, v in EVENT_SIGNALS.items()) + " END"
)
_WORTH: Final = (
    "CASE kind " + " ".join(f"WHEN '{k}' THEN {v}" for k, v in SIGNAL_WEIGHTS.items()) + " END"
)


def _newest(source: str, by: str, at: str, ref: str) -> str:
    """The ids of the three newest rows of each group."""
    listed = ", ".join(f"max({ref}) FILTER (place = {n}) AS row_{n}" for n in (1, 2, 3))
    return f"""(SELECT {by}, {listed} FROM (
        SELECT {by}, {ref}, row_number() OVER (PARTITION BY {by} ORDER BY {at} DESC, {ref} DESC) AS place
        FROM {source} QUALIFY place <= 3) GROUP BY {by})"""


_PARTS: Final = {
    "peer_topics": """
        WITH told AS (
            SELECT platform, content_id, created_at, unnest(interests) AS item,
                generate_subscripts(interests, 1) AS place FROM comments
        ), scored AS (
            SELECT platform, content_id, item.topic AS topic, sum(round(item.score::DOUBLE * 1e9)::BIGINT) AS total,
                count(*) FILTER (place = 1) AS firsts FROM told WHERE item.score > 0 GROUP BY ALL
        )
        SELECT platform, content_id, topic, round(total / whole, 1) AS share,
            row_number() OVER (PARTITION BY platform, content_id ORDER BY total DESC, topic) AS place
        FROM (SELECT *, sum(total) OVER w AS whole, sum(firsts) OVER w AS n_told FROM scored
              WINDOW w AS (PARTITION BY platform, content_id))
        WHERE n_told >= 3 AND total / whole >= 0.2""",
    "basic_spans": """
        SELECT user_id, platform, sum(n_comments) AS n_comments, sum(n_users) AS n_users, sum(n_events) AS n_events,
            sum(n_orders) AS n_orders, min(first_seen) AS first_seen, max(last_seen) AS last_seen
        FROM (SELECT user_id, platform, count(*) AS n_comments, 0 AS n_users, 0 AS n_events, 0 AS n_orders,
                  min(created_at) AS first_seen, max(created_at) AS last_seen FROM comments GROUP BY ALL
              UNION ALL SELECT user_id, platform, 0, 0, count(*), 0, min(time), max(time) FROM events GROUP BY ALL
              UNION ALL SELECT user_id, platform, 0, 0, 0, count(*), min(time), max(time) FROM orders GROUP BY ALL
              UNION ALL SELECT user_id, platform, 0, count(*), 0, 0, NULL, NULL FROM users GROUP BY ALL)
        GROUP BY user_id, platform""",
    "said": """
        SELECT user_id, 'gender' AS field, gender AS value, 'users:' || platform AS source, 0.7 AS belief, 1 AS n,
            NULL::TIMESTAMPTZ AS last_seen, user_id AS row_id FROM users WHERE gender IS NOT NULL
        UNION ALL SELECT user_id, 'age', age::VARCHAR, 'users:' || platform, 0.7, 1, NULL, user_id
            FROM users WHERE age IS NOT NULL
        UNION ALL SELECT user_id, 'region', region, 'users:' || platform, 0.7, 1, NULL, user_id
            FROM users WHERE region IS NOT NULL
        UNION ALL SELECT user_id, 'verified', verified::VARCHAR, 'users:' || platform, 0.8, 1, NULL, user_id
            FROM users WHERE verified IS NOT NULL
        UNION ALL SELECT user_id, 'registered_at', strftime(created_at, '%Y-%m-%d'), 'users:' || platform, 0.8, 1,
            NULL, user_id FROM users WHERE created_at IS NOT NULL
        UNION ALL SELECT user_id, 'ip_region', region, 'comments:' || platform, 0.6, count(*), max(created_at),
            max(comment_id) FROM comments WHERE region IS NOT NULL GROUP BY user_id, platform, region""",
    "basic_rows": """
        SELECT user_id, coalesce(sum(n) FILTER (field = 'ip_region'), 0)
            + count(DISTINCT row_id) FILTER (field <> 'ip_region') AS n FROM said GROUP BY user_id""",
    "basic_fields": """
        SELECT user_id, field, value, source, round(round(belief * same / whole, 6), 2) AS confidence, n_same AS n,
            n_values - 1 AS n_conflicts, latest AS last_seen, row_id
        FROM (SELECT *, sum(belief) OVER told AS same, sum(n) OVER told AS n_same, max(last_seen) OVER told AS latest,
                  sum(belief) OVER whole AS whole, count(DISTINCT value) OVER whole AS n_values,
                  row_number() OVER (PARTITION BY user_id, field
                      ORDER BY last_seen DESC NULLS LAST, n DESC, value, source, row_id) AS place
              FROM said WINDOW told AS (PARTITION BY user_id, field, value), whole AS (PARTITION BY user_id, field))
        WHERE place = 1""",
    "given": f"""
        SELECT user_id, topic, kind, share * {_WORTH} AS weight, time AS moment, place,
            'event:' || event || ':' || content_id AS ref
        FROM (SELECT *, {_KIND} AS kind FROM events) JOIN peer_topics USING (platform, content_id)
        WHERE kind IS NOT NULL
        UNION ALL
        SELECT user_id, item.topic, 'comment', item.score::DOUBLE, created_at, place, 'comment:' || comment_id
        FROM (SELECT *, unnest(interests) AS item, generate_subscripts(interests, 1) AS place FROM comments)""",
    "interest_person": """
        SELECT user_id, count(*) FILTER (place = 1) AS n,
            count(*) FILTER (place = 1 AND kind = 'comment') AS n_with_topic, max(moment) AS last_seen
        FROM given GROUP BY user_id""",
    "interest_topics_found": f"""
        WITH aged AS (
            SELECT g.*, epoch(last_seen::TIMESTAMP)::BIGINT - epoch(moment::TIMESTAMP)::BIGINT AS age_s
            FROM given AS g JOIN interest_person USING (user_id)
        ), counted AS (
            SELECT user_id, topic, count(*) AS n, {
        ", ".join(f"count(*) FILTER (kind = '{k}') AS n_{k}" for k in SIGNAL_WEIGHTS)
    }, max(moment) AS last_seen, {
        ", ".join(
            f"sum(round(weight * pow(2.0, age_s::DOUBLE / (-86400 * {days}.0)) * 1e9)::BIGINT)::BIGINT AS w{days}"
            for days in (7, 30, 90)
        )
    } FROM aged GROUP BY user_id, topic
        )
        SELECT counted.*, round(w30 / 1e9, 6) AS weight, round(w30 / nullif(sum(w30) OVER w, 0), 6) AS share,
            round(w7 / nullif(sum(w7) OVER w, 0), 6) AS share_7d, round(w90 / nullif(sum(w90) OVER w, 0), 6) AS share_90d,
            row_1, row_2, row_3
        FROM counted JOIN {
        _newest("given", "user_id, topic", "moment", "ref")
    } USING (user_id, topic)
        WINDOW w AS (PARTITION BY user_id)""",
    "bought": f"""
        SELECT *, round(amount_cny * 100)::BIGINT AS cents, {_CATEGORY} AS category, {_DISCOUNT} AS cheap FROM orders""",
    "spending_person": f"""
        WITH told AS (
            SELECT user_id, count(*) AS n, sum(cents) AS cents, count(*) FILTER (cheap) AS n_discounted,
                min(time) AS first_at, max(time) AS last_at FROM bought GROUP BY user_id
        ), back AS (
            SELECT user_id, count(*) AS n_back, max(time) AS at FROM events WHERE event IN ({_REFUND}) GROUP BY user_id
        ), rated AS (
            SELECT *, n_discounted / n AS share, pow(1.959963984540054, 2) AS square,
                1.959963984540054 * sqrt(share * (1 - share) / n + square / (n * n * 4.0)) AS half FROM told
        )
        SELECT user_id, coalesce(n, 0) AS n, round(cents / 100.0, 2) AS amount_cny,
            round(round(cents / (n * 100), 6), 2) AS average_order_cny, first_at, last_at,
            round((epoch(last_at::TIMESTAMP) - epoch(first_at::TIMESTAMP)) / 86400.0 / nullif(n - 1, 0), 1) AS gap_days,
            n_discounted, CASE WHEN n >= 3 THEN round(share, 6) END AS discount_share,
            CASE WHEN n >= 3 THEN round(greatest((share + square / (n * 2.0) - half) / (1 + square / n), 0), 6) END
                AS discount_low,
            CASE WHEN n >= 3 THEN round(least((share + square / (n * 2.0) + half) / (1 + square / n), 1), 6) END
                AS discount_high,
            coalesce(n_back, 0) AS n_refunds, NULL::DOUBLE AS refunded_cny,
            greatest(coalesce(last_at, back.at), coalesce(back.at, last_at)) AS last_seen, row_1, row_2, row_3
        FROM rated FULL JOIN back USING (user_id)
            LEFT JOIN {_newest("bought", "user_id", "time", "order_id")} USING (user_id)""",
    "spending_categories": f"""
        SELECT user_id, category, n, round(cents / 100.0, 2) AS amount_cny,
            round(round(cents / (n * 100), 6), 2) AS average_cny, last_seen,
            CASE WHEN average_cny < ({_BANDS} END).low THEN 'low' WHEN average_cny < ({_BANDS} END).high
                THEN 'middle' ELSE 'high' END AS band, row_1, row_2, row_3
        FROM (SELECT user_id, category, count(*) AS n, sum(cents) AS cents, max(time) AS last_seen FROM bought GROUP BY ALL)
            JOIN {_newest("bought", "user_id, category", "time", "order_id")} USING (user_id, category)""",
    "social_person": f"""
        WITH spoken AS (
            SELECT user_id, count(*) AS n_comments, count(parent_id) AS replies_written,
                count(*) FILTER (regexp_matches(text, '(^|[^0-9A-Za-z_])@[^\\s@,，。:：]')) AS mentions_written,
                sum(like_count) AS likes_received, sum(reply_count) AS replies_received, max(created_at) AS last_seen
            FROM comments GROUP BY user_id
        ), known AS (
            SELECT user_id, sum(follower_count) AS followers, sum(following_count) AS following FROM users GROUP BY user_id
        )
        SELECT user_id, coalesce(n_comments, 0) AS n, coalesce(n_comments, 0) AS n_comments,
            coalesce(replies_written, 0) AS replies_written, coalesce(mentions_written, 0) AS mentions_written,
            likes_received, replies_received,
            round(round(likes_received / n_comments, 6), 2) AS likes_per_comment, 0 AS in_degree, 0 AS out_degree,
            followers, following, last_seen, row_1, row_2, row_3
        FROM known FULL JOIN spoken USING (user_id)
            LEFT JOIN {_newest("comments", "user_id", "created_at", "comment_id")} USING (user_id)""",
    "behaviour_counts": """
        SELECT user_id, event, count(*) AS n, max(time) AS last_seen, min(time) AS first_seen FROM events GROUP BY ALL""",
    "behaviour_person": """
        SELECT user_id, sum(n)::BIGINT AS n, min(first_seen) AS first_at, max(last_seen) AS last_at
        FROM behaviour_counts GROUP BY user_id""",
    "behaviour_stage": f"""
        SELECT user_id, {_STAGE_NAMES}[1 + arg_max(stage, (last_seen, stage))] AS last_stage,
            max(last_seen) AS last_stage_at, {_STAGE_NAMES}[1 + max(stage)] AS furthest_stage
        FROM (SELECT *, {_STAGE} AS stage FROM behaviour_counts) WHERE stage IS NOT NULL GROUP BY user_id""",
    "behaviour_channels": """
        SELECT user_id, platform, n, round(n / sum(n) OVER (PARTITION BY user_id), 6) AS share, last_seen
        FROM (SELECT user_id, platform, count(*) AS n, max(time) AS last_seen FROM events GROUP BY ALL)""",
    "behaviour_hours": """
        SELECT user_id, hour, n, last_seen, row_number() OVER (PARTITION BY user_id ORDER BY n DESC, hour) AS place
        FROM (SELECT user_id, (epoch_ms(time) // 3600000 + 80) % 168 AS hour, count(*) AS n, max(time) AS last_seen
              FROM events GROUP BY 1, 2) QUALIFY place <= 5""",
    "behaviour_paths": f"""
        WITH steps AS (
            SELECT user_id, event, time, lag(event, 2) OVER w AS one, lag(event) OVER w AS two,
                lag(time, 2) OVER w AS t1, lag(time) OVER w AS t2
            FROM events
            WINDOW w AS (PARTITION BY user_id ORDER BY time, coalesce({_STAGE}, -1), event, coalesce(content_id, ''))
        ), grams AS (
            SELECT user_id, one || '>' || two || '>' || event AS path, count(*) AS n, max(time) AS last_seen FROM steps
            WHERE one IS NOT NULL AND epoch_ms(time) // 1000 - epoch_ms(t2) // 1000 <= 1800
                AND epoch_ms(t2) // 1000 - epoch_ms(t1) // 1000 <= 1800 GROUP BY ALL
        )
        SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY n DESC, path) AS place FROM grams QUALIFY place <= 3""",
    "judged": """
        SELECT *, round(sentiment_score::DOUBLE * 1e9)::BIGINT AS score, score / 1e9 AS s,
            greatest(p_negative, p_neutral, p_positive)::DOUBLE AS sure FROM comments""",
    "emotion_person": """
        WITH base AS (
            SELECT user_id, count(*) AS n, count(sentiment) AS n_judged, count(*) FILTER (sentiment = 'negative') AS n_negative,
                count(*) FILTER (sentiment = 'neutral') AS n_neutral, count(*) FILTER (sentiment = 'positive') AS n_positive,
                max(created_at) AS last_seen, sum(score)::DOUBLE / 1e9 AS y, sum(round(s * s * 1e9)::BIGINT)::DOUBLE / 1e9 AS yy
            FROM judged GROUP BY user_id
        ), dated AS (
            SELECT user_id, s, epoch(last_seen::TIMESTAMP) - epoch(created_at::TIMESTAMP) AS age_s,
                age_s / -2592000.0 AS x, sure * pow(2.0, age_s / (-86400 * 90.0)) AS w,
                (epoch_ms(created_at) // 1000 + 28800) // 86400 AS day
            FROM judged JOIN base USING (user_id)
        ), line AS (
            SELECT user_id, count(*) AS n_dated, count(DISTINCT day) AS n_days, sum(round(w * 1e9)::BIGINT)::DOUBLE AS w,
                sum(round(w * w * 1e9)::BIGINT)::DOUBLE AS ww, sum(round(w * x * 1e9)::BIGINT)::DOUBLE AS wx,
                sum(round(w * s * 1e9)::BIGINT)::DOUBLE AS wy, sum(round(w * x * x * 1e9)::BIGINT)::DOUBLE AS wxx,
                sum(round(w * x * s * 1e9)::BIGINT)::DOUBLE AS wxy, sum(round(w * s * s * 1e9)::BIGINT)::DOUBLE AS wyy
            FROM (SELECT user_id, s, x, day, w AS w FROM dated) GROUP BY user_id
        ), shaped AS (
            SELECT *, y / n AS mean, sqrt(greatest(yy / n - mean * mean, 0) / nullif(n - 1, 0)) * 1.959963984540054 AS half,
                wx / w AS mx, wy / w AS my, wxx / w - mx * mx AS sxx, wxy / w - mx * my AS sxy, wyy / w - my * my AS syy,
                (w / 1e9) * (w / ww) AS kish,
                n_dated >= 5 AND n_days >= 3 AND kish >= 3.5 AND sxx > 1e-9 AS enough,
                CASE WHEN enough THEN sxy / nullif(sxx, 0) END AS slope
            FROM base JOIN line USING (user_id)
        ), bounded AS (
            SELECT *, 1.0 / nullif(kish - 2.0, 0.0) AS inverse, 1.959963984540054 AS z,
                z + inverse * ((z ** 3 + z) / 4 + inverse * ((5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
                    + inverse * ((3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384))) AS student,
                student * sqrt(greatest(syy - slope * sxy, 0) / abs(nullif(kish - 2.0, 0.0) * sxx)) AS around
            FROM shaped
        )
        SELECT user_id, n, n_judged, n_negative, n_neutral, n_positive, last_seen,
            CASE WHEN n >= 3 THEN round(mean, 6) END AS mean_score,
            CASE WHEN n >= 3 THEN round(greatest(mean - half, -1), 6) END AS mean_low,
            CASE WHEN n >= 3 THEN round(least(mean + half, 1), 6) END AS mean_high,
            CASE WHEN n >= 3 THEN round(my, 6) END AS recent_mean, round(slope, 6) AS trend,
            round(slope - around, 6) AS trend_low, round(slope + around, 6) AS trend_high
        FROM bounded""",
    "emotion_counts": """
        SELECT user_id, emotion, count(*) AS n, max(created_at) AS last_seen FROM comments
        WHERE emotion IS NOT NULL GROUP BY ALL""",
    "spoken_of": """
        SELECT user_id, comment_id, created_at, item.aspect AS aspect, item.polarity AS polarity
        FROM (SELECT user_id, comment_id, created_at, unnest(aspects) AS item FROM comments)""",
    "emotion_by_aspect": f"""
        SELECT *, round((n_positive - n_negative) / n, 6) AS mean
        FROM (SELECT user_id, aspect, count(*) AS n, count(*) FILTER (polarity = 'negative') AS n_negative,
                  count(*) FILTER (polarity = 'neutral') AS n_neutral, count(*) FILTER (polarity = 'positive') AS n_positive,
                  max(created_at) AS last_seen FROM spoken_of GROUP BY ALL)
            JOIN {_newest("spoken_of", "user_id, aspect", "created_at", "comment_id")} USING (user_id, aspect)""",
    "emotion_telling": """
        SELECT user_id, comment_id, text, created_at, round(s, 6) AS score,
            row_number() OVER (PARTITION BY user_id ORDER BY telling DESC, comment_id) AS place
        FROM (SELECT *, round(abs(s) * ln(2.0 + greatest(coalesce(like_count, 0), 0)), 6) AS telling FROM judged
              WHERE text IS NOT NULL
              QUALIFY row_number() OVER (PARTITION BY user_id, trim(text) ORDER BY telling DESC, comment_id) = 1)
        QUALIFY place <= 3""",
}
_FOR: Final = ("peer_topics", "said", "given", "bought", "judged", "spoken_of")  # not in documents
_FRESH: Final = f"""
CREATE OR REPLACE TEMP TABLE peer_fresh AS
WITH seen AS (
    SELECT user_id, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at,
        sum(n_comments)::BIGINT AS n_comments, sum(n_events)::BIGINT AS n_events, sum(n_orders)::BIGINT AS n_orders,
        coalesce(min(platform) FILTER (n_comments > 0), min(platform) FILTER (n_users > 0),
            min(platform) FILTER (n_orders > 0), min(platform)) AS platform
    FROM basic_spans GROUP BY user_id
), described AS (
    SELECT seen.* RENAME (user_id AS person_id),
        {", ".join(f"coalesce({one}_doc.doc, '{EMPTY[one]}'::JSON) AS {one}" for one in DIMENSIONS)}
    FROM seen {" ".join(f"LEFT JOIN {one}_doc USING (user_id)" for one in DIMENSIONS)}
)
SELECT *, md5(concat_ws(chr(31), {", ".join(DIMENSIONS)})) AS fingerprint FROM described ORDER BY person_id"""
_PROFILE: Final = f"person_id, {', '.join(DIMENSIONS)}, fingerprint"
WRITTEN: Final = {
    "persons": """SELECT person_id, platform, first_seen_at, last_seen_at, n_comments, n_events, n_orders
        FROM peer_fresh""",
    "profiles": f"SELECT {_PROFILE} FROM peer_fresh",
    "profile_history": f"SELECT {_PROFILE} FROM peer_fresh",
    "content_topics": "SELECT * FROM peer_topics ORDER BY platform, content_id, place",
}


def refresh_by_hand(store: DuckDBStore, as_of: datetime) -> None:
    """Make ``peer_<table>`` of everything that a first refresh writes, in one transaction."""
    with store.transaction():
        for name, sql in _PARTS.items():
            store.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        for name, sql in DOCUMENTS.items():
            store.execute(f"CREATE OR REPLACE TEMP TABLE {name}_doc AS {sql}")
        store.execute(_FRESH)
        for name, sql in WRITTEN.items():
            store.execute(f"CREATE OR REPLACE TABLE by_hand_{name} AS {sql}")
        store.execute("CREATE OR REPLACE TEMP VIEW comments_in AS SELECT * FROM comments")
        store.execute("CREATE OR REPLACE TEMP VIEW all_comments_in AS SELECT * FROM comments")
        insights = with_share_intervals(store.read(INSIGHT_SQL, {"as_of": as_of}))
        with store.registered("insights_in", insights):
            store.execute("CREATE OR REPLACE TABLE by_hand_content_insights AS FROM insights_in")


def drop_by_hand(store: DuckDBStore) -> None:
    """Give back what ``refresh_by_hand`` made."""
    for name in (*WRITTEN, "content_insights"):
        store.execute(f"DROP TABLE by_hand_{name}")
    for name in (*_PARTS, *(f"{one}_doc" for one in DIMENSIONS), "peer_fresh"):
        store.execute(f"DROP TABLE {name}")
