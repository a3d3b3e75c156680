"""``GET /v1/retention`` and ``GET /v1/paths``: who comes back, and which ways people take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Response

from profiles.funnel.paths import GAP_S, read_paths
from profiles.funnel.relation import Relation, open_events
from profiles.funnel.retention import read_retention
from profiles.funnel.spec import Match
from profiles.funnel.stored import stored_events
from serving.api import small_groups
from serving.api.deps import BareServiceDep, EventName, ProfilesKey
from serving.api.floor import floor_for
from serving.api.people_access import answered
from serving.api.results import to_bytes
from serving.api.segment_schemas import PathsAnswer, RetentionAnswer
from serving.api.service import Service
from serving.api.strict import refusals, strict_router
from serving.funnel import retention_document
from serving.numbers import finite

router: Final = strict_router("funnels")


@router.get(
    "/v1/retention",
    responses={200: {"model": RetentionAnswer}, **refusals(404)},
    response_model=None,
    summary="Who comes back",
)
async def retention(
    caller: ProfilesKey,
    service: BareServiceDep,
    start: EventName = None,
    back: EventName = None,
    unit: Literal["day", "week", "month"] = "week",
    periods: Annotated[int, Query(ge=1, le=366)] = 8,
    cohort: Literal["first", "recurring"] = "first",
    count: Literal["exact", "rolling"] = "exact",
) -> Response:
    """What `tingfeng retention --json` prints; without `start` or `back` (or with *) any event.

    Keys without the scope admin see rounded counts, and no cohort below the smallest group.
    """
    first, again = _match(start), _match(back)

    def asked(events: Relation) -> dict[str, Any]:
        found = read_retention(
            events, first, again, unit=unit, periods=periods, cohort=cohort, count=count
        )
        return retention_document(found)

    found = await _of_events(service, asked)
    return _json(small_groups.retention(floor_for(caller, service.settings), found))


@router.get(
    "/v1/paths",
    responses={200: {"model": PathsAnswer}, **refusals(404)},
    response_model=None,
    summary="The ways people take",
)
async def paths(
    caller: ProfilesKey,
    service: BareServiceDep,
    start: EventName = None,
    end: EventName = None,
    steps: Annotated[int, Query(ge=2, le=20)] = 5,
    gap_s: Annotated[
        float, Query(gt=0, le=31_536_000, description="silence that ends a session")
    ] = GAP_S,
    top: Annotated[int, Query(ge=1, le=50, description="events by name at each place")] = 8,
) -> Response:
    """What `tingfeng paths --json` prints: nodes and links of a Sankey diagram.

    Keys without the scope admin see rounded counts, and no link of too few persons.
    """

    def asked(events: Relation) -> dict[str, Any]:
        return asdict(read_paths(events, start=start, end=end, steps=steps, gap_s=gap_s, top=top))

    found = await _of_events(service, asked)
    return _json(small_groups.paths(floor_for(caller, service.settings), found))


def _match(event: str | None) -> Match:
    return Match(events=() if event in (None, "*") else (str(event),))


async def _of_events(
    service: Service, asked: Callable[[Relation], dict[str, Any]]
) -> dict[str, Any]:
    events = await service.store.read(stored_events)

    def job() -> dict[str, Any]:
        with answered(), open_events(events) as relation:
            return asked(relation)

    return await service.store.compute(job)


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(finite(document)), media_type="application/json")
