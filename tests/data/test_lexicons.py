"""The lexicons: what they must hold, and that a wrong file is refused with a clear message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import ASPECTS, RISKS
from data.lexicons import (
    LexiconError,
    TermScanner,
    find_emote,
    load_aspects,
    load_emotes,
    load_intents,
    load_opinions,
    load_risks,
    load_stopwords,
    load_userdict,
)
from data.lexicons.patterns import build_rule
from data.lexicons.source import parse_yaml
from data.lexicons.words import word_list


def test_lexicons_have_the_promised_size() -> None:
    opinions = load_opinions()
    assert len(load_stopwords()) >= 500
    assert len(load_userdict()) >= 300
    assert len(load_emotes()) >= 250
    assert len(opinions.positive) >= 200
    assert len(opinions.negative) >= 200


def test_label_keys_are_complete() -> None:
    assert tuple(load_aspects()) == tuple(ASPECTS)
    assert tuple(load_risks()) == tuple(RISKS)
    assert tuple(load_intents()) == ("question", "purchase_intent", "complaint")


def test_opinion_lists_do_not_contradict_each_other() -> None:
    opinions = load_opinions()
    assert not set(opinions.positive) & set(opinions.negative)
    assert not set(opinions.negators) & set(opinions.pseudo_negators)
    for aspect, terms in load_aspects().items():
        assert not set(terms.positive) & set(terms.negative), aspect
        assert not set(terms.beside_positive) & set(terms.beside_negative), aspect
        assert set(terms.inverted_terms) <= set(terms.terms), aspect


def test_scalars_that_look_like_numbers_or_booleans_stay_words() -> None:
    assert "666" in load_emotes()
    assert "no" in load_stopwords()


@pytest.mark.parametrize(
    ("name", "word", "polarity"),
    [
        ("赞", "赞", 1),
        ("捂脸", "捂脸", 0),
        ("哭惹R", "流泪", -1),
        ("蹲后续H", "围观", 0),
        ("tv_doge", "坏笑", 0),
        ("保卫萝卜_笔芯", "爱心", 1),
        ("抠鼻", "鄙视", -1),
    ],
)
def test_find_emote_reads_each_platforms_spelling(name: str, word: str, polarity: int) -> None:
    found = find_emote(name)
    assert found is not None
    assert (found.word, found.polarity) == (word, polarity)


def test_find_emote_gives_none_for_unknown_names() -> None:
    assert find_emote("没有这个表情") is None
    assert find_emote("") is None


def test_word_list_refuses_what_is_not_a_list_of_words() -> None:
    with pytest.raises(LexiconError, match="here"):
        word_list("质量", "here")
    with pytest.raises(LexiconError, match="here"):
        word_list(["质量", " "], "here")


def test_parse_yaml_refuses_broken_files() -> None:
    with pytest.raises(LexiconError, match=re.escape("x.yaml")):
        parse_yaml("a: [", "x.yaml")
    with pytest.raises(LexiconError, match="mapping"):
        parse_yaml("[a]", "x.yaml")


@pytest.mark.parametrize(
    "fragment", ["拉.*肚子", "拉+肚子", "(拉){0,3}", ".肚子", "拉.{0,40}", "拉.{0,}"]
)
def test_build_rule_refuses_fragments_that_may_be_slow(fragment: str) -> None:
    with pytest.raises(LexiconError, match="literal start"):
        build_rule({"match": [fragment]}, "here")


def test_build_rule_refuses_unknown_keys_and_sides() -> None:
    with pytest.raises(LexiconError, match="contexts"):
        build_rule({"match": ["过期"], "contexts": ["牛奶"]}, "here")
    with pytest.raises(LexiconError, match="side"):
        build_rule({"match": ["过期"], "side": "left"}, "here")


def test_scanner_prefers_the_longest_term_and_never_overlaps() -> None:
    scanner = TermScanner({"好": 1, "好吃": 2, "吃": 3, "ok": 4})
    assert scanner.scan("好吃好") == [(0, 2, 2), (2, 3, 1)]
    assert scanner.scan("吃好") == [(0, 1, 3), (1, 2, 1)]
    assert scanner.scan("ok的") == [(0, 2, 4)]
    assert scanner.scan("token book") == []


@pytest.mark.parametrize("shortest", [1, 2])
@given(st.text(alphabet="好吃不贵ok ", max_size=30))
def test_scanner_agrees_with_the_obvious_loop(shortest: int, text: str) -> None:
    terms = {"好": "a", "好吃": "b", "不好": "c", "不贵": "d", "贵": "e", "好吃不贵": "f"}
    terms = {term: payload for term, payload in terms.items() if len(term) >= shortest}
    expected, at = [], 0
    while at < len(text):
        best = max((t for t in terms if text.startswith(t, at)), key=len, default="")
        if best:
            expected.append((at, at + len(best), terms[best]))
        at += len(best) or 1
    assert TermScanner(terms).scan(text) == expected
