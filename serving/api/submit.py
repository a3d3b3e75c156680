"""What analyze and comments share: limits on texts, the caller's quota, scoring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import Request

from serving.api.auth import Caller
from serving.api.errors import ApiError
from serving.api.schemas import Comment
from serving.api.service import Service


def comments_texts(comments: Sequence[Comment]) -> list[str | None]:
    """The texts of comments, in order."""
    return [comment.text for comment in comments]


async def score_for(
    service: Service,
    caller: Caller,
    request: Request,
    texts: Sequence[str | None],
    deadline_ms: int | None,
) -> list[bytes]:
    """The JSON of each result.

    Raises ApiError: 413 beyond the limits, 429 beyond quota or predicted wait, 422 for a character
    that no text may hold, 503.
    """
    _check(service, texts)
    request.state.texts = len(texts)
    if caller.key_id is not None:
        service.guard.usage.take_texts(caller.key_id, len(texts), caller.texts_per_day)
    if not service.warm:
        await _warm(service, request)
    deadline_s = None if deadline_ms is None else deadline_ms / 1000
    try:
        return await service.scoring.score(texts, deadline_s, request.receive)
    except ApiError:
        if caller.key_id is not None:
            service.guard.usage.give_back(caller.key_id, len(texts))
        raise


async def _warm(service: Service, request: Request) -> None:
    """Loads dictionaries before the first text; that time is not the call's."""
    limit: asyncio.Timeout = request.state.time_limit
    limit.reschedule(None)
    await asyncio.to_thread(service.load_dictionaries)
    now = asyncio.get_running_loop().time()
    limit.reschedule(now + service.settings.request_timeout_s + 1)


def _check(service: Service, texts: Sequence[str | None]) -> None:
    settings = service.settings
    if len(texts) > settings.max_texts:
        # 422, as for every list of a wrong length
        raise ApiError(
            422,
            "too_many_texts",
            f"expected at most {settings.max_texts} texts a call, found {len(texts):,}",
            "send several calls, or one job: POST /v1/jobs",
        )
    for at, text in enumerate(texts):
        if text is not None and len(text) > settings.max_chars:
            raise ApiError(
                413,
                "too_large",
                f"expected at most {settings.max_chars:,} characters a text, found "
                f"{len(text):,} in text {at}",
                "cut it: the model reads some 250 characters",
            )
