"""The report as a workbook: 总览, 内容, 评论 and 画像; texts stay texts, never formulas or links.

The comments stream through, at most what one sheet holds; a longer store says so on the first
sheet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from profiles.read import read_insights
from profiles.sql import SEEN
from profiles.store.duckdb_store import DuckDBStore
from serving.report.facts import ReportFacts, read_facts, title_of
from serving.report.words import local_hour, local_time, name_of, percent_range

MAX_COMMENTS: Final = 1_000_000  # a sheet ends at 1,048,576 rows
MAX_PERSONS: Final = 100_000
MAX_CELL: Final = 32_767  # characters
_OPTIONS: Final = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "constant_memory": True,
    "nan_inf_to_errors": True,
}
_COMMENT_COLUMNS: Final = {
    "comment_id": "评论编号",
    "platform": "平台",
    "content_id": "内容编号",
    "text": "评论",
    "created_at": "时间（北京）",
    "like_count": "点赞",
    "sentiment": "情感",
    "sentiment_score": "情感分",
    "emotion": "情绪",
    "interest": "兴趣",
    "keywords": "关键词",
    "aspects": "方面",
    "flags": "意图",
    "risks": "风险",
    "region": "地区",
    "user_id": "用户（加密）",
}
_CONTENT_COLUMNS: Final = (
    *("平台", "内容编号", "标题", "评论", "可判断", "负面", "中性", "正面"),
    *("负面占比", "负面占比下限", "负面占比上限", "平均情感分", "情绪", "关键词", "风险"),
    *("最早评论", "最近评论"),
)
_PERSON_COLUMNS: Final = (
    *("用户（加密）", "平台", "评论", "可判断", "负面", "中性", "正面", "平均情感分"),
    *("每 30 天趋势", "情绪", "兴趣占比"),
)


def build_report_xlsx(
    store: DuckDBStore, out: Path, *, title: str = "评论洞察报告", as_of: datetime | None = None
) -> Path:
    """Write the workbook of a refreshed store, replacing an older one whole; return the path.

    Raises:
        ReportError: the store was not refreshed as of that moment, or loaded since.
    """
    facts = read_facts(store, title=title, as_of=as_of)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    with xlsxwriter.Workbook(str(draft), dict(_OPTIONS)) as book:
        _write(book, "总览", ["项目", "数值", "说明"], _overview_rows(facts), [28, 16, 60])
        _write(book, "内容", _CONTENT_COLUMNS, _content_rows(store), [10, 16, 40])
        headings = list(_COMMENT_COLUMNS.values())
        _write(book, "评论", headings, _comment_rows(store, facts.as_of), [16, 10, 16, 60, 18])
        _write(book, "画像", _PERSON_COLUMNS, _person_rows(store), [36])
    os.replace(draft, out)
    return out


def _write(
    book: xlsxwriter.Workbook,
    name: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    widths: Sequence[int],
) -> None:
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.write_row(0, 0, headings, book.add_format({"bold": True, "bottom": 1}))
    last = 0
    for last, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            _write_cell(sheet, last, column, value)
    sheet.autofilter(0, 0, max(last, 1), len(headings) - 1)


def _write_cell(sheet: Any, row: int, column: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, str):
        sheet.write_string(row, column, value[:MAX_CELL])
    else:
        sheet.write_number(row, column, value)


def _overview_rows(facts: ReportFacts) -> Iterable[Sequence[Any]]:
    s = facts.summary
    yield ["报告", None, facts.title]
    yield ["数据截至（北京时间）", None, local_time(facts.as_of)]
    yield ["评论", s["n"], f"{local_time(s['first_at'])} 至 {local_time(s['last_at'])}"]
    if s["n"] > MAX_COMMENTS:
        yield ["评论表所列", MAX_COMMENTS, "一张表放不下全部评论，按平台和编号列出前面部分"]
    yield ["可判断情感", s["n_judged"], f"其余 {s['n'] - s['n_judged']} 条没有可供判断的文字"]
    for sentiment in ("negative", "neutral", "positive"):
        share, low, high = facts.share(sentiment)
        note = f"95% 区间 {percent_range(low, high)}，n = {s['n_judged']}"
        yield [f"{name_of('sentiment', sentiment)}占比", share if s["n_judged"] else None, note]
    yield ["平均情感分", s["mean_score"], "−1 至 1"]
    for kind, heading in (
        ("emotion", "情绪"),
        ("interest", "兴趣"),
        ("risk", "风险"),
        ("flag", "意图"),
    ):
        for group in facts.groups.get(kind, []):
            yield [f"{heading}：{group.name}", group.n, f"其中负面 {group.n_negative} 条"]
    for crisis in facts.crises:
        for surge in crisis.surges:
            yield [
                f"危机提示：{surge['day']}",
                surge["n_negative"],
                f"{_unit(facts, surge)}：当日负面条数；正常约 {surge['expected']:.1f} 条，"
                f"警戒线 {surge['alarm_at']} 条，{local_hour(surge['alarmed_at'])} 达到",
            ]
    yield ["模型版本", None, "、".join(s["model_versions"]) or "未注明"]


def _unit(facts: ReportFacts, surge: dict[str, Any]) -> str:
    if surge["scope"] == "brand":
        return "全部内容合计"
    return f"《{facts.title_of(surge['platform'], surge['content_id'])}》"


def _content_rows(store: DuckDBStore) -> Iterable[Sequence[Any]]:
    for row in read_insights(store).to_pylist():
        yield [
            name_of("platform", row["platform"]),
            row["content_id"],
            title_of(row, row["content_id"]),
            *(row[name] for name in ("n", "n_judged", "n_negative", "n_neutral", "n_positive")),
            *(row[f"share_negative{part}"] for part in ("", "_low", "_high")),
            row["mean_score"],
            _named("emotion", row["emotions"]),
            "、".join(f"{item['keyword']} {item['n']}" for item in row["keywords"]),
            _named("risk", row["risks"]),
            local_time(row["first_at"]),
            local_time(row["last_at"]),
        ]


def _comment_rows(store: DuckDBStore, as_of: datetime) -> Iterable[Sequence[Any]]:
    batches = store.stream(
        f"""SELECT {", ".join(_COMMENT_COLUMNS)} FROM comments WHERE {SEEN}
            ORDER BY platform, comment_id LIMIT {MAX_COMMENTS}""",
        {"as_of": as_of},
    )
    for batch in batches:
        for row in batch.to_pylist():
            yield [_comment_cell(name, row[name]) for name in _COMMENT_COLUMNS]


def _comment_cell(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "created_at":
        return local_time(value)
    if name == "aspects":
        items = [
            (name_of("aspect", a["aspect"]), name_of("polarity", a["polarity"])) for a in value
        ]
        return "、".join(" ".join(item) for item in items)
    if isinstance(value, list):
        return "、".join(name_of(name.removesuffix("s"), item) for item in value)
    return name_of(name, value) if isinstance(value, str) and name != "text" else value


def _person_rows(store: DuckDBStore) -> Iterable[Sequence[Any]]:
    batches = store.stream(
        f"""SELECT person_id, persons.platform, emotion, interest
            FROM profiles JOIN persons USING (person_id)
            ORDER BY n_comments DESC, person_id LIMIT {MAX_PERSONS}"""
    )
    for batch in batches:
        for row in batch.to_pylist():
            yield _person_row(row)


def _person_row(row: dict[str, Any]) -> Sequence[Any]:
    emotion, interest = json.loads(row["emotion"]), json.loads(row["interest"])
    topics = [item for item in interest.get("topics") or [] if item["share"] is not None]
    return [
        row["person_id"],
        name_of("platform", row["platform"]),
        *(emotion[name] for name in ("n", "n_judged", "n_negative", "n_neutral", "n_positive")),
        emotion["mean_score"],
        emotion["trend"],
        _named("emotion", emotion["by_emotion"] or []),
        "、".join(f"{name_of('interest', t['topic'])} {t['share']:.0%}" for t in topics[:5]),
    ]


def _named(kind: str, counted: Sequence[dict[str, Any]]) -> str:
    return "、".join(f"{name_of(kind, item[kind])} {item['n']}" for item in counted)
