"""Globs, folders and partitioned datasets as lists of files, and partitions as columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.readers import DumpError, expand_inputs, open_dump


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for day in ("2024-01-02", "2024-01-01", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "set" / f"dt={day}" / "城市=%E6%9D%AD"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"text": ["好", "差"]}), folder / "part-0.parquet")
    for name in ("_SUCCESS", ".part.crc", "notes.md", "o.csv.rejects.jsonl", "o.csv.part"):
        (tmp_path / "set" / name).write_text("x")
    (tmp_path / "set" / "o.csv.job").mkdir()
    (tmp_path / "set" / "o.csv.job" / "00000000.parquet").write_text("x")
    return tmp_path / "set"


def test_folder_gives_its_dumps_by_path_with_partitions(dataset: Path) -> None:
    files, notes = expand_inputs([str(dataset)])
    assert [f.label for f in files] == [
        "dt=2024-01-01/城市=%E6%9D%AD/part-0.parquet",
        "dt=2024-01-02/城市=%E6%9D%AD/part-0.parquet",
        "dt=__HIVE_DEFAULT_PARTITION__/城市=%E6%9D%AD/part-0.parquet",
    ]
    assert files[0].partitions == {"dt": "2024-01-01", "城市": "杭"}
    assert files[2].partitions["dt"] is None and notes == []


def test_glob_gives_what_matches_and_a_file_named_twice_once(dataset: Path) -> None:
    one = str(dataset / "dt=2024-01-01" / "城市=%E6%9D%AD" / "part-0.parquet")
    files, notes = expand_inputs([str(dataset / "dt=2024*" / "*" / "*.parquet"), one])
    assert [f.partitions["dt"] for f in files] == ["2024-01-01", "2024-01-02"]
    assert len(notes) == 1 and "read once" in notes[0]


def test_output_and_empty_files_in_a_folder_are_no_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n好\n", "utf-8")
    (tmp_path / "o.csv").write_text("text\n好\n", "utf-8")
    (tmp_path / "none.csv").write_text("")
    files, notes = expand_inputs([str(tmp_path)], without=[tmp_path / "o.csv"])
    assert [f.label for f in files] == ["a.csv"]
    assert len(notes) == 1 and "none.csv: empty" in notes[0]


def test_file_is_given_as_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "x[1].csv").write_text("text\n好\n", "utf-8")
    for name in ("x[1].csv", "db.sqlite::table", "missing.csv"):
        (file,) = expand_inputs([str(tmp_path / name)])[0]
        assert file.path == str(tmp_path / name) and file.label is None and not file.partitions


@pytest.mark.parametrize("name", ["", "*.csv"])
def test_folder_or_glob_without_dumps_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="expected dumps"):
        expand_inputs([str(tmp_path / name)])


def test_partitions_are_text_columns_of_every_row(dataset: Path) -> None:
    rows = []
    for file in expand_inputs([str(dataset)])[0]:
        dump = open_dump(file.path, label=file.label, partitions=file.partitions)
        assert dump.input_schema.names == ["text", "dt", "城市"]
        for batch in dump.batches(rows=1):
            rows += batch.original.to_pylist()
            assert batch.records["comment_id"].to_pylist()[0].startswith("dt=")
    assert [row["dt"] for row in rows] == ["2024-01-01"] * 2 + ["2024-01-02"] * 2 + [None] * 2
    assert {row["城市"] for row in rows} == {"杭"}


def test_partition_that_the_file_holds_too_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,dt\n好,mine\n", "utf-8")
    dump = open_dump(path, partitions={"dt": "folder", "月": "1"})
    (batch,) = dump.batches()
    assert batch.original.to_pylist() == [{"text": "好", "dt": "mine", "月": "1"}]


def test_partition_named_as_a_known_field_fills_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n好\n", "utf-8")
    dump = open_dump(path, partitions={"platform": "weibo"})
    (batch,) = dump.batches()
    assert batch.records["platform"].to_pylist() == ["weibo"]
