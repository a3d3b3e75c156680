"""``GET /v1/profiles/{user}``: the six dimensions of one person."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from profiles.read import read_profile
from serving.api.deps import BareServiceDep, Id, Platform, ProfilesKey
from serving.api.strict import refusals, strict_router
from serving.batch.cells import to_json

router: Final = strict_router("profiles")


@router.get(
    "/v1/profiles/{user}",
    responses={200: {"model": dict[str, Any]}, **refusals(404)},
    response_model=None,
    summary="One person",
)
async def profile(
    user: Id, caller: ProfilesKey, service: BareServiceDep, platform: Platform = None
) -> Response:
    """The six dimensions of one person, by the platform's user id or the person id."""
    del caller
    found = await service.store.read(lambda store: read_profile(store, user, platform))
    return Response(to_json(found), media_type="application/json")
