"""What holds for every dump: batches start anew, nothing is lost, a changing input is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.readers import DumpError, limits, open_dump
from tests.data.reader_tools import read, write

ROWS = "".join(f"{number},评论{number}\n" for number in range(50))
CONTENT = f"comment_id,content\n{ROWS}"


@pytest.mark.parametrize("rows", [1, 7, 50, 8192])
def test_batches_of_any_size_give_the_same_rows(tmp_path: Path, rows: int) -> None:
    whole = read(write(tmp_path, "t.csv", CONTENT), rows=rows)
    assert whole.texts == [f"评论{number}" for number in range(50)]
    assert whole.row_numbers == list(range(1, 51))
    assert whole.lines == list(range(2, 52))


def test_batches_called_twice_start_anew(tmp_path: Path) -> None:
    dump = open_dump(write(tmp_path, "t.csv", CONTENT))
    first = next(iter(dump.batches(rows=5)))
    again = list(dump.batches(rows=5))
    assert again[0].original.equals(first.original)
    assert sum(batch.original.num_rows for batch in again) == dump.rows == 50


def test_batches_end_early_where_rows_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BATCH_BYTES", 100)
    dump = open_dump(write(tmp_path, "t.csv", CONTENT))
    sizes = [batch.original.num_rows for batch in dump.batches()]
    assert sum(sizes) == 50
    assert max(sizes) < 20


def test_batches_with_many_columns_have_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BATCH_CELLS", 20)
    dump = open_dump(write(tmp_path, "t.csv", CONTENT))
    assert {batch.original.num_rows for batch in dump.batches()} == {10}


@pytest.mark.parametrize("change", ["grown", "shrunk", "touched", "gone"])
def test_input_changed_after_the_scan_is_refused(tmp_path: Path, change: str) -> None:
    path = write(tmp_path, "t.csv", CONTENT)
    dump = open_dump(path)
    _change(path, change)
    with pytest.raises(DumpError, match="input changed"):
        list(dump.batches())


@pytest.mark.parametrize("change", ["grown", "gone"])
def test_input_changed_while_read_is_refused(tmp_path: Path, change: str) -> None:
    path = write(tmp_path, "t.csv", CONTENT)
    batches = open_dump(path).batches(rows=10)
    next(batches)
    _change(path, change)
    with pytest.raises(DumpError, match="input changed"):
        list(batches)


def _change(path: Path, change: str) -> None:
    if change == "gone":
        path.unlink()
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    else:
        path.write_text(CONTENT + "x,y\n" if change == "grown" else CONTENT[:-20])


def test_dump_says_what_it_is(tmp_path: Path) -> None:
    dump = open_dump(write(tmp_path, "t.csv", CONTENT.encode("gb18030")))
    assert dump.kind == "comments"
    assert dump.encoding == "gb18030"
    assert "content" in dump.why
    assert dump.path == tmp_path / "t.csv"


def test_rejects_come_with_their_batch_and_a_cut_raw(tmp_path: Path) -> None:
    long = "x" * 5_000
    whole = read(write(tmp_path, "t.csv", f"content,n\n{long}\n"), rows=1)
    reject = whole.rejects[0]
    assert (reject.file, reject.line, reject.row) == ("t.csv", 2, 1)
    assert reject.reason == "too_few_fields: expected 2, found 1"
    assert reject.raw == "x" * limits.MAX_RAW_CHARS


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("bad_rows", [0, 1, 3])
def test_encoding_is_told_despite_some_bad_rows(tmp_path: Path, codec: str, bad_rows: int) -> None:
    texts = ["好吃好吃", "难吃", "好", "真的贵", "喜欢喜欢"]
    content = ("content,n\n" + "".join(f"{text},1\n" for text in texts)).encode(codec)
    bad = b"\xff\xff" if codec != "utf-16" else b"\x00\xd8"
    line = ",1\n".encode("utf-16-le" if codec == "utf-16" else "ascii")
    whole = read(write(tmp_path, "t.csv", content + (bad + line) * bad_rows))
    assert whole.texts == texts
    assert whole.reasons == ["invalid_bytes"] * bad_rows
