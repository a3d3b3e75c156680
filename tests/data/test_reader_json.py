"""JSON in every arrangement: lines, arrays, pretty or not, broken in the middle or at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.readers import DumpError, limits
from tests.data.reader_tools import read, write

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=8)


def dumped(texts: list[str], arrangement: str) -> str:
    rows = [{"content": text, "n": number} for number, text in enumerate(texts)]
    lines = [json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(rows)]
    return {
        "lines": "\n".join(lines) + "\n",
        "one line": "".join(lines),
        "array": json.dumps(rows),
        "pretty array": json.dumps(rows, ensure_ascii=False, indent=4),
        "array of lines": "[\n" + ",\n".join(lines) + "\n]\n",
        "pretty objects": "\n".join(json.dumps(row, indent=2) for row in rows),
    }[arrangement]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=TEXTS)
@pytest.mark.parametrize(
    "arrangement",
    ["lines", "one line", "array", "pretty array", "array of lines", "pretty objects"],
)
@pytest.mark.parametrize("chunk", [7, limits.CHUNK_BYTES])
def test_json_arrangements_read_the_same(
    tmp_path: Path, texts: list[str], arrangement: str, chunk: int
) -> None:
    texts = ["甲", *texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "CHUNK_BYTES", chunk)
        whole = read(write(tmp_path, "t.json", dumped(texts, arrangement)), rows=3)
    assert whole.texts == texts
    assert whole.rejects == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=80) | st.text('{}[]",:a1\n\\ ').map(str.encode))
def test_json_any_bytes_keep_or_reject_every_row(tmp_path: Path, content: bytes) -> None:
    try:
        whole = read(write(tmp_path, "t.json", b'{"content": "a"}\n' + content), rows=3)
    except DumpError as error:
        assert "\n" not in str(error)
    else:
        assert whole.texts[0] == "a"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.text('{}[]",:a1\n\\ ', max_size=60))
def test_json_array_with_any_tail_keeps_its_first_rows(tmp_path: Path, content: str) -> None:
    whole = read(write(tmp_path, "t.json", '[\n{"content": "a"},\n' + content), rows=3)
    assert whole.texts[0] == "a"


BROKEN = """[
    {
        "content": "a"
    },
    {
        "content": b
    },
    {
        "content": "c"
    }
]
"""


def test_array_with_a_broken_element_goes_on_with_the_next(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.json", BROKEN))
    assert whole.texts == ["a", "c"]
    assert [(reject.key, reject.line) for reject in whole.rejects] == [("invalid_json", 5)]
    assert whole.lines == [2, 8]


def test_compact_array_with_a_broken_element_goes_on_with_the_next(tmp_path: Path) -> None:
    content = '[{"content": "a"}, {"content": nope}, {"content": "c"}]'
    whole = read(write(tmp_path, "t.json", content))
    assert whole.texts == ["a", "c"]
    assert whole.reasons == ["invalid_json"]


def test_array_cut_off_in_the_middle_keeps_what_is_whole(tmp_path: Path) -> None:
    content = json.dumps([{"content": "a"}, {"content": "bbbb"}], indent=4)[:-20]
    whole = read(write(tmp_path, "t.json", content))
    assert whole.texts == ["a"]
    assert whole.reasons == ["truncated_line"]


def test_array_with_an_undecodable_element_rejects_it_alone(tmp_path: Path) -> None:
    good = '{"content": "好吃好吃好吃"}'.encode()
    content = b"[" + good + b",\n" + b'{"content": "\xe4\xbd"}' + b",\n" + good + b"]"
    whole = read(write(tmp_path, "t.json", content))
    assert whole.texts == ["好吃好吃好吃"] * 2
    assert whole.reasons == ["invalid_bytes"]


def test_array_element_above_the_limit_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_ROW_BYTES", 2_000)
    monkeypatch.setattr(limits, "CHUNK_BYTES", 500)
    rows = [{"content": "a"}, {"content": "x" * 50_000}, {"content": "c"}]
    whole = read(write(tmp_path, "t.json", json.dumps(rows)))
    assert whole.texts == ["a", "c"]
    assert whole.reasons == ["row_too_large"]


def test_array_elements_that_are_no_objects_are_rejects(tmp_path: Path) -> None:
    content = '[{"content": "a"}, 1, "x", null, [1], true, {"content": "b"}]'
    whole = read(write(tmp_path, "t.json", content))
    assert whole.texts == ["a", "b"]
    assert whole.reasons == ["not_an_object"] * 5


def test_half_an_emoji_in_a_key_becomes_a_readable_name(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.jsonl", '{"content": "a", "\\ud83d": 1}\n'))
    assert whole.originals == [{"content": "a", "\ufffd": 1}]
