"""Emotional attitude: how a person speaks, in the mean, lately, by aspect, and in which words.

``recent_mean`` and the trend weigh a comment by what the model is sure of (its largest class
probability) and by its age against the person's newest judged comment, halved every
``HALF_LIFE_DAYS``. The trend is the weighted least-squares slope of the score, in score per 30
days; its interval is Student's with Kish's effective number of comments (Σw)²/Σw², the quantile
after Abramowitz and Stegun 26.7.5. Undated comments count in totals and quotes, not in what is
weighed by age.

Below ``MIN_JUDGED`` judged comments there is no mean, below ``MIN_TREND_COMMENTS`` on
``MIN_TREND_DAYS`` days no trend.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import (
    DAY_S,
    LOCAL_S,
    SCALE,
    fixed,
    halved,
    ratio,
    real,
    seconds,
    visible,
    with_newest,
)
from profiles.intervals import Z_95

MIN_JUDGED: Final = 3
MIN_TREND_COMMENTS: Final = 5
MIN_TREND_DAYS: Final = 3
MIN_EFFECTIVE: Final = 3.5  # comments; with fewer the interval is wider than the scale of scores
HALF_LIFE_DAYS: Final = 90.0
TREND_UNIT_DAYS: Final = 30
MAX_TELLING: Final = 3
_POLARITIES: Final = ("negative", "neutral", "positive")


def emotion_by_person(comments: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person who commented.

    Columns: user_id, n, n_judged, n_<sentiment>, last_seen, mean_score with _low and _high (-1..1),
    recent_mean, trend with _low and _high (score per 30 days), n_effective. Real numbers have six
    decimals.
    """
    seen = _scored(comments, as_of)
    judged = seen.score.notnull()
    totals = seen.group_by("user_id").aggregate(
        n=seen.count(),
        n_judged=seen.sentiment.count(),
        **{f"n_{p}": seen.count(where=seen.sentiment == p) for p in _POLARITIES},
        last_seen=seen.created_at.max(),
        newest=seen.created_at.max(where=judged),
        y=seen.score.sum(),
        yy=fixed(real(seen.score) * real(seen.score)).sum(),
        k=seen.score.count(),
    )
    line = _line(seen, totals.select("user_id", "newest"))
    found = totals.left_join(line, "user_id").drop("user_id_right")
    mean, half = _mean(found)
    slope, around = _slope(found)
    enough = found.k >= MIN_JUDGED
    return found.select(
        "user_id",
        "n",
        "n_judged",
        *(f"n_{p}" for p in _POLARITIES),
        "last_seen",
        mean_score=enough.ifelse(mean.round(6), None),
        mean_low=enough.ifelse(ibis.greatest(mean - half, -1.0).round(6), None),
        mean_high=enough.ifelse(ibis.least(mean + half, 1.0).round(6), None),
        recent_mean=enough.ifelse(ratio(found.wy, found.w), None),
        trend=slope.round(6),
        trend_low=(slope - around).round(6),
        trend_high=(slope + around).round(6),
    )


def emotions_counted(comments: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person and emotion: user_id, emotion, n, last_seen."""
    seen = visible(comments, as_of).filter(lambda t: t.emotion.notnull())
    return seen.group_by("user_id", "emotion").aggregate(
        n=seen.count(), last_seen=seen.created_at.max()
    )


def attitude_by_aspect(aspects: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person and aspect spoken of.

    Columns: user_id, aspect, n, n_<polarity>, mean (-1..1, positive less negative over n),
    last_seen, and the comment ids row_1 to row_3 of the newest.
    """
    seen = visible(aspects, as_of)
    counted = seen.group_by("user_id", "aspect").aggregate(
        n=seen.count(),
        **{f"n_{p}": seen.count(where=seen.polarity == p) for p in _POLARITIES},
        last_seen=seen.created_at.max(),
    )
    counted = counted.mutate(mean=ratio(counted.n_positive - counted.n_negative, counted.n))
    return with_newest(counted, seen, ["user_id", "aspect"], at="created_at", ref="comment_id")


def telling_comments(comments: ir.Table, as_of: datetime) -> ir.Table:
    """Return at most three comments per person that say most: highest |score|·ln(2 + likes).

    Who says the same thing ten times has one telling comment, not ten. Columns: user_id, place
    (from 1), comment_id, text, created_at, score.
    """
    seen = _scored(comments, as_of).filter(lambda t: t.score.notnull() & t.text.notnull())
    likes = ibis.greatest(seen.like_count.fill_null(0), 0).cast("float64")
    seen = seen.mutate(telling=(real(seen.score).abs() * (likes + 2.0).ln()).round(6))
    same = ibis.window(group_by=[seen.user_id, seen.text.strip()], order_by=_most(seen))
    once = seen.mutate(again=ibis.row_number().over(same)).filter(lambda t: t.again == 0)
    own = ibis.window(group_by="user_id", order_by=_most(once))
    ranked = once.mutate(place=ibis.row_number().over(own) + 1)
    return ranked.filter(ranked.place <= MAX_TELLING).select(
        "user_id", "place", "comment_id", "text", "created_at", score=real(ranked.score).round(6)
    )


def _most(rows: ir.Table) -> list[Any]:
    return [ibis.desc(rows.telling), ibis.asc(rows.comment_id)]


def _scored(comments: ir.Table, as_of: datetime) -> ir.Table:
    """Visible comments with ``score`` in whole billionths and ``sure``, the model's certainty."""
    seen = visible(comments, as_of)
    sure = ibis.greatest(seen.p_negative, seen.p_neutral, seen.p_positive).cast("float64")
    return seen.mutate(score=fixed(seen.sentiment_score.cast("float64")), sure=sure.fill_null(1.0))


def _line(seen: ir.Table, newest: ir.Table) -> ir.Table:
    """The weighted sums of a line through the dated scores, x in units before the newest."""
    dated = seen.filter(seen.score.notnull() & seen.created_at.notnull())
    dated = dated.join(newest, "user_id")
    age_s = seconds(dated.newest) - seconds(dated.created_at)
    dated = dated.mutate(
        x=age_s.cast("float64") / float(-TREND_UNIT_DAYS * DAY_S),
        w=dated.sure * halved(age_s, HALF_LIFE_DAYS),
        s=real(dated.score),
        day=(seconds(dated.created_at) + LOCAL_S) // DAY_S,
    )
    w, x, s = dated.w, dated.x, dated.s
    return dated.group_by("user_id").aggregate(
        w=fixed(w).sum(),
        ww=fixed(w * w).sum(),
        wx=fixed(w * x).sum(),
        wy=fixed(w * s).sum(),
        wxx=fixed(w * x * x).sum(),
        wxy=fixed(w * x * s).sum(),
        wyy=fixed(w * s * s).sum(),
        n_dated=dated.count(),
        n_days=dated.day.nunique(),
    )


def _mean(found: ir.Table) -> tuple[Any, Any]:
    """Mean score and half its 95 % interval, by the normal approximation."""
    n = found.k.cast("float64")
    mean = real(found.y) / n.nullif(0.0)
    spread = ibis.greatest(real(found.yy) / n.nullif(0.0) - mean * mean, 0.0)
    return mean, Z_95 * (spread / (n - 1.0).nullif(0.0)).sqrt()


def _slope(found: ir.Table) -> tuple[Any, Any]:
    """Slope and half its 95 % interval; null where there are too few comments or days."""
    w = found.w.cast("float64").nullif(0.0)
    x, y = found.wx / w, found.wy / w
    sxx = found.wxx / w - x * x
    sxy, syy = found.wxy / w - x * y, found.wyy / w - y * y
    n = (w / float(SCALE)) * (w / found.ww.cast("float64").nullif(0.0))  # Kish
    enough = (
        (found.n_dated >= MIN_TREND_COMMENTS)
        & (found.n_days >= MIN_TREND_DAYS)
        & (n >= MIN_EFFECTIVE)
        & (sxx > 1e-9)
    )
    slope = enough.ifelse(sxy / sxx.nullif(0.0), None)
    left = ibis.greatest(syy - slope * sxy, 0.0)
    error = (left / ((n - 2.0).nullif(0.0) * sxx).abs()).sqrt()
    return slope, _student(n - 2.0) * error


def _student(freedom: Any) -> Any:
    """97.5 % point of Student's distribution (Abramowitz and Stegun 26.7.5, three terms)."""
    z = Z_95
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    inverse = 1.0 / freedom.nullif(0.0)
    return z + inverse * (terms[0] + inverse * (terms[1] + inverse * third))
