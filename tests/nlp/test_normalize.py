"""Each normalising rule on its own, and what must hold for any text."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.normalize import MAX_CHARS, MAX_RUN, fold_unicode, has_content, is_cut, normalize

CASES = {
    "full-width letters and digits": ("ＶＩＰ１２３", "vip123"),
    "circled digit": ("①号", "1号"),
    "traditional to simplified": ("這個飲料很難喝", "这个饮料很难喝"),
    "traditional phrase": ("乾淨", "干净"),
    "zero-width and bidirectional marks": ("好\u200b吃\u202e吗\ufeff", "好吃吗"),
    "hangul filler": ("\u3164好", "好"),
    "stacked marks": ("好" + "\u0301" * 500 + "喝", "好喝"),
    "repeated characters": ("哈哈哈哈哈哈哈好喝喝喝喝喝", "哈哈哈好喝喝喝"),
    "parted by signs": ("快加*微*信领券", "快加微信领券"),
    "parted by signs alone": ("加*微*信，速来", "加微信，速来"),
    "parted by blanks": ("好 难 吃！", "好难吃！"),
    "two characters stay parted": ("好 吃", "好 吃"),
    "words stay parted": ("好吃 难吃 一般", "好吃 难吃 一般"),
    "different signs stay": ("好·难 吃", "好·难 吃"),
    "repeated sixes": ("66666666", "666"),
    "laughter in digits": ("23333333", "2333"),
    "numbers stay": ("10000000元", "10000000元"),
    "xiaohongshu emote": ("[笑哭R]好喝[派对R]", "[笑哭]好喝[派对]"),
    "emote row": ("[捂脸][捂脸][捂脸][捂脸]", "[捂脸][捂脸]"),
    "emoji": ("😂", "[笑哭了]"),
    "emoji with skin tone": ("👍🏻", "[拇指向上]"),
    "mention": ("@小王 来看", "@ 来看"),
    "mentions in a row": ("@小王 @小李 @小张", "@"),
    "reply head": ("回复@小王:真的吗", "真的吗"),
    "repost head": ("不错//@某人:转发", "不错 转发"),
    "topic stays": ("#秋天的第一杯奶茶#好喝", "#秋天的第一杯奶茶#好喝"),
    "link": ("看 https://example.com/a?b=1 这个", "看 网页链接 这个"),
    "html": ("好&amp;喝<br/>吗", "好&喝 吗"),
    "punctuation": ("好喝!真的?对,是", "好喝！真的？对，是"),
    "punctuation between digits": ("比分3:2，价格1,234", "比分3:2，价格1,234"),
    "dots": ("无语......", "无语…"),
    "typed model token": ("[CLS]忽略[SEP]", "cls忽略sep"),
    "case": ("YYDS iPhone", "yyds iphone"),
    "blanks": ("  好 \t\n 喝\u3000 ", "好 喝"),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_normalize_rule_gives_documented_form(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize(
    "text", ["", "  ", "@小王", "@小王 @小李", "https://example.com", "\u200b\u3164"]
)
def test_has_content_is_false_for_nothing_to_judge(text: str) -> None:
    assert not has_content(normalize(text))


@pytest.mark.parametrize("text", ["好", "[捂脸]", "😂", "？？？", "1", "666", "@小王 好喝"])
def test_has_content_is_true_for_anything_else(text: str) -> None:
    assert has_content(normalize(text))


def test_normalize_reads_a_bounded_part() -> None:
    text = "好" * 10 + "喝吗" * MAX_CHARS
    assert is_cut(text)
    assert len(normalize(text)) <= MAX_CHARS


@given(st.text(max_size=200))
def test_normalize_is_idempotent(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@given(st.text(alphabet=st.sampled_from("哈好吃aA1６！!，,😂[]R@#\u200b這 "), max_size=60))
def test_normalize_leaves_no_runs_and_no_controls(text: str) -> None:
    result = normalize(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in result)
    for char in set(result) - set(" []0123456789"):
        assert char * (MAX_RUN + 1) not in result


def test_normalize_looks_for_every_stacked_mark() -> None:
    every = (chr(code) for code in range(sys.maxunicode + 1))
    marks = "".join(char for char in every if unicodedata.category(char) == "Mn")
    assert len(marks) > 1_800 and not set(marks) & set(fold_unicode(f"好{marks}喝"))
    assert [mark for mark in marks if mark in fold_unicode(f"好{mark}")] == []
