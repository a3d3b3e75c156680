"""The documents of a refresh in DuckDB SQL as one would write it by hand: the peer of ``benchmarks.profiles``.

Same inputs, same dimensions and lists, one JSON document per dimension and person, inserted in order of
person; no scopes, no history, no runs, no survivorship among sources.
"""

from __future__ import annotations

from profiles.dimensions.rules import rules
from profiles.insight import INSIGHT_SQL

_AT = "TIMESTAMPTZ '2026-09-30'"
_SESSION_S = 1_800
_STAGES = rules("behaviour")["stages"].values()
_STAGE = (
    "CASE "
    + " ".join(
        f"WHEN event IN ({', '.join(repr(name) for name in one['events'])}) THEN {place}"
        for place, one in enumerate(_STAGES)
    )
    + " END"
)
_CATEGORY = (
    "CASE "
    + " ".join(
        f"WHEN regexp_matches(items, '{'|'.join(one['words'])}') THEN '{name}'"
        for name, one in rules("spending")["categories"].items()
    )
    + " ELSE 'other' END"
)
_DISCOUNT = f"regexp_matches(items, '{'|'.join(rules('spending')['discount_words'])}')"


def _ids(column: str, at: str) -> str:
    return f"arg_max({column}, ({at}, {column}), 3)"


PEER_SQL = (
    "CREATE OR REPLACE TEMP VIEW comments_in AS SELECT * FROM comments",
    "CREATE OR REPLACE TEMP VIEW all_comments_in AS SELECT * FROM comments",
    f"CREATE OR REPLACE TEMP TABLE peer_insight AS {INSIGHT_SQL.replace('$as_of', _AT)}",
    f"""CREATE OR REPLACE TEMP TABLE peer_behaviour AS
        WITH steps AS (
            SELECT user_id, event, time, lag(event, 2) OVER w AS one, lag(event) OVER w AS two,
                lag(time, 2) OVER w AS t1, lag(time) OVER w AS t2
            FROM events WINDOW w AS (PARTITION BY user_id ORDER BY time, {_STAGE}, event, content_id)
        ), grams AS (
            SELECT user_id, one, two, event, count(*) AS n, max(time) AS last_seen FROM steps
            WHERE one IS NOT NULL AND epoch(time) - epoch(t2) <= {_SESSION_S} AND epoch(t2) - epoch(t1) <= {_SESSION_S}
            GROUP BY ALL
        ), paths AS (
            SELECT user_id, list({{'path': [one, two, event], 'n': n, 'last_seen': last_seen}} ORDER BY n DESC) AS paths
            FROM (FROM grams QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY n DESC, one, two, event) <= 3)
            GROUP BY user_id
        ), hours AS (
            SELECT user_id, list({{'hour': hour, 'n': n, 'last_seen': last_seen}} ORDER BY n DESC, hour) AS hours
            FROM (SELECT user_id, (epoch(time)::BIGINT // 3600 + 80) % 168 AS hour, count(*) AS n,
                      max(time) AS last_seen FROM events GROUP BY 1, 2
                  QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY n DESC, hour) <= 5) GROUP BY user_id
        ), kinds AS (
            SELECT user_id, sum(n) AS n, list({{'event': event, 'n': n, 'last_seen': last_seen}} ORDER BY n DESC, event)
                AS events, max(last_seen) AS last_at, min(first_seen) AS first_at,
                arg_max(stage, (last_seen, stage)) AS last_stage, max(stage) AS furthest
            FROM (SELECT user_id, event, {_STAGE} AS stage, count(*) AS n, max(time) AS last_seen,
                      min(time) AS first_seen FROM events GROUP BY ALL) GROUP BY user_id
        ), places AS (
            SELECT user_id, list({{'platform': platform, 'n': n, 'last_seen': last_seen}} ORDER BY n DESC) AS channels
            FROM (SELECT user_id, platform, count(*) AS n, max(time) AS last_seen FROM events GROUP BY ALL) GROUP BY user_id
        )
        SELECT user_id, to_json({{'n': n, 'last_stage': last_stage, 'furthest': furthest, 'events': events,
            'paths': paths, 'hours': hours, 'channels': channels, 'first_at': first_at, 'last_at': last_at}}) AS doc
        FROM kinds LEFT JOIN paths USING (user_id) LEFT JOIN hours USING (user_id) LEFT JOIN places USING (user_id)""",
    f"""CREATE OR REPLACE TEMP TABLE peer_interest AS
        WITH topics AS (
            SELECT user_id, comment_id, platform, content_id, created_at AS moment, item.topic, item.score
            FROM (SELECT *, unnest(interests) AS item FROM comments)
        ), about AS (
            SELECT platform, content_id, topic, round(sum(score) / sum(sum(score)) OVER (PARTITION BY platform, content_id), 1)
                AS share FROM topics GROUP BY 1, 2, 3
            QUALIFY share >= 0.2 AND sum(count(*)) OVER (PARTITION BY platform, content_id) >= 3
        ), signals AS (
            SELECT user_id, topic, score::DOUBLE AS weight, moment, 'comment:' || comment_id AS ref FROM topics
            UNION ALL
            SELECT user_id, topic, share * CASE event WHEN 'pay' THEN 2.0 WHEN 'view' THEN 0.1 ELSE 0.5 END, time,
                'event:' || event || ':' || content_id
            FROM events JOIN about USING (platform, content_id)
        ), weights AS (
            SELECT user_id, topic, count(*) AS n, max(moment) AS last_seen, {_ids("ref", "moment")} AS rows,
                sum(weight * pow(2, epoch(moment) / 2592000 - 700)) AS w30,
                sum(weight * pow(2, epoch(moment) / 604800 - 2950)) AS w7,
                sum(weight * pow(2, epoch(moment) / 7776000 - 230)) AS w90
            FROM signals GROUP BY ALL
        )
        SELECT user_id, to_json({{'n': sum(n), 'topics': list({{'topic': topic, 'n': n, 'weight': w30, 'share': s30,
            'share_7d': s7, 'share_90d': s90, 'last_seen': last_seen, 'rows': rows}} ORDER BY s30 DESC, topic)}}) AS doc
        FROM (SELECT *, w30 / sum(w30) OVER w AS s30, w7 / sum(w7) OVER w AS s7, w90 / sum(w90) OVER w AS s90
              FROM weights WINDOW w AS (PARTITION BY user_id)) GROUP BY user_id""",
    f"""CREATE OR REPLACE TEMP TABLE peer_emotion AS
        WITH base AS (
            SELECT user_id, count(*) AS n, count(sentiment) AS n_judged, count(*) FILTER (sentiment = 'negative') AS neg,
                count(*) FILTER (sentiment = 'positive') AS pos, avg(sentiment_score) AS mean, stddev(sentiment_score) AS dev,
                max(created_at) AS last_seen FROM comments GROUP BY user_id
        ), line AS (
            SELECT user_id, sum(w) AS w, sum(w * x) AS wx, sum(w * y) AS wy, sum(w * x * x) AS wxx, sum(w * x * y) AS wxy,
                sum(w * y * y) AS wyy, sum(w * w) AS ww, count(DISTINCT day) AS days
            FROM (SELECT user_id, sentiment_score::DOUBLE AS y, (epoch(created_at) - epoch(last_seen)) / 2592000 AS x,
                      greatest(p_negative, p_neutral, p_positive) * pow(2, x / 3) AS w,
                      (epoch(created_at)::BIGINT + 28800) // 86400 AS day FROM comments JOIN base USING (user_id))
            GROUP BY user_id
        ), felt AS (
            SELECT user_id, list({{'emotion': emotion, 'n': n}} ORDER BY n DESC) AS by_emotion
            FROM (SELECT user_id, emotion, count(*) AS n FROM comments GROUP BY ALL) GROUP BY user_id
        ), aspects AS (
            SELECT user_id, list({{'aspect': aspect, 'n': n, 'pos': pos, 'neg': neg, 'last_seen': last_seen, 'rows': rows}}
                ORDER BY n DESC) AS by_aspect
            FROM (SELECT user_id, item.aspect AS aspect, count(*) AS n, count(*) FILTER (item.polarity = 'positive') AS pos,
                      count(*) FILTER (item.polarity = 'negative') AS neg, max(created_at) AS last_seen,
                      {_ids("comment_id", "created_at")} AS rows
                  FROM (SELECT *, unnest(aspects) AS item FROM comments) GROUP BY ALL) GROUP BY user_id
        ), telling AS (
            SELECT user_id, list({{'comment_id': comment_id, 'text': text, 'created_at': created_at}} ORDER BY telling DESC)
                AS telling
            FROM (SELECT * FROM (SELECT *, abs(sentiment_score) * ln(2 + like_count) AS telling FROM comments
                      QUALIFY row_number() OVER (PARTITION BY user_id, trim(text) ORDER BY telling DESC) = 1)
                  QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY telling DESC, comment_id) <= 3) GROUP BY user_id
        )
        SELECT user_id, to_json({{'n': n, 'n_judged': n_judged, 'neg': neg, 'pos': pos, 'mean': mean, 'dev': dev,
            'trend': (w * wxy - wx * wy) / nullif(w * wxx - wx * wx, 0), 'recent': wy / w, 'ww': ww, 'wyy': wyy,
            'days': days, 'last_seen': last_seen, 'by_emotion': by_emotion, 'by_aspect': by_aspect, 'telling': telling}}) AS doc
        FROM base LEFT JOIN line USING (user_id) LEFT JOIN felt USING (user_id) LEFT JOIN aspects USING (user_id)
            LEFT JOIN telling USING (user_id)""",
    f"""CREATE OR REPLACE TEMP TABLE peer_spending AS
        WITH bought AS (SELECT *, {_CATEGORY} AS category, {_DISCOUNT} AS cheap FROM orders),
        groups AS (
            SELECT user_id, list({{'category': category, 'n': n, 'amount': amount, 'rows': rows}} ORDER BY amount DESC) AS cats
            FROM (SELECT user_id, category, count(*) AS n, sum(amount_cny) AS amount, {_ids("order_id", "time")} AS rows
                  FROM bought GROUP BY ALL) GROUP BY user_id
        )
        SELECT user_id, to_json({{'n': count(*), 'amount': sum(amount_cny), 'average': avg(amount_cny), 'first': min(time),
            'last': max(time), 'cheap': count(*) FILTER (cheap), 'rows': {_ids("order_id", "time")},
            'cats': any_value(cats)}}) AS doc
        FROM bought JOIN groups USING (user_id) GROUP BY user_id""",
    f"""CREATE OR REPLACE TEMP TABLE peer_social AS
        SELECT user_id, to_json({{'n': count(*), 'replies': count(parent_id), 'likes': sum(like_count),
            'mentions': count(*) FILTER (regexp_matches(text, '@[^ ]')), 'replied': sum(reply_count),
            'last_seen': max(created_at), 'followers': any_value(follower_count),
            'rows': {_ids("comment_id", "created_at")}}}) AS doc
        FROM comments LEFT JOIN (SELECT user_id, sum(follower_count) AS follower_count FROM users GROUP BY 1) USING (user_id)
        GROUP BY user_id""",
    """CREATE OR REPLACE TEMP TABLE peer_basic AS
        WITH spans AS (
            SELECT user_id, min(platform) AS platform, min(moment) AS first_seen, max(moment) AS last_seen, count(*) AS n
            FROM (SELECT user_id, platform, created_at AS moment FROM comments UNION ALL
                  SELECT user_id, platform, time FROM events UNION ALL SELECT user_id, platform, time FROM orders)
            GROUP BY user_id
        ), places AS (
            SELECT user_id, arg_max(region, (n, region)) AS region
            FROM (SELECT user_id, region, count(*) AS n FROM comments GROUP BY ALL) GROUP BY user_id
        )
        SELECT user_id, to_json({'n': n, 'platform': spans.platform, 'gender': gender, 'region': places.region,
            'first_seen': first_seen, 'last_seen': last_seen}) AS doc
        FROM spans LEFT JOIN users USING (user_id) LEFT JOIN places USING (user_id)""",
    """CREATE OR REPLACE TABLE peer_profiles AS
        SELECT user_id AS person_id, b.doc AS basic, i.doc AS interest, s.doc AS spending, o.doc AS social,
            v.doc AS behaviour, m.doc AS emotion, md5(concat_ws('|', b.doc, i.doc, s.doc, o.doc, v.doc, m.doc)) AS fingerprint
        FROM peer_basic AS b LEFT JOIN peer_interest AS i USING (user_id) LEFT JOIN peer_spending AS s USING (user_id)
            LEFT JOIN peer_social AS o USING (user_id) LEFT JOIN peer_behaviour AS v USING (user_id)
            LEFT JOIN peer_emotion AS m USING (user_id) ORDER BY user_id""",
    "DROP TABLE peer_profiles",
)
