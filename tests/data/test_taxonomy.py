"""The interest taxonomy and its keyword matching."""

from __future__ import annotations

from typing import Any

import pytest

from data.labels import INTERESTS
from data.lexicons.source import read_package_yaml
from data.taxonomy import (
    TaxonomyError,
    build_taxonomy,
    level1_topics,
    level2_topics,
    load_taxonomy,
)


def test_taxonomy_holds_every_level1_interest_in_label_order() -> None:
    taxonomy = load_taxonomy()
    assert list(taxonomy.interests) == list(INTERESTS)
    assert {key: interest.name for key, interest in taxonomy.interests.items()} == dict(INTERESTS)


def test_taxonomy_sizes_stay_within_bounds() -> None:
    for interest in load_taxonomy().interests.values():
        assert 15 <= len(interest.keywords) <= 30, interest.key
        assert len(interest.examples) == 3, interest.key
        assert 4 <= len(interest.children) <= 8, interest.key
        for topic in interest.children:
            assert 8 <= len(topic.keywords) <= 20, topic.key
            assert topic.key.startswith(f"{interest.key}.")


@pytest.mark.parametrize("key", list(INTERESTS))
def test_examples_are_found_under_their_own_interest(key: str) -> None:
    for example in load_taxonomy().interests[key].examples:
        assert level1_topics(example)[0] == key, example


def test_level2_topics_ranks_by_distinct_keywords() -> None:
    text = "这款面膜补水不错，口红也好看"
    assert level2_topics(text) == ("beauty.skincare", "beauty.makeup")
    assert level2_topics("今天心情一般") == ()
    assert level2_topics("") == ()


def test_level2_topics_takes_ascii_keywords_as_whole_words_only() -> None:
    assert level2_topics("今晚看NBA") == ("sports.basketball",)
    assert level2_topics("unbaked") == ()


def test_pack_adds_its_words_only_when_asked_for() -> None:
    text = "订奶三个月了"
    assert "food.dairy" not in level2_topics(text)
    assert "food.dairy" in level2_topics(text, packs=("dairy",))


def test_packs_cover_the_six_industries() -> None:
    expected = {"dairy", "cosmetics", "electronics", "automotive", "restaurants", "ecommerce"}
    assert set(load_taxonomy().packs) == expected


def test_name_gives_chinese_names_of_both_levels() -> None:
    assert load_taxonomy().name("beauty") == "美妆护肤"
    assert load_taxonomy().name("beauty.skincare") == "护肤"
    with pytest.raises(TaxonomyError, match="nothing"):
        load_taxonomy().name("nothing")


def test_unknown_pack_raises_with_the_known_ones() -> None:
    with pytest.raises(TaxonomyError, match="dairy"):
        load_taxonomy().pack("banks")


def test_build_taxonomy_names_unknown_keys() -> None:
    def fresh() -> dict[str, Any]:
        return read_package_yaml("data", "taxonomy.yaml")

    extra = fresh()
    extra["interests"]["astrology"] = extra["interests"]["other"]
    with pytest.raises(TaxonomyError, match="astrology"):
        build_taxonomy(extra)
    wrong_risk = fresh()
    wrong_risk["packs"]["dairy"]["risks"]["sour"] = ["酸了"]
    with pytest.raises(TaxonomyError, match="sour"):
        build_taxonomy(wrong_risk)
    short = fresh()
    short["interests"]["food"]["keywords"].append("吃")
    with pytest.raises(TaxonomyError, match="two or more"):
        build_taxonomy(short)
