"""Groups: every number is the count of the comments behind it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import pyarrow as pa

from profiles.overview import comment_groups, comment_summary


def counted(groups: pa.Table, kind: str) -> dict[str, int]:
    return {row["key"]: row["n"] for row in groups.to_pylist() if row["kind"] == kind}


def test_groups_count_what_a_plain_loop_counts(synthetic: ModuleType, scored: pa.Table) -> None:
    groups = comment_groups(scored, synthetic.AS_OF)
    rows = scored.to_pylist()
    assert counted(groups, "sentiment") == Counter(row["sentiment"] or "unjudged" for row in rows)
    assert counted(groups, "emotion") == Counter(row["emotion"] for row in rows if row["emotion"])
    assert counted(groups, "risk") == Counter(r for row in rows for r in row["risks"] or [])
    topics = Counter(i["topic"] for row in rows for i in row["interests"] or [])
    assert counted(groups, "interest") == topics
    aspects = Counter(
        f"{a['aspect']}/{a['polarity']}" for row in rows for a in row["aspects"] or []
    )
    assert counted(groups, "aspect") == aspects
    assert sum(counted(groups, "period").values()) == sum(1 for r in rows if r["created_at"])


def test_groups_evidence_is_of_the_group_and_most_liked(
    synthetic: ModuleType, scored: pa.Table
) -> None:
    by_id = {row["comment_id"]: row for row in scored.to_pylist()}
    for group in comment_groups(scored, synthetic.AS_OF).to_pylist():
        likes = [one["like_count"] for one in group["evidence"]]
        assert len(likes) == min(5, group["n"])
        texts = [one["text"] is not None for one in group["evidence"]]
        assert all(texts) is False or likes == sorted(likes, reverse=True)
        if group["kind"] == "emotion":
            ids = [one["comment_id"] for one in group["evidence"]]
            assert {by_id[one]["emotion"] for one in ids} == {group["key"]}


def test_groups_evidence_puts_bare_emoji_last(synthetic: ModuleType) -> None:
    texts = {"😂😂😂😂": 9, "[捂脸][捂脸]": 8, "好": 7, "茶真的好喝": 1}
    rows = [{"text": text, "like_count": likes} for text, likes in texts.items()]
    groups = comment_groups(synthetic.comments_table(rows), synthetic.AS_OF).to_pylist()
    (group,) = [one for one in groups if one["kind"] == "sentiment"]
    found = [one["text"] for one in group["evidence"]]
    assert found == ["茶真的好喝", "😂😂😂😂", "[捂脸][捂脸]", "好"]


def test_groups_days_are_days_in_china(synthetic: ModuleType) -> None:
    late = datetime(2026, 4, 30, 16, 0, tzinfo=UTC)  # midnight in China
    table = synthetic.comments_table([{"created_at": late}, {"created_at": late - timedelta(0, 1)}])
    groups = comment_groups(table, datetime(2026, 5, 2, tzinfo=UTC))
    assert counted(groups, "period") == {"2026-04-30/unjudged": 1, "2026-05-01/unjudged": 1}


def test_groups_order_of_rows_does_not_matter(synthetic: ModuleType, scored: pa.Table) -> None:
    shuffled = scored.take(np.random.default_rng(3).permutation(scored.num_rows))
    one, two = (comment_groups(table, synthetic.AS_OF) for table in (scored, shuffled))
    assert one.to_pylist() == two.to_pylist()


def test_summary_counts_what_is_left_out(synthetic: ModuleType, scored: pa.Table) -> None:
    summary = comment_summary(scored, synthetic.START + timedelta(days=6))
    assert summary["n"] + summary["n_later"] == 200
    assert summary["n_later"] > 0 and summary["n_undated"] > 0
    assert summary["model_versions"] == ["fake-1"]
