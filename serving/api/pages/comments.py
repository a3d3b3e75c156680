"""``/comments``: the comments behind a number, newest or most liked first."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, Final

from fastapi import Request, Response

from data.labels import PLATFORMS
from profiles.listing import CommentFilter, Order, read_comments
from serving.api.deps import LONGEST_ID, BareServiceDep
from serving.api.errors import ApiError
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.links import comments_url
from serving.api.pages.reading import page_number
from serving.api.pages.render import page
from serving.report.words import local_time, name_of

router: Final = page_router()
PER_PAGE: Final = 50
_NAMES: Final = {
    "sentiment": "情感",
    "platform": "平台",
    "content": "内容",
    "person": "用户",
    "since": "从",
    "until": "到",
    "after": "不早于",
    "before": "早于",
    "emotion": "情绪",
    "interest": "话题",
    "aspect": "方面",
    "polarity": "评价",
    "risk": "风险",
    "flag": "意图",
    "keyword": "关键词",
    "risky": "带风险",
    "truncated": "过长截断",
}
_DAYS: Final = ("since", "until")
_MOMENTS: Final = ("after", "before")
_BOOLS: Final = ("risky", "truncated")


@router.get("/comments")
async def comments(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """The comments that the address asks for."""
    del caller
    chosen = read_filter(dict(request.query_params))
    at = page_number(request.query_params.get("page"))
    order: Order = "liked" if request.query_params.get("order") == "liked" else "newest"

    def job(store: Any) -> Any:
        offset = (at - 1) * PER_PAGE
        now = datetime.now(UTC)
        return read_comments(store, chosen, now, order=order, limit=PER_PAGE, offset=offset)

    found = await service.store.read(job)
    given = {
        f.name: text
        for f in fields(chosen)
        if (text := request.query_params.get(f.name)) is not None
    }
    return page(
        request,
        "comments.html.j2",
        found=found,
        chosen=[(_NAMES[name], _shown(name, getattr(chosen, name))) for name in given],
        order=order,
        orders=[
            (name, title, comments_url(**given, order=name))
            for name, title in (("newest", "最新"), ("liked", "最多赞"))
        ],
        first=(at - 1) * PER_PAGE + 1,
        earlier=comments_url(**given, order=order, page=str(at - 1)) if at > 1 else None,
        later=comments_url(**given, order=order, page=str(at + 1))
        if at * PER_PAGE < found.total
        else None,
    )


def read_filter(query: dict[str, str]) -> CommentFilter:
    """The filter of an address. Raises ApiError: 422 for a value that cannot be meant."""
    given: dict[str, Any] = {}
    for field in fields(CommentFilter):
        text = query.get(field.name)
        if text is None:
            continue
        try:
            given[field.name] = _value(field.name, text)
        except ValueError:
            raise ApiError(
                422, "invalid", f"{field.name}: expected another value", "use a link of the pages"
            ) from None
    return CommentFilter(**given)


def _value(name: str, text: str) -> Any:
    if not text or len(text) > LONGEST_ID or "\0" in text:
        raise ValueError
    if name in _DAYS:
        return date.fromisoformat(text)
    if name in _MOMENTS:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if name in _BOOLS:
        return {"true": True, "false": False}.get(text, True)
    return text


def _shown(name: str, value: Any) -> str:
    if name in _MOMENTS:
        return local_time(value)
    if name in _BOOLS:
        return "是" if value else "否"
    if name == "sentiment" and value == "judged":
        return "可判断"
    if name == "sentiment" and value == "unjudged":
        return "无法判断"
    if name == "platform":
        return PLATFORMS.get(value, value)
    return name_of(name, str(value))
