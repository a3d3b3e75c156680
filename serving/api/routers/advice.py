"""``GET /v1/advice``: what to publish for everybody of whom a rule holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query, Response

from profiles.audiences.saved import existing
from profiles.conditions.tree import Condition, FieldTest
from profiles.people import People
from serving.advice import advise, document
from serving.api.deps import BareServiceDep, Day, ProfilesKey, end_of
from serving.api.floor import floor_for
from serving.api.people_access import ask_people, condition_of, invalid
from serving.api.people_schemas import RULE, AdviceAnswer
from serving.api.results import to_bytes
from serving.api.strict import refusals, strict_router
from serving.people import checked

router: Final = strict_router("audiences")
EVERYBODY: Final = "所有人"


@router.get(
    "/v1/advice",
    responses={200: {"model": AdviceAnswer}, **refusals(404)},
    response_model=None,
    summary="What to publish for a segment",
)
async def advice(
    caller: ProfilesKey,
    service: BareServiceDep,
    audience: Annotated[
        str | None, Query(min_length=1, max_length=100, description="a kept audience")
    ] = None,
    where: Annotated[
        str | None, Query(min_length=1, max_length=2000, description="a rule", examples=[RULE])
    ] = None,
    as_of: Day = None,
) -> Response:
    """What `tingfeng advice --json` prints; without `audience` and `where` for everybody.

    Keys without the scope admin cannot ask for a group below the smallest.
    """
    if audience is not None and where is not None:
        raise invalid("expected audience or where, found both")
    asked = None if where is None else condition_of(where)
    floor = floor_for(caller, service.settings)

    def advised(people: People, refreshed: datetime) -> dict[str, Any]:
        chosen: Condition | None = asked
        if audience is not None:
            name = existing(people.store, audience).audience
            chosen = FieldTest(field="audience", op="=", values=(name,))
        known = None if chosen is None else checked(people, chosen)
        moment = end_of(as_of) if as_of else refreshed
        segment = audience or where or EVERYBODY
        found = document(advise(people, known, segment=segment, as_of=moment))
        floor.require(found["persons"])
        return floor.row(found, "persons")

    found = await ask_people(service, advised)
    return Response(to_bytes(found), media_type="application/json")
