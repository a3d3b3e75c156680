"""A dimension's tables as one JSON document per person: the only part that is DuckDB's alone.

Each SELECT gives ``user_id`` and ``doc`` over the tables of ``profiles.compute``. A document has
``n`` and no member that ages with the moment it is asked for; moments are ISO 8601 in UTC.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

# of a person without rows: whoever reads emotions of many persons finds the counts in all of them
EMPTY: Final = MappingProxyType(
    {
        **dict.fromkeys(("basic", "spending", "social", "behaviour"), '{"n":0}'),
        "interest": '{"n":0,"topics":null}',
        "emotion": """{"n":0,"n_judged":0,"n_negative":0,"n_neutral":0,"n_positive":0,
            "mean_score":null,"trend":null,"by_emotion":null}""",
    }
)


def _iso(column: str) -> str:
    # without its zone a moment is written several times as fast
    return f"strftime(make_timestamp_ms(epoch_ms({column})), '%Y-%m-%dT%H:%M:%SZ')"


def _rows(table: str = "") -> str:
    prefix = f"{table}." if table else ""
    names = ", ".join(f"{prefix}row_{number}" for number in (1, 2, 3))
    return f"list_filter([{names}], lambda r: r IS NOT NULL)"


def _listed(part: str, members: str, order: tuple[str, ...], name: str) -> str:
    """Each person's rows of a part as a list, in ascending ``order``, which no two rows share.

    ``list(… ORDER BY …)`` says the same and takes five times as long.
    """
    place = ", ".join(f"'by_{number}': {one}" for number, one in enumerate(order))
    return f"""(
        SELECT user_id, list_select(list_transform(rows, lambda r: r.item),
            list_grade_up(list_transform(rows, lambda r: r.place))) AS {name}
        FROM (SELECT user_id, list({{'place': {{{place}}}, 'item': {{{members}}}}}) AS rows
              FROM {part} GROUP BY user_id)) AS {name}"""


_SEEN: Final = f"'last_seen': {_iso('last_seen')}"

_BASIC: Final = f"""
WITH together AS (
    SELECT user_id, min(platform) AS any_platform,
        coalesce(min(platform) FILTER (n_comments > 0), min(platform) FILTER (n_users > 0),
            min(platform) FILTER (n_orders > 0), min(platform)) AS platform,
        list_sort(list_distinct(list(platform))) AS platforms,
        min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM basic_spans GROUP BY user_id
), told AS (
    SELECT user_id, {
    ", ".join(
        f"max(value) FILTER (field = '{name}') AS {name}"
        for name in ("gender", "age", "region", "ip_region", "verified", "registered_at")
    )
}
    FROM basic_fields GROUP BY user_id
)
SELECT user_id, to_json({{'n': coalesce(basic_rows.n, 0)::BIGINT, 'platform': platform,
    'platforms': CASE WHEN len(platforms) > 1 THEN platforms END,
    'gender': gender, 'age': age::BIGINT, 'region': coalesce(region, ip_region),
    'verified': verified::BOOLEAN,
    'registered_at': registered_at, 'first_seen_at': {_iso("first_seen")},
    'last_seen_at': {_iso("last_seen")}, {_SEEN}, 'fields': fields}}) AS doc
FROM together LEFT JOIN told USING (user_id) LEFT JOIN basic_rows USING (user_id)
LEFT JOIN {
    _listed(
        "basic_fields",
        "'field': field, 'value': value, 'source': source, 'confidence': confidence, 'n': n, "
        f"'n_conflicts': n_conflicts, {_SEEN}, 'rows': [row_id]",
        ("field",),
        "fields",
    )
} USING (user_id)
"""
_INTEREST: Final = f"""
SELECT user_id, to_json({{'n': n, 'n_with_topic': n_with_topic, {_SEEN}, 'topics': topics}}) AS doc
FROM interest_person LEFT JOIN {
    _listed(
        "interest_topics_found",
        f"'topic': topic, 'n': n, 'weight': weight, 'share': share, 'share_7d': share_7d, "
        f"'share_90d': share_90d, 'n_comment': n_comment, 'n_purchase': n_purchase, "
        f"'n_like': n_like, 'n_watch': n_watch, {_SEEN}, 'rows': {_rows()}",
        ("share IS NULL", "-share", "-n", "topic"),
        "topics",
    )
} USING (user_id)
"""
_SPENDING: Final = f"""
SELECT user_id, to_json({{'n': n, 'amount_cny': amount_cny,
    'average_order_cny': average_order_cny, 'first_at': {_iso("first_at")},
    'last_at': {_iso("last_at")}, 'gap_days': gap_days,
    'frequency': n, 'monetary_cny': amount_cny,
    'n_discounted': n_discounted, 'discount_share': discount_share,
    'discount_share_low': discount_low, 'discount_share_high': discount_high,
    'n_refunds': n_refunds, 'refunded_cny': refunded_cny, {_SEEN},
    'categories': categories, 'rows': {_rows()}}}) AS doc
FROM spending_person LEFT JOIN {
    _listed(
        "spending_categories",
        f"'category': category, 'n': n, 'amount_cny': amount_cny, 'average_cny': average_cny, "
        f"'band': band, {_SEEN}, 'rows': {_rows()}",
        ("-amount_cny", "category"),
        "categories",
    )
} USING (user_id)
"""
_SOCIAL: Final = f"""
SELECT user_id, to_json({{'n': n, 'n_comments': n_comments, 'replies_written': replies_written,
    'mentions_written': mentions_written, 'likes_received': likes_received,
    'replies_received': replies_received, 'likes_per_comment': likes_per_comment,
    'in_degree': in_degree, 'out_degree': out_degree, 'followers': followers,
    'following': following, {_SEEN}, 'rows': {_rows()}}}) AS doc
FROM social_person
"""
_BEHAVIOUR: Final = f"""
SELECT user_id, to_json({{'n': n, 'last_stage': last_stage, 'furthest_stage': furthest_stage,
    'last_stage_at': {_iso("last_stage_at")}, 'events': events, 'paths': paths, 'hours': hours,
    'channels': channels, 'first_at': {_iso("first_at")}, 'last_at': {_iso("last_at")},
    'last_seen': {_iso("last_at")}}}) AS doc
FROM behaviour_person LEFT JOIN behaviour_stage USING (user_id)
LEFT JOIN {
    _listed("behaviour_counts", f"'event': event, 'n': n, {_SEEN}", ("-n", "event"), "events")
} USING (user_id)
LEFT JOIN {
    _listed(
        "behaviour_paths", f"'path': string_split(path, '>'), 'n': n, {_SEEN}", ("place",), "paths"
    )
} USING (user_id)
LEFT JOIN {
    _listed(
        "behaviour_hours",
        f"'weekday': hour // 24 + 1, 'hour': hour % 24, 'n': n, {_SEEN}",
        ("place",),
        "hours",
    )
} USING (user_id)
LEFT JOIN {
    _listed(
        "behaviour_channels",
        f"'platform': platform, 'n': n, 'share': share, {_SEEN}",
        ("-n", "platform"),
        "channels",
    )
} USING (user_id)
"""
_EMOTION: Final = f"""
SELECT user_id, to_json({{'n': n, 'n_judged': n_judged, 'n_negative': n_negative,
    'n_neutral': n_neutral, 'n_positive': n_positive, 'mean_score': mean_score,
    'mean_score_low': mean_low, 'mean_score_high': mean_high, 'recent_mean_score': recent_mean,
    'trend': trend, 'trend_low': trend_low, 'trend_high': trend_high, {_SEEN},
    'by_emotion': by_emotion, 'by_aspect': by_aspect,
    'telling_comments': telling_comments}}) AS doc
FROM emotion_person
LEFT JOIN {
    _listed(
        "emotion_counts", f"'emotion': emotion, 'n': n, {_SEEN}", ("-n", "emotion"), "by_emotion"
    )
} USING (user_id)
LEFT JOIN {
    _listed(
        "emotion_by_aspect",
        f"'aspect': aspect, 'n': n, 'n_negative': n_negative, 'n_neutral': n_neutral, "
        f"'n_positive': n_positive, 'mean': mean, {_SEEN}, 'rows': {_rows()}",
        ("-n", "aspect"),
        "by_aspect",
    )
} USING (user_id)
LEFT JOIN {
    _listed(
        "emotion_telling",
        f"'comment_id': comment_id, 'text': text, 'created_at': {_iso('created_at')}, "
        "'score': score",
        ("place",),
        "telling_comments",
    )
} USING (user_id)
"""
DOCUMENTS: Final = MappingProxyType(
    {
        "basic": _BASIC,
        "interest": _INTEREST,
        "spending": _SPENDING,
        "social": _SOCIAL,
        "behaviour": _BEHAVIOUR,
        "emotion": _EMOTION,
    }
)
