"""``/``: how it stands, on one page; every number leads to its comments."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from fastapi import Request, Response

from profiles.listing import CommentFilter, CommentPage, read_comments
from profiles.overview import Period
from serving.api.deps import BareServiceDep
from serving.api.kept import state_of
from serving.api.pages.alerts import shown
from serving.api.pages.charts import Column, columns
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.journal import open_incidents
from serving.api.pages.links import comments_url
from serving.api.pages.overview_facts import Expected, Overview, read_overview
from serving.api.pages.render import NARROW_PX, WIDE_PX, page
from serving.report.facts import title_of
from serving.report.groups import PeriodCount
from serving.report.words import short_day
from serving.stores import NoStoreError

router: Final = page_router()
NEWEST: Final = 8
_UNIT: Final[dict[str, str]] = {"day": "日", "week": "周", "month": "月"}


@router.get("/")
async def overview(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """Counts, trend, topics, aspects, incidents, newest negative comments."""
    del caller
    try:
        state = await service.store.read(state_of)
    except NoStoreError:
        return page(request, "empty.html.j2", incidents=[])
    known = await service.kept.get("overview", state, read_overview)
    if known is None:
        return page(request, "counting.html.j2", headers={"Refresh": "3"})
    facts = known.value
    incidents = await open_incidents(service.settings)
    if not facts.summary["n"]:
        return page(request, "empty.html.j2", incidents=incidents)
    newest, titles = await service.store.read(lambda store: _texts(store, facts))
    return page(
        request,
        "overview.html.j2",
        facts=facts,
        stale=known.state != state,
        unit=_UNIT[facts.period],
        incidents=[shown(one) for one in incidents],
        newest=newest,
        titles=titles,
        **_charts(facts),
    )


def _texts(store: Any, facts: Overview) -> tuple[CommentPage, dict[tuple[str | None, str], str]]:
    """What is not kept: the newest negative comments, the titles of contents in crises."""
    negative = CommentFilter(sentiment="negative")
    newest = read_comments(store, negative, facts.as_of, limit=NEWEST)
    ids = sorted({one.content_id for crisis in facts.crises for one in crisis.contents})
    rows = store.rows_where("contents", "content_id", ids).to_pylist() if ids else []
    titles = {(r["platform"], r["content_id"]): title_of(r, r["content_id"]) for r in rows}
    return newest, titles


def _charts(facts: Overview) -> dict[str, Any]:
    volume = [
        _column(facts, one, expected)
        for one, expected in zip(facts.periods, facts.expected, strict=True)
    ]
    negative = [
        _column(facts, one, expected, negative=True)
        for one, expected in zip(facts.periods, facts.expected, strict=True)
    ]
    unit = _UNIT[facts.period]
    sizes = {"wide": (WIDE_PX, 240), "narrow": (NARROW_PX, 210)}
    return {
        "volume": {
            name: columns(volume, width=w, height=h, title=f"每{unit}评论数，按情感堆叠")
            for name, (w, h) in sizes.items()
        },
        "negative": {
            name: columns(
                negative, width=w, height=h - 50, title=f"每{unit}负面评论数与正常范围", band=True
            )
            for name, (w, h) in sizes.items()
        },
        "has_band": any(one.expected is not None for one in facts.expected),
    }


def _column(
    facts: Overview, one: PeriodCount, normal: Expected, *, negative: bool = False
) -> Column:
    last = _last_day(one.start, facts.period)
    sentiment = "negative" if negative else None
    url = comments_url(since=str(one.start), until=str(last), sentiment=sentiment)
    when = str(one.start) if last == one.start else f"{one.start} 至 {last}"
    told = ""
    if negative and normal.expected is not None:
        told = f"\n预期 {normal.expected:.1f}，正常范围 {normal.low:.1f}–{normal.high:.1f}"
    counted = (
        f"负面 {one.n_negative:,}"
        if negative
        else f"共 {one.n:,} 条：负面 {one.n_negative:,}　中性 {one.n_neutral:,}　"
        f"正面 {one.n_positive:,}　无法判断 {one.n_unjudged:,}"
    )
    parts = (one.n_negative, one.n_neutral, one.n_positive, one.n_unjudged)
    return Column(
        label=short_day(one.start),
        tip=f"{when}　{counted}{told}",
        url=url,
        parts=parts[:1] if negative else parts,
        marked=one.start in facts.crisis_days,
        low=normal.low,
        expected=normal.expected,
        high=normal.high,
    )


def _last_day(start: date, period: Period) -> date:
    if period == "day":
        return start
    if period == "week":
        return start + timedelta(days=6)
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
