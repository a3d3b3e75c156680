"""``/contents``: the contents with the surest blame, and the insight of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response

from profiles.read import read_contents, read_insight
from serving.api.deps import BareServiceDep, Id, Platform
from serving.api.pages.charts import Column, columns
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.links import comments_url
from serving.api.pages.reading import page_number
from serving.api.pages.render import NARROW_PX, WIDE_PX, page
from serving.report.facts import title_of
from serving.report.words import LOCAL
from serving.stores import NoStoreError

router: Final = page_router()
PER_PAGE: Final = 50
MAX_COLUMNS: Final = 72
CHART: Final = "每段时间的评论数"
_HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 168, 720)  # what a column may stand for


@router.get("/contents")
async def listed(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """Contents by the lower bound of their negative share."""
    del caller
    at = page_number(request.query_params.get("page"))

    def job(store: Any) -> tuple[int, list[dict[str, Any]]]:
        rows = read_contents(store, limit=PER_PAGE, offset=(at - 1) * PER_PAGE)
        return store.count("content_insights"), [
            {**row, "title": title_of(row, row["content_id"])} for row in rows
        ]

    try:
        total, rows = await service.store.read(job)
    except NoStoreError:
        total, rows = 0, []
    return page(request, "contents.html.j2", rows=rows, total=total, at=at, per_page=PER_PAGE)


@router.get("/contents/{content}")
async def one(
    request: Request,
    content: Id,
    caller: PageCaller,
    service: BareServiceDep,
    platform: Platform = None,
) -> Response:
    """Sentiment by hour, aspects, risks, keywords, evidence."""
    del caller
    found = await service.store.read(lambda store: _one(store, content, platform))
    step, data = hour_columns(found["insight"])
    return page(
        request,
        "content.html.j2",
        **found,
        step=step,
        chart={
            "wide": columns(data, width=WIDE_PX, height=220, title=CHART, label_px=66),
            "narrow": columns(data, width=NARROW_PX, height=200, title=CHART, label_px=66),
        }
        if data
        else None,
    )


def _one(store: Any, content: str, platform: str | None) -> dict[str, Any]:
    insight = read_insight(store, content, platform)
    rows = store.rows_where("contents", "content_id", [content]).to_pylist()
    about: dict[str, Any] = next(
        (row for row in rows if row["platform"] == insight["platform"]), {}
    )
    return {"insight": insight, "about": about, "title": title_of(about, content)}


def hour_columns(insight: dict[str, Any]) -> tuple[int, list[Column]]:
    """Hours per column and the columns of a content, empty ones too; local time."""
    hourly = [
        (datetime.fromisoformat(one["hour"]).astimezone(LOCAL), one) for one in insight["hourly"]
    ]
    if not hourly:
        return 1, []
    first, last = min(hourly)[0] if len(hourly) == 1 else hourly[0][0], hourly[-1][0]
    span = int((last - first).total_seconds() // 3600) + 1
    step = next((hours for hours in _HOURS if span <= MAX_COLUMNS * hours), _HOURS[-1])
    day = first.replace(hour=0)
    start = day + timedelta(hours=(first - day).seconds // 3600 // step * step if step < 24 else 0)
    count = int((last - start).total_seconds() // 3600) // step + 1
    sums = [[0, 0, 0] for _ in range(count)]
    for hour, one in hourly:
        into = sums[int((hour - start).total_seconds() // 3600) // step]
        for at, name in enumerate(("n", "n_judged", "n_negative")):
            into[at] += one[name]
    return step, [
        _column(insight, start + timedelta(hours=step * at), step, *counts)
        for at, counts in enumerate(sums)
    ]


def _column(
    insight: dict[str, Any], start: datetime, step: int, n: int, judged: int, negative: int
) -> Column:
    end = start + timedelta(hours=step)
    return Column(
        label=f"{start.month}/{start.day}" + ("" if step >= 24 else f" {start:%H}时"),
        tip=f"{start:%m-%d %H:%M}–{end:%m-%d %H:%M}　共 {n} 条：负面 {negative}　其他 "
        f"{judged - negative}　无法判断 {n - judged}",
        url=comments_url(
            content=insight["content_id"],
            platform=insight["platform"],
            after=start.astimezone(UTC).isoformat(),
            before=end.astimezone(UTC).isoformat(),
        ),
        parts=(negative, judged - negative, 0, n - judged),
    )
