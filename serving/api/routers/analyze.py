"""``POST /v1/analyze``: texts in, scores out, nothing kept."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from serving.api.auth import Caller
from serving.api.deps import AnalyzeKey, DeadlineMs, ServiceDep
from serving.api.results import answer, only, with_id
from serving.api.schemas import AnalyzeAnswer, AnalyzeRequest, Comment
from serving.api.service import Service
from serving.api.strict import refusals, strict_router
from serving.api.submit import comments_texts, score_for

router: Final = strict_router("analyze")


@router.post(
    "/v1/analyze",
    responses={200: {"model": AnalyzeAnswer}, **refusals()},
    response_model=None,
    summary="Score texts",
)
async def analyze(
    request: Request,
    body: AnalyzeRequest,
    caller: AnalyzeKey,
    service: ServiceDep,
    x_deadline_ms: DeadlineMs = None,
) -> Response:
    """Sentiment, emotion, topics, aspects, flags, risks and keywords of each text, in order.

    A text with nothing to judge has the status `empty` and nulls, never a made-up neutral.
    """
    return await scored(service, caller, request, body, x_deadline_ms)


async def scored(
    service: Service,
    caller: Caller,
    request: Request,
    body: AnalyzeRequest,
    deadline_ms: int | None = None,
) -> Response:
    """The answer to a valid call. Raises ApiError as ``score_for``."""
    comments: list[Comment] = body.comments or []
    texts = body.texts if body.texts is not None else comments_texts(comments)
    results = await score_for(service, caller, request, texts, deadline_ms)
    if body.features is not None:
        results = [only(result, body.features) for result in results]
    if comments:
        results = [with_id(r, c.id) for r, c in zip(results, comments, strict=True)]
    version = service.analyzer.scorer.model_version
    return Response(answer(version, results), media_type="application/json")
