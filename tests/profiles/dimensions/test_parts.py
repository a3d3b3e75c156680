"""Each dimension by hand on a few rows, through the SQL that a refresh runs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from profiles.compute import compile_part, run_part
from profiles.dimensions.rules import checked
from profiles.errors import ProfilesError

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]


def ago(days: float | None) -> datetime | None:
    return None if days is None else AS_OF - timedelta(days=days)


def part(name: str, **inputs: Rows) -> Rows:
    tables = {kind: pa.Table.from_pylist(rows) for kind, rows in inputs.items() if rows}
    return run_part(name, tables, AS_OF).to_pylist()


def said(days: float | None, score: float | None, **more: Any) -> dict[str, Any]:
    sentiment = None if score is None else "positive" if score > 0 else "negative"
    return {
        "user_id": "u",
        "comment_id": f"{days} {score}",
        "text": f"{days} {score}",
        "created_at": ago(days),
        "sentiment": sentiment,
        "sentiment_score": score,
        "like_count": 0,
        "emotion": None,
        "p_negative": None,
        "p_neutral": None,
        "p_positive": None,
        **more,
    }


def emotion(rows: Rows) -> dict[str, Any]:
    (person,) = part("emotion_person", comments=rows)
    return person


def test_trend_of_a_straight_line_is_its_slope_whoever_asks_when() -> None:
    rows = [said(day, 0.6 - day / 100) for day in (5, 10, 20, 30, 40, 50)]
    person = emotion(rows)
    assert person["trend"] == pytest.approx(0.3, abs=1e-5)  # 0.01 a day
    assert person["trend_low"] == pytest.approx(0.3, abs=1e-3) and person["n_judged"] == 6
    later = run_part(
        "emotion_person", {"comments": pa.Table.from_pylist(rows)}, AS_OF + timedelta(days=99)
    )
    assert later.to_pylist() == [person]


def test_trend_weighs_by_confidence_and_age_as_numpy_does() -> None:
    days, scores = np.array([60, 47, 31, 20, 12, 3]), np.array([0.3, -0.5, 0.5, 0.8, 0.2, 0.9])
    sure = np.array([0.5, 0.9, 0.6, 0.8, 0.7, 0.95])
    rows = [
        said(float(d), s, p_negative=0.0, p_neutral=1 - p, p_positive=p)
        for d, s, p in zip(days, scores, sure, strict=True)
    ]
    weights = sure * 2.0 ** (-(days - 3) / 90)
    slope = np.polyfit(-days / 30, scores, 1, w=np.sqrt(weights))[0]
    person = emotion(rows)
    assert person["trend"] == pytest.approx(slope, abs=1e-4)
    assert person["recent_mean"] == pytest.approx(
        (weights * scores).sum() / weights.sum(), abs=1e-5
    )
    assert person["trend_low"] < person["trend"] < person["trend_high"]


def test_emotion_of_too_few_comments_abstains() -> None:
    two = emotion([said(1, 0.5), said(2, -0.5)])
    assert (two["n"], two["n_judged"], two["mean_score"], two["trend"]) == (2, 2, None, None)
    four_days = emotion([said(day, 0.1 * day) for day in (1, 2, 3, 4)])
    assert four_days["mean_score"] == pytest.approx(0.25) and four_days["trend"] is None
    one_day = emotion([said(1 + hour / 100, 0.1 * hour) for hour in range(6)])
    assert one_day["trend"] is None


def test_emotion_counts_undated_but_not_later_rows() -> None:
    person = emotion([said(None, 0.5), said(1, None), said(1, -0.5), said(-0.001, -0.9)])
    assert (person["n"], person["n_judged"], person["n_negative"]) == (3, 2, 1)


def test_telling_comments_are_the_strongest_of_distinct_texts() -> None:
    rows = [
        said(1, -0.5, text="贵", like_count=100),
        said(2, -0.5, text=" 贵 ", like_count=50),
        said(3, 0.9, text="好", like_count=0),
        said(4, 0.9, text="赞", like_count=1),
        said(5, 0.5, text="行", like_count=None),
    ]
    assert 0.5 * math.log(102) > 0.9 * math.log(3)
    found = part("emotion_telling", comments=rows)
    texts = [row["text"] for row in sorted(found, key=lambda row: row["place"])]
    assert texts == ["贵", "赞", "好"]


def test_aspects_are_counted_with_their_newest_rows() -> None:
    rows = [
        {"user_id": "u", "comment_id": c, "created_at": ago(d), "aspect": "price", "polarity": p}
        for c, d, p in [
            ("a", 9, "negative"),
            ("b", 1, "positive"),
            ("c", 5, "negative"),
            ("d", None, "negative"),
        ]
    ]
    (found,) = part("emotion_by_aspect", aspects=rows)
    assert (found["n"], found["n_negative"], found["n_positive"], found["mean"]) == (4, 3, 1, -0.5)
    assert [found[f"row_{k}"] for k in (1, 2, 3)] == ["b", "c", "a"]


def about(days: float | None, topic: str, score: float, comment: str = "c") -> dict[str, Any]:
    return {
        "user_id": "u",
        "comment_id": f"{comment}{days}{topic}",
        "content_id": None,
        "platform": "douyin",
        "created_at": ago(days),
        "topic": topic,
        "score": score,
        "place": 1,
    }


def topics(rows: Rows, **more: Rows) -> dict[str, dict[str, Any]]:
    found = part("interest_topics_found", topics=rows, **more)
    return {row["topic"]: row for row in found}


def test_topic_weight_halves_every_thirty_days_before_the_newest() -> None:
    found = topics([about(10, "food", 0.5), about(40, "pets", 0.5), about(70, "food", 1.0)])
    assert found["food"]["weight"] == pytest.approx(0.5 + 1.0 / 4)
    assert found["food"]["share"] == pytest.approx(0.75)
    assert found["food"]["share_7d"] > found["food"]["share_90d"]
    assert (found["food"]["n"], found["pets"]["weight"]) == (2, pytest.approx(0.25))


def test_undated_topic_counts_and_weighs_nothing() -> None:
    found = topics([about(None, "food", 0.9), about(1, "pets", 0.5), about(-1, "auto", 0.9)])
    assert set(found) == {"food", "pets"}
    assert (found["food"]["n"], found["food"]["weight"], found["food"]["share"]) == (1, 0, 0)


def test_events_speak_for_their_content_by_the_table_of_weights() -> None:
    told = [{"platform": "douyin", "content_id": "v", "topic": "food", "share": 0.5, "place": 1}]
    events = [
        {"user_id": "u", "platform": "douyin", "event": event, "time": ago(0), "content_id": to}
        for event, to in [("pay", "v"), ("view", "v"), ("view", "other"), ("stare", "v")]
    ]
    found = topics([about(0, "food", 1.0)], content_topics=told, events=events)
    assert found["food"]["weight"] == pytest.approx(1.0 + 0.5 * (2.0 + 0.1))
    counts = [found["food"][f"n_{kind}"] for kind in ("comment", "purchase", "like", "watch")]
    assert counts == [1, 1, 0, 1]


def test_content_topics_need_three_comments_and_are_coarse() -> None:
    rows = [
        {**about(day, topic, 0.9), "content_id": content, "comment_id": f"{content}{day}"}
        for content, days in (("v", (1, 2, 2.5, 3, 4)), ("w", (1, 2)))
        for day in days
        for topic in (["food"] if day < 4 else ["pets"])
    ]
    tables = {"all_topics": pa.Table.from_pylist(rows)}
    found = run_part("interest_contents", tables, AS_OF).to_pylist()
    assert {(r["content_id"], r["topic"], r["share"], r["place"]) for r in found} == {
        ("v", "food", 0.8, 1),
        ("v", "pets", 0.2, 2),
    }


def bought(order: str, days: float, amount: float | None, goods: str = "") -> dict[str, Any]:
    return {
        "user_id": "u",
        "order_id": order,
        "platform": "shop",
        "time": ago(days),
        "amount_cny": amount,
        "items": goods,
    }


def test_spending_sums_orders_categories_discounts_and_refunds() -> None:
    orders = [
        bought("a", 30, 20.0, "乌龙茶x1"),
        bought("b", 10, 200.0, "龙井礼盒"),
        bought("c", 20, 19.9, "双人团购券 巴斯克"),
        bought("d", 5, -19.9, "双人团购券"),
        bought("e", -1, 999.0),
    ]
    events = [
        {"user_id": "u", "platform": "shop", "event": "refund", "time": ago(4), "content_id": None}
    ]
    (found,) = part("spending_person", orders=orders, events=events)
    assert (found["n"], found["amount_cny"], found["refunded_cny"]) == (4, 239.9, 19.9)
    assert found["average_order_cny"] == pytest.approx(79.97) and found["n_refunds"] == 2
    assert found["discount_share"] == pytest.approx(0.5)
    assert 0 < found["discount_low"] < 0.5 < found["discount_high"] < 1
    assert [found[f"row_{k}"] for k in (1, 2, 3)] == ["d", "b", "c"]
    rows = part("spending_categories", orders=orders)
    bands = {r["category"]: (r["n"], r["average_cny"], r["band"]) for r in rows}
    assert bands == {"tea_drinks": (2, 110.0, "high"), "snacks": (1, 19.9, "low")}


def test_discounts_of_two_orders_say_nothing() -> None:
    (found,) = part("spending_person", orders=[bought("a", 1, 5.0, "券"), bought("b", 2, 5.0)])
    assert found["discount_share"] is None and found["n_discounted"] == 1


def test_social_counts_replies_mentions_and_distinct_ties() -> None:
    comments = [
        said(1, None, text="@小王 快看", parent_id="p", like_count=3, reply_count=1),
        said(2, None, text="写信到 a@b.cn", parent_id=None, like_count=None, reply_count=2),
    ]
    ties = [
        {"user_id": 1, "target_id": 2, "relation": "follow", "created_at": ago(1)},
        {"user_id": 1, "target_id": 2, "relation": "friend", "created_at": ago(1)},
        {"user_id": 3, "target_id": 1, "relation": "follow", "created_at": None},
        {"user_id": 1, "target_id": 4, "relation": "follow", "created_at": ago(-1)},
    ]
    comments = [{**one, "user_id": 1} for one in comments]
    found = {r["user_id"]: r for r in part("social_person", comments=comments, relations=ties)}
    own = found[1]
    assert (own["n_comments"], own["replies_written"], own["mentions_written"]) == (2, 1, 1)
    assert (own["likes_received"], own["replies_received"]) == (3, 3)
    assert (own["out_degree"], own["in_degree"], own["n"]) == (1, 1, 5)
    assert (found[2]["in_degree"], found[2]["out_degree"]) == (1, 0)


def did(event: str, minutes: float, content: str = "v") -> dict[str, Any]:
    at = datetime(2026, 4, 20, 1, tzinfo=UTC) + timedelta(minutes=minutes)  # Monday 9:00 in China
    return {"user_id": "u", "platform": "shop", "event": event, "time": at, "content_id": content}


def test_paths_stay_within_a_session_and_are_counted() -> None:
    events = [
        did(e, m)
        for e, m in [
            ("view", 0),
            ("like", 1),
            ("pay", 2),
            ("view", 100),
            ("like", 101),
            ("pay", 102),
            ("view", 200),
        ]
    ]
    found = part("behaviour_paths", events=events)
    assert [(row["path"], row["n"]) for row in found] == [("view>like>pay", 2)]


def test_last_stage_hours_and_channels() -> None:
    events = [did("view", 0), did("pay", 2), did("like", 5), did("view", 5), did("view", 7 * 1440)]
    (stage,) = part("behaviour_stage", events=events[:4])
    assert (stage["last_stage"], stage["furthest_stage"]) == ("engage", "buy")
    (hour,) = part("behaviour_hours", events=events)
    assert (hour["hour"], hour["n"]) == (9, 5)
    (channel,) = part("behaviour_channels", events=events)
    assert (channel["platform"], channel["share"]) == ("shop", 1.0)


def test_survivor_is_the_source_believed_most_and_conflicts_cost_confidence() -> None:
    users = [
        {"user_id": "u", "account_id": a, "platform": p, "gender": g, "created_at": None}
        for a, p, g in [("x", "douyin", "male"), ("y", "crm", "female")]
    ]
    comments = [said(d, None, region=r, platform="douyin") for d, r in [(3, "浙江"), (1, "上海")]]
    rows = {r["field"]: r for r in part("basic_fields", users=users, comments=comments)}
    gender, region = rows["gender"], rows["ip_region"]
    assert (gender["value"], gender["source"], gender["n_conflicts"]) == ("female", "users:crm", 1)
    assert gender["confidence"] == pytest.approx(0.95 * 0.95 / 1.65, abs=0.01)
    assert (region["value"], region["row_id"], region["n"]) == ("上海", "1 None", 1)
    (counted,) = part("basic_rows", users=users, comments=comments)
    assert counted["n"] == 4


def test_order_of_rows_does_not_matter() -> None:
    dice = np.random.default_rng(3)
    rows = [
        said(float(d), float(s))
        for d, s in zip(dice.uniform(0, 90, 60), dice.uniform(-1, 1, 60), strict=True)
    ]
    shuffled = [rows[k] for k in dice.permutation(60)]
    assert emotion(rows) == emotion(shuffled)


def test_every_part_of_nothing_is_empty_and_speaks_postgres() -> None:
    import ibis

    from profiles.compute import _parts

    for name, expression in _parts().items():
        assert part(name) == []
        assert "SELECT" in str(ibis.to_sql(expression(), dialect="postgres"))


def test_naive_as_of_and_broken_rules_are_refused() -> None:
    with pytest.raises(ProfilesError, match="time zone"):
        compile_part("emotion_person", datetime(2026, 5, 1))
    with pytest.raises(ProfilesError, match="stages"):
        checked("behaviour", {"steps": 1})
