"""The whole road on the bundled sample, by the command that users run, with the model ``fake``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from data.columns import SCORES
from nlp.scorer import FakeScorer

RunDemo = Callable[[Path], subprocess.CompletedProcess[str]]
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href"}


class Loads(HTMLParser):
    """Every address that a page would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = LOADING | ({"href"} if tag in ("link", "image", "use", "base") else set())
        self.found += [value or "" for name, value in attrs if name in names]


def test_demo_leaves_dumps_scores_store_and_reports(demo: Path) -> None:
    names = {p.name for p in demo.iterdir()}
    assert {"dumps", "scored", "tingfeng.duckdb", "report.html", "report.xlsx"} <= names
    assert len(list((demo / "scored").glob("*.parquet"))) >= 4
    assert not [p for p in demo.rglob("*") if p.suffix in (".part", ".job", ".tmp")]


def test_demo_scores_every_comment_with_the_asked_model(demo: Path) -> None:
    for path in (demo / "scored").glob("*.parquet"):
        table = pq.read_table(path)
        assert table.num_rows and table.schema.names[-len(SCORES) :] == SCORES.names
        assert set(table["model_version"].to_pylist()) == {FakeScorer.model_version}
        for row in table.select(["sentiment", "p_negative", "p_neutral", "p_positive"]).to_pylist():
            chances = [row["p_negative"], row["p_neutral"], row["p_positive"]]
            judged = row["sentiment"] is not None
            assert sum(chances) == pytest.approx(1, abs=1e-5) if judged else chances == [None] * 3


def test_demo_store_holds_the_scored_comments_and_profiles(demo: Path) -> None:
    ids = set()
    for path in (demo / "scored").glob("*.parquet"):
        ids |= {(path.stem, name) for name in pq.read_table(path)["comment_id"].to_pylist()}
    with duckdb.connect(str(demo / "tingfeng.duckdb"), read_only=True) as store:
        counts = {
            name: store.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
            for name in ("comments", "contents", "users", "events", "orders", "profiles")
        }
    assert counts["comments"] == len(ids) and min(counts.values()) > 0


def test_demo_report_loads_nothing_from_elsewhere(demo: Path) -> None:
    page = (demo / "report.html").read_text("utf-8")
    loads = Loads()
    loads.feed(page)
    assert not [a for a in loads.found if not a.startswith(("data:", "#"))]
    assert "@import" not in page and "url(http" not in page and "url('http" not in page
    assert len(page) > 20_000


def test_demo_workbook_has_no_formulas(demo: Path) -> None:
    book = openpyxl.load_workbook(demo / "report.xlsx")
    cells = [c for sheet in book.worksheets for row in sheet.iter_rows() for c in row]
    assert len(cells) > 1000 and not [c for c in cells if c.data_type == "f"]


def test_demo_again_replaces_its_own_files_only(
    demo: Path, run_demo: RunDemo, tmp_path: Path
) -> None:
    copy = tmp_path / "demo"
    shutil.copytree(demo, copy)
    (copy / "mine.txt").write_text("mine")
    done = run_demo(copy)
    assert done.returncode == 0, done.stderr
    assert (copy / "mine.txt").read_text() == "mine"
    assert (copy / "report.html").read_bytes() == (demo / "report.html").read_bytes()


def test_demo_in_a_folder_of_others_is_refused_untouched(run_demo: RunDemo, tmp_path: Path) -> None:
    out = tmp_path / "precious"
    (out / "dumps").mkdir(parents=True)
    (out / "dumps" / "mine.csv").write_text("mine")
    done = run_demo(out)
    assert done.returncode == 2 and done.stderr.startswith("error: --out: expected an empty folder")
    assert [p.name for p in out.rglob("*")] == ["dumps", "mine.csv"]
