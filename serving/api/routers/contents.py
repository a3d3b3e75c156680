"""``GET /v1/contents/{id}/insight``: what the comments under one content say."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from profiles.read import read_insight
from serving.api.deps import BareServiceDep, Id, Platform, ProfilesKey
from serving.api.strict import refusals, strict_router
from serving.batch.cells import to_json

router: Final = strict_router("contents")


@router.get(
    "/v1/contents/{content_id}/insight",
    responses={200: {"model": dict[str, Any]}, **refusals(404)},
    response_model=None,
    summary="One content",
)
async def insight(
    content_id: Id, caller: ProfilesKey, service: BareServiceDep, platform: Platform = None
) -> Response:
    """Shares of sentiment with intervals, aspects, risks, keywords and the evidence."""
    del caller
    found = await service.store.read(lambda store: read_insight(store, content_id, platform))
    return Response(to_json(found), media_type="application/json")
