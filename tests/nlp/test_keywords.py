"""Keywords: what may become one, their order, user files, agreement with jieba."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nlp.keywords import KeywordError, KeywordExtractor
from nlp.words import WordCutter, import_jieba

COMMENTS = [
    "无人驾驶出了事故谁负责",
    "支持无人驾驶，科技进步挡不住",
    "网约车司机怎么办，无人驾驶抢饭碗",
    "这家火锅味道不错，服务员也热情",
    "面膜补水效果很好，会回购",
]


@pytest.fixture(scope="module")
def extractor() -> KeywordExtractor:
    return KeywordExtractor()


def test_words_keeps_content_words_in_text_order(extractor: KeywordExtractor) -> None:
    assert extractor.words("这个面膜好用，面膜真的补水") == ["面膜", "好用", "面膜", "补水"]


def test_tfidf_puts_the_telling_words_first(extractor: KeywordExtractor) -> None:
    found = extractor.tfidf("我觉得无人驾驶发生事故了是司机的责任")
    assert found[0] == "无人驾驶"
    assert {"事故", "司机", "责任"} <= set(found)


def test_tfidf_keeps_slang_whole(extractor: KeywordExtractor) -> None:
    assert "智商税" in extractor.tfidf("这就是智商税")
    assert "早c晚a" in extractor.tfidf("坚持早C晚A三个月")
    assert "双人成行" in extractor.tfidf("谁一起玩双人成行")


def test_topics_are_kept_as_one_keyword(extractor: KeywordExtractor) -> None:
    assert extractor.tfidf("#周末去哪儿# 带娃去了动物园")[0] == "周末去哪儿"
    assert extractor.tfidf("#美食 #探店 很香")[:2] == ["美食", "探店"]
    assert extractor.tfidf("#护肤[话题]# 姐妹们")[0] == "护肤"


@pytest.mark.parametrize(
    "text",
    [
        "@好吃的火锅 [捂脸][捂脸]",
        "https://v.example.com/火锅",
        "回复@爱吃火锅：哈哈哈哈",
        "",
        "的了吗",
        "123 456",
    ],
)
def test_names_links_emotes_and_function_words_never_become_keywords(
    extractor: KeywordExtractor, text: str
) -> None:
    assert not {"火锅", "捂脸", "好吃", "example"} & set(extractor.tfidf(text))
    assert extractor.tfidf(text.split("/")[0]) == []


def test_tfidf_takes_at_most_k_and_ties_in_text_order(extractor: KeywordExtractor) -> None:
    assert extractor.tfidf("#话题甲# #话题乙# #话题丙#", k=2) == ["话题甲", "话题乙"]
    assert extractor.tfidf("面膜", k=0) == []


def test_tfidf_batch_equals_one_by_one(extractor: KeywordExtractor) -> None:
    batch = extractor.tfidf_batch([*COMMENTS, "", None])
    assert batch == [*(extractor.tfidf(text) for text in COMMENTS), [], []]


def test_textrank_finds_what_the_comments_share(extractor: KeywordExtractor) -> None:
    assert extractor.textrank(COMMENTS, k=3)[0] == "无人驾驶"
    assert extractor.textrank(COMMENTS) == KeywordExtractor().textrank(COMMENTS)


def test_textrank_without_pairs_gives_the_words(extractor: KeywordExtractor) -> None:
    assert extractor.textrank([]) == []
    assert extractor.textrank(["", None, "面膜"]) == ["面膜"]


def test_user_files_add_words_and_stop_words(tmp_path: Path) -> None:
    words = tmp_path / "dict.txt"
    words.write_text("云朵慕斯霜 10 n\n", encoding="utf-8")
    stops = tmp_path / "stop.txt"
    stops.write_text("面膜\n", encoding="utf-8")
    found = KeywordExtractor(words, stops).tfidf("云朵慕斯霜和面膜")
    assert found == ["云朵慕斯霜"]


def test_missing_user_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(KeywordError, match=r"none\.txt"):
        KeywordExtractor(tmp_path / "none.txt")


def test_cutter_agrees_with_jieba_without_hmm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # jieba writes its cache there
    tokenizer = import_jieba().Tokenizer()
    cutter = WordCutter()
    for text in COMMENTS:
        chinese = "".join(char for char in text if "一" <= char <= "鿿")
        assert cutter.cut(chinese) == list(tokenizer.cut(chinese, HMM=False))


def test_import_loads_no_dictionary_and_extractor_writes_no_cache(tmp_path: Path) -> None:
    code = (
        "import sys, nlp.keywords as k; assert 'jieba' not in sys.modules\n"
        "k.KeywordExtractor().tfidf('面膜补水')\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
