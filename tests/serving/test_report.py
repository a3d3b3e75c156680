"""The page and the workbook: every comment escaped, no request, numbers equal to the store's."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore
from serving.report import ReportError, build_report, build_report_xlsx
from serving.report.charts import labelled, nice_ceiling
from serving.report.crisis import crises
from serving.report.page import script_json
from serving.report.words import LOCAL, opening

KEY = bytes(range(32))
NASTY = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "</details></section>\u2028\u2029 & \" ' `${1}`",
    "{{ 7*7 }} {% raw %} \x00\x08\x1b \u202e 倒着写",
    '=HYPERLINK("http://evil.example","点我")',
    "+cmd|' /C calc'!A0",
]


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    path = Path(__file__).parents[1] / "profiles" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic_for_reports", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store(synthetic: ModuleType) -> Iterator[DuckDBStore]:
    with DuckDBStore(":memory:", key=KEY) as opened:
        opened.load("comments", synthetic.scored_comments(), "load-1")
        refresh(opened, synthetic.AS_OF, "refresh-1")
        yield opened


@pytest.fixture
def nasty_store(synthetic: ModuleType) -> Iterator[DuckDBStore]:
    rows = [
        {
            "content_id": NASTY[0],
            "user_id": f"u{number}",
            "text": text,
            "like_count": 9,
            "region": NASTY[1],
            "created_at": synthetic.START + timedelta(days=number % 4),
            "sentiment": "negative",
            "sentiment_score": -0.9,
            "emotion": "<b>anger</b>",
            "interests": [{"topic": "</script>", "score": 0.9}],
            "keywords": [NASTY[1]],
            "risks": ["<i>legal</i>"],
            "model_version": NASTY[0],
        }
        for number, text in enumerate(NASTY * 4)
    ]
    contents = {"content_id": [NASTY[0]], "platform": ["douyin"], "title": [NASTY[1]]}
    with DuckDBStore(":memory:", key=KEY) as opened:
        opened.load("comments", synthetic.comments_table(rows), "load-1")
        opened.load("contents", pa.table(contents), "load-2")
        refresh(opened, synthetic.AS_OF, "refresh-1")
        yield opened


class Elements(HTMLParser):
    """Every tag of a page, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        inside = self.tags and self.tags[-1][0] == "script"
        (self.scripts if inside and data.strip() else self.texts).append(data)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", {}))


def page_of(store: DuckDBStore, folder: Path, **options: str) -> str:
    return build_report(store, folder / "report.html", **options).read_text(encoding="utf-8")


def test_page_makes_no_request(store: DuckDBStore, tmp_path: Path) -> None:
    elements = Elements(page_of(store, tmp_path))
    for tag, attributes in elements.tags:
        assert not {"src", "srcset", "action", "style"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "default-src 'none'" in str(elements.tags)
    assert not re.search(r"https?://|@import|url\(", page_of(store, tmp_path))


def test_page_of_hostile_comments_has_the_same_kinds_of_elements(
    store: DuckDBStore, nasty_store: DuckDBStore, tmp_path: Path
) -> None:
    plain, hostile = (Elements(page_of(one, tmp_path)) for one in (store, nasty_store))
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in plain.tags}
    assert len(hostile.scripts) == 2  # the data and the page's own script
    assert hostile.scripts[1] == plain.scripts[1]
    text = "".join(hostile.texts)
    assert "<script>alert(1)</script>" in text and "{{ 7*7 }}" in text
    assert "\x00" not in text and "\x1b" not in text


def test_page_title_is_escaped(store: DuckDBStore, tmp_path: Path) -> None:
    page = page_of(store, tmp_path, title=NASTY[1])
    assert NASTY[1] not in page and "&lt;/script&gt;&lt;img" in page


def test_script_json_cannot_leave_its_element() -> None:
    text = script_json({"text": NASTY, "</script>": 1})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"text": NASTY, "</script>": 1}


def test_page_data_equals_the_store(store: DuckDBStore, tmp_path: Path) -> None:
    data = json.loads(Elements(page_of(store, tmp_path)).scripts[0])
    stored = store.read(
        "SELECT coalesce(sentiment, 'unjudged') AS k, count(*) AS n FROM comments GROUP BY ALL"
    )
    assert data["sentiment"] == {row["k"]: row["n"] for row in stored.to_pylist()}
    assert data["summary"]["n"] == 200
    counted = sum(sum(v for k, v in one.items() if k != "start") for one in data["periods"])
    assert counted == 200 - data["summary"]["n_undated"]


def test_page_says_what_a_manager_needs(store: DuckDBStore, tmp_path: Path) -> None:
    page = page_of(store, tmp_path, title="五月复盘")
    for words in ("五月复盘", "危机提示", "95% 区间", "空心点", "最需要回应的内容", "fake-1"):
        assert words in page
    assert re.search(r"共 54 条，列出 5 条", page)


def test_page_of_an_empty_store_is_built(synthetic: ModuleType, tmp_path: Path) -> None:
    with DuckDBStore(":memory:", key=KEY) as empty:
        refresh(empty, synthetic.AS_OF, "refresh-1")
        assert "没有带时间的评论" in page_of(empty, tmp_path)
        build_report_xlsx(empty, tmp_path / "report.xlsx")


def test_page_twice_is_byte_for_byte_the_same(store: DuckDBStore, tmp_path: Path) -> None:
    assert page_of(store, tmp_path) == page_of(store, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_page_of_a_stale_store_is_refused(
    store: DuckDBStore, synthetic: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match="tingfeng refresh"):
        build_report(store, tmp_path / "r.html", as_of=synthetic.AS_OF + timedelta(days=1))
    store.load(
        "comments", synthetic.comments_table([{"text": "新来的", "content_id": "c1"}]), "load-2"
    )
    with pytest.raises(ReportError, match="loads after it"):
        build_report(store, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_page_of_three_years_counts_by_month(synthetic: ModuleType, tmp_path: Path) -> None:
    rows = [{"created_at": synthetic.START - timedelta(days=day)} for day in range(0, 1100, 11)]
    with DuckDBStore(":memory:", key=KEY) as old:
        old.load("comments", synthetic.comments_table(rows), "load-1")
        refresh(old, synthetic.AS_OF, "refresh-1")
        page = page_of(old, tmp_path)
    assert "每月评论数" in page
    starts = [one["start"] for one in json.loads(Elements(page).scripts[0])["periods"]]
    assert starts[0] == "2023-04-01" and starts[-1] == "2026-04-01" and len(starts) == 37


def test_workbook_has_the_four_sheets_and_every_comment(store: DuckDBStore, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(build_report_xlsx(store, tmp_path / "report.xlsx"))
    assert book.sheetnames == ["总览", "内容", "评论", "画像"]
    assert book["评论"].max_row == 201 and book["内容"].max_row == 7
    overview = {row[0].value: row[1].value for row in book["总览"].iter_rows()}
    assert overview["评论"] == 200 and overview["负面占比"] == pytest.approx(54 / 192)


def test_workbook_texts_are_never_formulas(nasty_store: DuckDBStore, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(build_report_xlsx(nasty_store, tmp_path / "report.xlsx"))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert NASTY[4] in {cell.value for cell in cells}


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0, 4), (4, 4), (5, 8), (9, 12), (42, 48), (81, 120), (801, 1200)]
)
def test_nice_ceiling_is_the_next_round_number(value: int, ceiling: int) -> None:
    assert nice_ceiling(value) == ceiling
    assert ceiling % 4 == 0


def test_page_tells_a_crisis_with_its_contents_and_their_comments(
    store: DuckDBStore, synthetic: ModuleType, tmp_path: Path
) -> None:
    contents = {"content_id": ["c6"], "platform": ["douyin"], "text": ["一条没有标题的微博，" * 9]}
    store.load("contents", pa.table(contents), "load-2")
    refresh(store, synthetic.AS_OF, "refresh-2")
    page = page_of(store, tmp_path)
    crisis = json.loads(Elements(page).scripts[0])["crises"][0]
    assert "2026-05-01" in crisis["days"] and crisis["contents"][0] == "c6"
    assert crisis["negative"] >= crisis["alarm_at"] > crisis["expected"]
    assert crisis["risks"][0]["risk"] == "food_safety"
    start = datetime.fromisoformat(crisis["alarmed_at"]).astimezone(LOCAL)
    banner = page[page.index("危机提示") : page.index("规则：什么算异常")]
    for words in (f"{start:%Y-%m-%d %H}:00", "正常预期", "食品安全", "一条没有标题的微博", "赞 "):
        assert words in banner
    assert 'href="#content-1"' in banner and 'id="content-1"' in page


@pytest.mark.parametrize(("comments", "words"), [(40, "未发现异常"), (3, "数据不足")])
def test_page_of_a_calm_store_says_what_can_be_said(
    synthetic: ModuleType, tmp_path: Path, comments: int, words: str
) -> None:
    row = {"created_at": synthetic.START, "sentiment": "positive", "sentiment_score": 0.5}
    rows = [row] * comments
    with DuckDBStore(":memory:", key=KEY) as calm:
        calm.load("comments", synthetic.comments_table(rows), "load-1")
        refresh(calm, synthetic.AS_OF, "refresh-1")
        page = page_of(calm, tmp_path)
    assert words in page and "危机提示" not in page and "负二项分布" in page
    assert ("未发现异常" in page) == (comments == 40)


def surge_row(day: date, n_negative: int, content: str | None = None) -> dict[str, Any]:
    return {
        "scope": "content" if content else "brand",
        "platform": "weibo" if content else None,
        "content_id": content,
        "day": day,
        "n_negative": n_negative,
        "expected": 4.0,
        "basis": "own",
        "alarmed_at": datetime(day.year, day.month, day.day, tzinfo=UTC),
        "evidence": [],
        "contents": [],
    }


def test_crises_are_days_in_a_row() -> None:
    first = date(2026, 5, 1)
    found = crises(
        [
            surge_row(first + timedelta(days=9), 200),
            surge_row(first, 60, "a"),
            surge_row(first + timedelta(days=1), 90),
            surge_row(first + timedelta(days=1), 20, "a"),
        ]
    )
    assert [one.worst["n_negative"] for one in found] == [200, 90]
    assert found[1].days == [first, first + timedelta(days=1)]
    assert found[1].alarmed_at == datetime(2026, 5, 1, tzinfo=UTC) and found[1].factor == 22.5
    assert [(one.content_id, one.n_negative) for one in found[1].contents] == [("a", 60)]


@pytest.mark.parametrize(
    ("text", "opened"),
    [(None, None), (" \n ", None), ("短", "短"), ("一\n二", "一 二"), ("长" * 40, "长" * 29 + "…")],
)
def test_opening_is_one_short_line(text: str | None, opened: str | None) -> None:
    assert opening(text) == opened


@pytest.mark.parametrize(
    ("counts", "distance", "chosen"),
    [([3, 5, 2], 1, [0, 1, 2]), ([3, 5, 2, 9], 2, [1, 3]), ([4, 4, 4], 2, [0, 2]), ([0], 1, [])],
)
def test_counts_are_written_where_no_higher_column_is_near(
    counts: list[int], distance: int, chosen: list[int]
) -> None:
    assert labelled(counts, distance) == chosen
