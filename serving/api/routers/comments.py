"""``POST /v1/comments``: comments in, scores out, both into the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import pyarrow as pa
from fastapi import Request, Response

from data.columns import COMMENTS, SCORES
from data.readers.times import SHANGHAI
from serving.api.deps import AnalyzeKey, DeadlineMs, ServiceDep
from serving.api.results import answer, with_id
from serving.api.schemas import Comment, CommentsAnswer, CommentsRequest
from serving.api.strict import refusals, strict_router
from serving.api.submit import comments_texts, score_for

router: Final = strict_router("comments")


@router.post(
    "/v1/comments",
    responses={200: {"model": CommentsAnswer}, **refusals()},
    response_model=None,
    summary="Score comments and store them",
)
async def store_comments(
    request: Request,
    body: CommentsRequest,
    caller: AnalyzeKey,
    service: ServiceDep,
    x_deadline_ms: DeadlineMs = None,
) -> Response:
    """Scores as `/v1/analyze` does and loads the comments by platform and id.

    The same comment twice changes nothing. Profiles and insights follow with the next refresh.
    """
    results = await score_for(
        service, caller, request, comments_texts(body.comments), x_deadline_ms
    )
    table = comments_table(body.comments, results)
    run = f"api-{request.state.request_id}"
    loaded = await service.store.write(lambda store: store.load("comments", table, run))
    stored = {
        name: getattr(loaded, name)
        for name in ("rows", "inserted", "updated", "unchanged", "duplicates")
    }
    named = [with_id(r, c.id) for r, c in zip(results, body.comments, strict=True)]
    version = service.analyzer.scorer.model_version
    return Response(answer(version, named, stored=stored), media_type="application/json")


def comments_table(comments: Sequence[Comment], results: Sequence[bytes]) -> pa.Table:
    """The rows that the store takes: canonical columns, then scores."""
    rows = [
        _row(comment) | json.loads(result)
        for comment, result in zip(comments, results, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([*COMMENTS, *SCORES]))


def _row(comment: Comment) -> dict[str, Any]:
    row = comment.model_dump()
    row["comment_id"] = str(row.pop("id"))
    moment = row["created_at"]
    if moment is not None:
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)  # as in dumps
        row["created_at"] = zoned.astimezone(UTC)
    return row
