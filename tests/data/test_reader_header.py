"""A title or blank rows above the header: found, told, and every row below it kept."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from data.readers.header import HEADER_ROWS, find_header
from tests.data.reader_tools import read, write

HEADER = ["评论内容", "评论时间", "点赞数"]
ROWS = [["茶很好喝", "2026-09-01 10:00:00", "3"], ["难喝", "2026-09-02 10:00:00", "0"]]
ABOVE = {
    "title": [["雾坞茶饮九月评论导出"]],
    "title and note": [["雾坞茶饮"], ["导出时间", "2026-09-30"], []],
    "blank rows": [[], [], []],
    "a title that is a usual name": [["评论"]],
    "nine rows": [["说明"]] * 9,
}


def sheet(path: Path, rows: list[list[str]]) -> Path:
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            book.active.cell(number, column, value)
    book.save(path)
    return path


def padded(rows: list[list[str]]) -> str:
    """CSV as spreadsheets export it: every line as wide as the widest."""
    return "".join(",".join(row + [""] * (3 - len(row))) + "\n" for row in rows)


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_xlsx_header_below_other_rows_is_found(above: list[list[str]], tmp_path: Path) -> None:
    whole = read(sheet(tmp_path / "t.xlsx", [*above, HEADER, *ROWS]))
    assert whole.texts == ["茶很好喝", "难喝"] and not whole.rejects
    assert list(whole.originals[0]) == HEADER
    assert [record["like_count"] for record in whole.records] == [3, 0]
    assert whole.row_numbers == [1, 2] and whole.lines[0] == len(above) + 2
    assert whole.counts["rows_above_header"] == len(above)
    assert f"header in line {len(above) + 1}" in whole.dump.why


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_csv_header_below_other_rows_is_found(above: list[list[str]], tmp_path: Path) -> None:
    whole = read(write(tmp_path, "t.csv", padded([*above, HEADER, *ROWS])))
    assert whole.texts == ["茶很好喝", "难喝"] and not whole.rejects
    assert whole.row_numbers == [1, 2] and whole.lines[0] == len(above) + 2
    assert whole.counts["rows_above_header"] == len(above)


@pytest.mark.parametrize(
    "title", ["雾坞茶饮九月评论导出", "雾坞茶饮，九月评论", '"茶\n饮"', "sep=;\n茶"]
)
def test_csv_title_without_the_delimiter_hides_no_columns(title: str, tmp_path: Path) -> None:
    lines = [";".join(cells) for cells in (HEADER, *ROWS)]
    whole = read(write(tmp_path, "t.csv", "\n".join([title, "", *lines, ""])))
    assert whole.texts == ["茶很好喝", "难喝"] and not whole.rejects
    assert whole.counts["rows_above_header"] == 1 and whole.counts["blank_lines"] == 1
    assert "茶" in whole.dump.why


def test_title_is_told_with_the_format(tmp_path: Path) -> None:
    whole = read(sheet(tmp_path / "t.xlsx", [["雾坞茶饮"], [], HEADER, *ROWS]))
    assert whole.dump.why.endswith("header in line 3, above it: 雾坞茶饮")


def test_known_shape_and_named_columns_tell_the_header(tmp_path: Path) -> None:
    shape = [["抖音导出"], ["comment_id", "aweme_id", "content"], ["1", "2", "好"]]
    found = read(sheet(tmp_path / "a.xlsx", shape))
    assert found.dump.format.startswith("mediacrawler-douyin-comments")
    named = [["导出"], ["编号", "话"], ["1", "好"]]
    path = sheet(tmp_path / "b.xlsx", named)
    assert read(path, text_column="话").texts == ["好"]
    assert read(path, mapping={"text": "话", "comment_id": "编号"}).texts == ["好"]


def test_table_without_a_text_is_found_by_usual_names(tmp_path: Path) -> None:
    content = "订单导出,,\n用户ID,日期,金额\n1,2026-09-01,25\n"
    whole = read(write(tmp_path, "t.csv", content), format="table")
    assert list(whole.originals[0]) == ["用户ID", "日期", "金额"]


def test_sheet_with_a_title_is_still_the_one_with_comments(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["说明"])
    other = book.create_sheet("数据")
    for row in (["抖音导出"], ["comment_id", "aweme_id", "content"], ["1", "2", "好"]):
        other.append(row)
    book.save(tmp_path / "t.xlsx")
    whole = read(tmp_path / "t.xlsx")
    assert whole.texts == ["好"] and whole.dump.label.endswith("数据")


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["句子", "标签"], ["内容", "1"]], 0),  # as wide as the row above: data, not a header
        ([["x", "y"], ["1", "2"]], 0),
        ([["title"], *[["a"]] * HEADER_ROWS, HEADER], 0),  # too far down
        ([["title"], ["评论内容", *["很" * 50] * 3]], 0),  # long texts are data
        ([["title"], ["评论内容", "1", "2", "3"]], 0),  # and so are numbers
        ([["", None], ["x", "y"]], 1),
        ([[]], 0),
        ([], 0),
    ],
)
def test_rows_that_are_no_header_leave_the_first(rows: list[list[str | None]], header: int) -> None:
    assert find_header(rows) == header
