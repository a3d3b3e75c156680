"""Example persons: each has the story it is chosen for, and nobody stands twice."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType
from typing import Any

from profiles.examples import read_example_profiles
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore


def person(synthetic: ModuleType, name: str, scores: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "comment_id": f"{name}{day}",
            "user_id": name,
            "text": f"{name} 第{day}天",
            "created_at": synthetic.START + timedelta(days=day),
            "sentiment": "negative" if score < 0 else "positive",
            "sentiment_score": score,
            "like_count": day,
        }
        for day, score in enumerate(scores)
    ]


def test_examples_are_chosen_for_their_story(synthetic: ModuleType, store: DuckDBStore) -> None:
    people = {
        "talker": [0.1, 0.1] * 5,
        "worse": [0.9, 0.8, 0.1, -0.7, -0.9],
        "better": [-0.9, -0.8, 0.1, 0.7, 0.9],
        "steady": [0.80, 0.79, 0.78, 0.77, 0.76, 0.75],  # falls, but by nothing to speak of
        "brief": [0.9, -0.9],
    }
    rows = [row for name, scores in people.items() for row in person(synthetic, name, scores)]
    store.load("comments", synthetic.comments_table(rows), "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    found = {one["story"]: one for one in read_example_profiles(store, 4)}
    names = {story: one["timeline"][0]["text"].split()[0] for story, one in found.items()}
    assert names == {
        "most_comments": "talker",
        "worsening": "worse",
        "improving": "better",
        "many_comments": "steady",
    }
    worse = found["worsening"]
    assert [one["score"] for one in worse["timeline"]] == people["worse"]
    assert {one["comment_id"] for one in worse["telling"]} <= {f"worse{day}" for day in range(5)}
    assert worse["telling"][0]["like_count"] == 4


def test_examples_of_few_people_are_few(synthetic: ModuleType, store: DuckDBStore) -> None:
    rows = person(synthetic, "only", [0.5])
    store.load("comments", synthetic.comments_table(rows), "load-1")
    refresh(store, synthetic.AS_OF, "refresh-1")
    assert [one["story"] for one in read_example_profiles(store, 4)] == ["most_comments"]
