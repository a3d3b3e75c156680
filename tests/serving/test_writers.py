"""The four output formats: what goes in comes out, nothing runs, nothing torn is left behind."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.columns import SCORES
from nlp.analyzer import Analyzer
from serving.batch import writers
from serving.batch.writers import TableWriter, check_output, check_rows
from serving.errors import ServingError, UsageError

TEXTS = [
    "这个茶很好，喜欢",
    None,
    '=HYPERLINK("http://evil.example")',
    "＝cmd|' /C calc'!A0",
    'https://example.com/差"评",\n第二行',
    "@小王 \U0001f600 难喝 \x08 _x0041_ \ufffe",
]
SUFFIXES = [".parquet", ".csv", ".jsonl", ".xlsx"]


@pytest.fixture
def table(analyzer: Analyzer) -> pa.Table:
    scores = analyzer.score(TEXTS)
    given = {"=id": pa.array([2**60 + i for i in range(len(TEXTS))]), "text": pa.array(TEXTS)}
    names = [*given, *SCORES.names]
    return pa.table([*given.values(), *scores.columns], names=names)


def write(table: pa.Table, path: Path) -> Path:
    with TableWriter(path, table.schema) as writer:
        writer.write(table.slice(0, 2))
        writer.write(table.slice(2))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_parquet_round_trips_exactly(table: pa.Table, tmp_path: Path) -> None:
    assert pq.read_table(write(table, tmp_path / "o.parquet")).equals(table)


def test_jsonl_holds_texts_and_lists_as_they_are(table: pa.Table, tmp_path: Path) -> None:
    lines = write(table, tmp_path / "o.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert [r["text"] for r in rows] == TEXTS
    assert [r["keywords"] for r in rows] == table["keywords"].to_pylist()
    assert [list(r) for r in rows] == [table.column_names] * len(TEXTS)
    assert rows[0]["p_positive"] == pytest.approx(table["p_positive"][0].as_py(), abs=1e-6)


def test_csv_neutralises_cells_and_headers(table: pa.Table, tmp_path: Path) -> None:
    rows = read_csv(write(table, tmp_path / "o.csv"))
    assert next(iter(rows[0])) == "'=id"
    assert rows[2]["text"] == "'" + str(TEXTS[2]) and rows[3]["text"] == "'" + str(TEXTS[3])
    assert rows[4]["text"] == TEXTS[4] and rows[1]["text"] == ""
    assert all(not cell.startswith(("=", "@", "＝")) for row in rows for cell in row.values())


def test_csv_lists_are_json_text(table: pa.Table, tmp_path: Path) -> None:
    rows = read_csv(write(table, tmp_path / "o.csv"))
    assert [json.loads(r["keywords"]) for r in rows] == table["keywords"].to_pylist()
    assert json.loads(rows[0]["interests"])[0]["topic"] == "food"


def test_xlsx_has_no_formulas_and_no_links(table: pa.Table, tmp_path: Path) -> None:
    path = write(table, tmp_path / "o.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert not [c for c in cells if c.data_type == "f"] and not [c for c in cells if c.hyperlink]
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
        assert not [name for name in book.namelist() if "sheet1.xml.rels" in name]


def test_xlsx_round_trips_texts_numbers_and_lists(table: pa.Table, tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(write(table, tmp_path / "o.xlsx")).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    assert list(header) == table.column_names and len(rows) == len(TEXTS)
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [r["text"] for r in found[:5]] == TEXTS[:5]
    assert found[0]["=id"] == str(2**60)  # more digits than a cell's number holds
    assert json.loads(str(found[0]["interests"]))[0]["topic"] == "food"
    assert found[0]["truncated"] is False


def test_xlsx_long_text_is_cut_at_what_a_cell_holds(tmp_path: Path) -> None:
    path = write(pa.table({"text": ["好" * 40_000, "x"]}), tmp_path / "o.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [len(str(sheet.cell(row, 1).value)) for row in (2, 3)] == [32_767, 1]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_table_gives_a_readable_file(suffix: str, table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / f"o{suffix}"
    with TableWriter(path, table.schema):
        pass
    assert path.exists() and [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_error_inside_leaves_nothing_and_keeps_the_old_output(
    suffix: str, table: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / f"o{suffix}"
    path.write_text("old")
    with pytest.raises(KeyError), TableWriter(path, table.schema) as writer:
        writer.write(table)
        raise KeyError("stop")
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_text() == "old"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk_at_the_end_leaves_no_part(
    suffix: str, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers.os, "fsync", full)
    with (
        pytest.raises(OSError, match="No space"),
        TableWriter(tmp_path / f"o{suffix}", table.schema),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_xlsx_scratch_files_go_with_an_error(
    table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with pytest.raises(KeyError), TableWriter(tmp_path / "o.xlsx", table.schema) as writer:
        writer.write(table)
        raise KeyError("stop")
    assert list(scratch.iterdir()) == []


def test_xlsx_row_limit_is_the_sheet_without_its_header() -> None:
    check_rows(Path("o.xlsx"), 1_048_575)
    check_rows(Path("o.csv"), 10**9)
    with pytest.raises(ServingError, match=r"at most 1,048,575 rows.*found 1,048,576.*\.parquet"):
        check_rows(Path("o.xlsx"), 1_048_576)


def test_xlsx_writer_refuses_the_row_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "XLSX_MAX_ROWS", 4)
    write(pa.table({"n": [1, 2, 3]}), tmp_path / "o.xlsx")
    with pytest.raises(ServingError, match="at most 3 rows"):
        write(pa.table({"n": [1, 2, 3, 4]}), tmp_path / "p.xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["o.xlsx"]


def test_xlsx_refuses_columns_that_a_sheet_has_not(tmp_path: Path) -> None:
    wide = pa.table({f"c{i}": pa.array([1]) for i in range(16_385)})
    with pytest.raises(ServingError, match="at most 16,384 columns"):
        write(wide, tmp_path / "o.xlsx")


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (lambda t: t / "o.txt", r"ending in \.parquet, \.csv, \.jsonl, \.xlsx, found 'o.txt'"),
        (lambda t: t / "none" / "o.csv", "existing folder, found no .*none; create it"),
        (lambda t: make_folder(t / "o.csv"), "expected a file, found the folder"),
    ],
)
def test_check_output_says_in_one_line_what_is_wrong(
    target: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_output(target(tmp_path))
    assert "\n" not in str(caught.value)
