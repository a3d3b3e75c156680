"""Emotion per person: the trend by hand and by NumPy, and what is left out of what."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from profiles.emotion import emotion_by_person
from profiles.errors import ProfilesError

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


def said(days_ago: float | None, score: float | None, **more: object) -> dict:
    sentiment = None if score is None else "positive" if score > 0 else "negative"
    return {
        "user_id": "u",
        "text": f"{days_ago} {score} {more}",
        "created_at": None if days_ago is None else AS_OF - timedelta(days=days_ago),
        "sentiment": sentiment,
        "sentiment_score": score,
        **more,
    }


def one_person(synthetic: ModuleType, rows: list[dict]) -> dict:
    (person,) = emotion_by_person(synthetic.comments_table(rows), AS_OF).to_pylist()
    return person


def test_trend_of_a_straight_line_is_its_slope_per_30_days(synthetic: ModuleType) -> None:
    # 0.5 now, 0.0 thirty days ago, -0.5 sixty days ago
    person = one_person(synthetic, [said(0, 0.5), said(30, 0.0), said(60, -0.5)])
    assert person["trend"] == pytest.approx(0.5)
    assert person["mean_score"] == pytest.approx(0.0)
    assert person["mean_score_30d"] == pytest.approx(0.5)  # thirty days ago is just outside


def test_trend_weighs_by_confidence_as_numpy_does(synthetic: ModuleType) -> None:
    days, scores, sure = [50, 31, 12, 3], [0.25, -0.5, 0.5, 0.75], [0.5, 0.9, 0.6, 0.8]
    rows = [
        said(day, score, p_negative=0.0, p_neutral=1 - p, p_positive=p)
        for day, score, p in zip(days, scores, sure, strict=True)
    ]
    x = -np.array(days) / 30
    slope = np.polyfit(x, scores, 1, w=np.sqrt(sure))[0]
    assert one_person(synthetic, rows)["trend"] == pytest.approx(slope, abs=2e-6)


@pytest.mark.parametrize(
    "rows",
    [
        [said(1, 0.5), said(2, -0.5)],
        [said(1, 0.5), said(1.01, -0.5), said(1.02, 0.1), said(3, 0.1)],  # two days only
        [said(1, 0.5), said(2, -0.5), said(3, None)],
        [said(1, 0.5), said(2, -0.5), said(None, 0.5)],
    ],
)
def test_trend_of_too_few_days_is_null(synthetic: ModuleType, rows: list[dict]) -> None:
    assert one_person(synthetic, rows)["trend"] is None


def test_counts_take_undated_and_unjudged_but_not_later_rows(synthetic: ModuleType) -> None:
    rows = [said(None, 0.5), said(1, None), said(1, -0.5), said(-0.001, -0.9)]
    person = one_person(synthetic, rows)
    assert (person["n"], person["n_judged"], person["n_negative"], person["n_positive"]) == (
        (3, 2, 1, 1)
    )
    assert person["mean_score_30d"] == pytest.approx(-0.5)


def test_by_emotion_counts_most_frequent_first(synthetic: ModuleType) -> None:
    rows = [
        said(day, 0.5, emotion=emotion) for day, emotion in enumerate(["like", "anger", "like"])
    ]
    assert one_person(synthetic, rows)["by_emotion"] == [
        {"emotion": "like", "n": 2},
        {"emotion": "anger", "n": 1},
    ]


def test_telling_comments_are_the_three_strongest_of_distinct_texts(synthetic: ModuleType) -> None:
    rows = [
        said(1, -0.5, text="贵", like_count=100),  # 0.5 * ln 102 = 2.31
        said(2, -0.5, text=" 贵 ", like_count=50),  # the same text once more
        said(3, 0.9, text="好", like_count=0),  # 0.9 * ln 2 = 0.62
        said(4, 0.9, text="赞", like_count=1),  # 0.9 * ln 3 = 0.99
        said(5, 0.5, text="行", like_count=None),  # 0.5 * ln 2 = 0.35
    ]
    assert 0.5 * math.log(102) > 0.9 * math.log(3)
    telling = one_person(synthetic, rows)["telling_comments"]
    assert [comment["text"] for comment in telling] == ["贵", "赞", "好"]
    assert telling[0]["comment_id"] == "0"


def test_order_of_rows_does_not_matter(synthetic: ModuleType, scored: pa.Table) -> None:
    shuffled = scored.take(np.random.default_rng(3).permutation(scored.num_rows))
    assert emotion_by_person(scored, synthetic.AS_OF).equals(
        emotion_by_person(shuffled, synthetic.AS_OF)
    )


def test_empty_table_gives_no_person(scored: pa.Table) -> None:
    assert emotion_by_person(scored.slice(0, 0), AS_OF).num_rows == 0


def test_naive_as_of_is_refused(scored: pa.Table) -> None:
    with pytest.raises(ProfilesError, match="time zone"):
        emotion_by_person(scored, datetime(2026, 5, 1))
