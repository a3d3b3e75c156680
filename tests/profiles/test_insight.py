"""Insight per content: counts, lift, evidence and the hourly series."""

from __future__ import annotations

from datetime import UTC, datetime
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from profiles.insight import insight_by_content

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)
AT = datetime(2026, 4, 30, 8, 30, tzinfo=UTC)


def comment(content: str, sentiment: str | None, **more: object) -> dict:
    score = {"negative": -0.8, "neutral": 0.0, "positive": 0.8, None: None}[sentiment]
    row = {"content_id": content, "sentiment": sentiment, "sentiment_score": score}
    return row | {"text": f"{sentiment} {more}", "created_at": AT, **more}


def insights(synthetic: ModuleType, rows: list[dict]) -> dict[str, dict]:
    table = insight_by_content(synthetic.comments_table(rows), AS_OF)
    return {row["content_id"]: row for row in table.to_pylist()}


def test_shares_are_of_judged_comments(synthetic: ModuleType) -> None:
    rows = [comment("a", s) for s in ("negative", "positive", "positive", "neutral", None)]
    found = insights(synthetic, rows)["a"]
    assert (found["n"], found["n_judged"]) == (5, 4)
    assert found["share_positive"] == pytest.approx(0.5)
    assert found["share_negative_low"] < 0.25 < found["share_negative_high"]
    assert found["mean_score"] == pytest.approx(0.2)


def test_content_without_judged_comments_has_no_share(synthetic: ModuleType) -> None:
    found = insights(synthetic, [comment("a", None)])["a"]
    assert found["share_negative"] is None and found["share_negative_low"] is None
    assert found["evidence_negative"] == [] and found["aspects"] == []


def test_keywords_rank_by_lift_from_three_comments_on(synthetic: ModuleType) -> None:
    rows = [comment("a", "positive", keywords=["好", "好", "快递"]) for _ in range(3)]
    rows += [comment("a", "positive", keywords=["少见"]) for _ in range(2)]
    rows += [comment("b", "positive", keywords=["好"]) for _ in range(5)]
    found = insights(synthetic, rows)["a"]
    # 快递: 3 of 5 here against 3 of 10 anywhere; 好: 3 of 5 against 8 of 10
    assert found["keywords"] == [
        {"keyword": "快递", "n": 3, "lift": 2.0},
        {"keyword": "好", "n": 3, "lift": 0.75},
    ]


def test_aspects_emotions_and_risks_are_counted(synthetic: ModuleType) -> None:
    bad = {"aspect": "price", "polarity": "negative", "score": 0.9}
    good = {"aspect": "price", "polarity": "positive", "score": 0.9}
    rows = [
        comment("a", "negative", aspects=[bad], emotion="anger", risks=["legal", "boycott"]),
        comment("a", "negative", aspects=[bad, good], emotion="none", risks=["legal"]),
    ]
    found = insights(synthetic, rows)["a"]
    (price,) = found["aspects"]
    assert (price["n"], price["n_negative"], price["n_positive"]) == (3, 2, 1)
    assert found["emotions"] == [{"emotion": "anger", "n": 1}]
    assert found["risks"] == [{"risk": "legal", "n": 2}, {"risk": "boycott", "n": 1}]


def test_evidence_is_most_liked_first_and_distinct(synthetic: ModuleType) -> None:
    rows = [
        comment("a", "negative", text=text, like_count=likes)
        for text, likes in [("差", 5), ("差 ", 50), ("贵", 9), ("慢", None), ("坏", 1)]
    ]
    evidence = insights(synthetic, rows)["a"]["evidence_negative"]
    assert [(one["text"], one["like_count"]) for one in evidence] == [
        ("差 ", 50),
        ("贵", 9),
        ("坏", 1),
    ]


def test_hourly_series_leaves_out_undated_and_later(synthetic: ModuleType) -> None:
    late = datetime(2026, 5, 1, 0, 0, 1, tzinfo=UTC)
    rows = [
        comment("a", "negative"),
        comment("a", "positive", created_at=AT.replace(minute=59)),
        comment("a", "negative", created_at=None),
        comment("a", "negative", created_at=late),
    ]
    found = insights(synthetic, rows)["a"]
    assert found["n"] == 3 and found["last_at"] == AT.replace(minute=59)
    (hour,) = found["hourly"]
    assert hour["hour"] == AT.replace(minute=0)
    assert (hour["n"], hour["n_judged"], hour["n_negative"]) == (2, 2, 1)


def test_same_content_id_on_two_platforms_is_two_contents(synthetic: ModuleType) -> None:
    rows = [comment("a", "negative", platform=p) for p in ("xhs", "douyin", None)]
    table = insight_by_content(synthetic.comments_table(rows), AS_OF)
    assert table["platform"].to_pylist() == [None, "douyin", "xhs"]
    assert table["n_negative"].to_pylist() == [1, 1, 1]
    assert [len(one) for one in table["evidence_negative"].to_pylist()] == [1, 1, 1]


def test_order_of_rows_does_not_matter(synthetic: ModuleType, scored: pa.Table) -> None:
    shuffled = scored.take(np.random.default_rng(3).permutation(scored.num_rows))
    one, two = (insight_by_content(table, synthetic.AS_OF) for table in (scored, shuffled))
    assert one.to_pylist() == two.to_pylist()


def test_evidence_puts_bare_emoji_and_short_texts_last(synthetic: ModuleType) -> None:
    texts = [
        ("😂😂😂😂😂", 99),
        ("[赞][赞][赞]", 80),
        ("绝", 70),
        ("！！！！！", 60),
        ("太难喝了吧", 2),
    ]
    texts += [("再也不会买了", 1)]
    rows = [comment("a", "negative", text=text, like_count=likes) for text, likes in texts]
    evidence = insights(synthetic, rows)["a"]["evidence_negative"]
    assert [one["text"] for one in evidence] == ["太难喝了吧", "再也不会买了", "😂😂😂😂😂"]


def test_short_text_is_evidence_where_there_is_no_other(synthetic: ModuleType) -> None:
    rows = [comment("a", "positive", text=text) for text in ("[赞]", "👍")]
    assert len(insights(synthetic, rows)["a"]["evidence_positive"]) == 2
