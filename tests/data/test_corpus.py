"""The written corpus: valid labels, and nothing of the sets that the labels are judged on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from data.corpus import read_corpus
from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, POLARITIES, RISKS, SENTIMENTS
from data.sample.corpus import read_lines

TESTS = Path(__file__).resolve().parents[1]
CHALLENGE = TESTS / "nlp" / "challenge.jsonl"
SHARED_CHARS = 7  # so many equal characters in a row are no chance
_NOT_TEXT = re.compile(r"\[[^\]]*\]|[^\u4e00-\u9fffa-z0-9]")


def test_every_comment_has_valid_labels() -> None:
    for row in read_corpus():
        assert row["sentiment"] in SENTIMENTS and row["emotion"] in EMOTIONS, row["text"]
        assert set(row["interests"]) <= set(INTERESTS), row["text"]
        assert set(row["flags"]) <= set(FLAGS) and set(row["risks"]) <= set(RISKS), row["text"]
        for item in row["aspects"]:
            assert item["aspect"] in ASPECTS and item["polarity"] in POLARITIES, row["text"]


def test_training_comments_share_nothing_with_the_test_comments() -> None:
    texts = [*_case_texts(), *(line.text for line in read_lines())]
    judged = {piece for text in texts for piece in _pieces(text)}
    shared = {
        row["text"] for row in read_corpus() if any(p in judged for p in _pieces(row["text"]))
    }
    assert shared == set()


def _case_texts() -> Iterator[str]:
    """Every text of the challenge set and of the behavioural suite."""
    for path in (CHALLENGE, *(TESTS / "behaviour" / "cases").glob("*.jsonl")):
        for case in map(json.loads, path.read_text("utf-8").splitlines()):
            yield from (case[key] for key in ("text", "before", "after") if key in case)
            yield from case.get("other", [])


def _pieces(text: str) -> Iterator[str]:
    plain = _NOT_TEXT.sub("", text.lower())
    return (plain[i : i + SHARED_CHARS] for i in range(len(plain) - SHARED_CHARS + 1))
