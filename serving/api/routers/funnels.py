"""``POST /v1/funnels``: how far persons of the store come along the steps of a question."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from profiles.funnel.errors import SpecError
from profiles.funnel.funnel import read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.stored import stored_events, stored_profiles
from serving.api.deps import BareServiceDep, ProfilesKey
from serving.api.errors import ApiError
from serving.api.floor import floor_for
from serving.api.people_access import check_characters
from serving.api.people_schemas import FunnelAnswer, FunnelBody
from serving.api.results import to_bytes
from serving.api.strict import refusals, strict_router
from serving.funnel import document

router: Final = strict_router("funnels")
SHOWN_CHARS: Final = 500


@router.post(
    "/v1/funnels",
    responses={200: {"model": FunnelAnswer}, **refusals(404)},
    response_model=None,
    summary="A funnel over the stored events",
)
async def funnel(body: FunnelBody, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Ordered, strict or unordered steps with windows, exclusions and a breakdown.

    Keys without the scope admin see rounded counts, and no value of a breakdown below the smallest
    group.
    """
    try:
        given = body.model_dump(exclude_unset=True)
        check_characters(given)
        asked = parse_spec(given)
        found = await service.store.read(lambda store: _answered(store, asked))
    except SpecError as error:
        raise ApiError(
            422, "invalid", str(error)[:SHOWN_CHARS], "see docs/funnel.md for the form"
        ) from error
    shown = floor_for(caller, service.settings).funnel(found)
    return Response(to_bytes(shown), media_type="application/json")


def _answered(store: Any, asked: FunnelSpec) -> dict[str, Any]:
    """The answer's document, from the stored events."""
    breakdown = asked.breakdown
    persons = stored_profiles(store) if breakdown is not None and breakdown.of_person else None
    if persons is not None and breakdown is not None and breakdown.name not in persons.column_names:
        raise SpecError(
            f"breakdown: expected one of {', '.join(persons.column_names[1:])}, "
            f"found {breakdown.name!r}"
        )
    with open_events(stored_events(store)) as relation:
        return document(read_funnel(relation, asked, persons))
