"""CSV: equal to ``csv.writer``'s meaning where well-formed, recovery where it is not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.readers import DumpError, limits
from data.readers.csv_split import split_fields
from tests.data.reader_tools import read, write

CELLS = st.text(st.characters(codec="utf-8"), max_size=12)
NASTY = st.text(st.sampled_from('ab,";\n\r\t|，"" '), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(CELLS | NASTY, CELLS | NASTY), max_size=12))
def test_csv_written_by_python_reads_back_the_same(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("content", "n"), *rows])
    whole = read(write(tmp_path, "t.csv", buffer.getvalue()), rows=5)
    assert whole.rejects == []
    assert [(row["content"], row["n"]) for row in whole.originals] == rows
    assert whole.texts == [text for text, _ in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_csv_any_bytes_keep_or_reject_every_row(tmp_path: Path, content: bytes) -> None:
    try:
        whole = read(write(tmp_path, "t.csv", b"content,n\n" + content), rows=3)
    except DumpError as error:
        assert "\n" not in str(error)
    else:
        assert len(whole.records) + len(whole.rejects) == whole.dump.rows


@given(NASTY)
def test_split_fields_without_quotes_is_a_plain_split(text: str) -> None:
    text = text.replace('"', "")
    assert split_fields(text, ",").fields == text.split(",")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('"a,b",c', ["a,b", "c"]),
        ('"a ""b""",c', ['a "b"', "c"]),
        ('"",""', ["", ""]),
        ('"a" ,b', ["a", "b"]),
        ('"好"的,b', ['"好"的', "b"]),  # no CSV quote, so nothing of the text is taken away
        ('他说"好",b', ['他说"好"', "b"]),
    ],
)
def test_split_fields_quotes_only_at_the_start_of_a_field(text: str, fields: list[str]) -> None:
    assert split_fields(text, ",").fields == fields


def test_line_numbers_are_physical_lines(tmp_path: Path) -> None:
    content = 'content,n\n"a\nb",1\n\nbad\nc,2\n'
    whole = read(write(tmp_path, "t.csv", content))
    assert whole.lines == [2, 6]
    assert [(reject.line, reject.row) for reject in whole.rejects] == [(5, 2)]
    assert whole.row_numbers == [1, 3]


def test_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    content = 'content,n\na,1\n"b,2\nc,3\nd,"4"\n"e\ne",5\n'
    whole = read(write(tmp_path, "t.csv", content))
    assert whole.texts == ["a", "c", "d", "e\ne"]
    assert [(reject.key, reject.line) for reject in whole.rejects] == [("unclosed_quote", 3)]
    assert whole.rejects[0].raw == '"b,2'


def test_unclosed_quote_in_a_long_file_is_given_up_after_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_QUOTED_LINES", 100)
    content = "content,n\n" + '"x,1\n' + "y,2\n" * 3_000
    whole = read(write(tmp_path, "t.csv", content))
    assert whole.reasons == ["unclosed_quote"]
    assert len(whole.records) == 3_000


def test_ragged_quoted_row_over_two_lines_is_one_reject(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", 'content,n\n"a\nb",1,2,3\nc,4\n'))
    assert whole.reasons == ["too_many_fields"]
    assert whole.texts == ["c"]


def test_repeated_header_is_a_reject(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", "content,n\na,1\ncontent,n\nb,2\n"))
    assert whole.texts == ["a", "b"]
    assert whole.reasons == ["repeated_header"]


def test_one_column_needs_no_quotes(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.txt", '评论\n好,但是贵;真的|嗯\n"a, ""b"""\n'))
    assert whole.texts == ["好,但是贵;真的|嗯", 'a, "b"']


def test_excel_sep_line_names_the_delimiter(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", "sep=;\ncontent;n\na,b;1\n"))
    assert whole.texts == ["a,b"]


def test_gb18030_trail_byte_equal_to_the_delimiter_is_no_delimiter(tmp_path: Path) -> None:
    text = "倈"  # its second byte is 0x7C, the bar
    assert text.encode("gb18030")[1] == ord("|")
    whole = read(write(tmp_path, "t.csv", f"评论|n\n{text}好吃|1\n".encode("gb18030")))
    assert whole.texts == [f"{text}好吃"]
    assert whole.dump.encoding == "gb18030"


def test_bare_carriage_return_in_an_unquoted_cell_is_text(tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", "n,content\n1,好;\r真好;\n2,坏\r\n"))
    assert whole.texts == ["好;\r真好;", "坏"]
